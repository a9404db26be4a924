"""What an action says about a value that it cannot take."""


class Invalid(ValueError):
    """A value cannot be taken: ``field`` is the name of its form field, ``sentences`` say what to do about it."""

    def __init__(self, field: str, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.field = field
        self.sentences = sentences
