"""A value that leaked, or a text that holds one. It is never shown again, not even when something was wrong with it."""

from typing import Any

from django import forms


class Unechoed(forms.Textarea):
    """A box that comes back empty."""

    def format_value(self, value: Any) -> None:
        return None


class LeakForm(forms.Form):
    value = forms.CharField(
        label="Value, or text with it", widget=Unechoed(attrs={
            "rows": 4, "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "class": "mono",
        }),
        help_text="A token, a line of a log, a piece of a file. It is compared and forgotten: nothing of it is kept or shown again.",
        error_messages={"required": "Paste the value that leaked, or the text that holds it."},
    )  # fmt: skip
