"""The language of API tokens: what is wanted, what it compiles to, what that grants, and what is wrong with it.

Pure Python: frozen dataclasses and total functions, without Django, network or clock. Read `spec` first, then
`compile`, then `evaluate`; `words` says a payload in a sentence.
"""
