"""Everything that a person or the worker can do: one function each, with a keyword-only ``by``."""
