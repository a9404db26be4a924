"""Of which days an evidence pack shall hold the events."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

WRONG = {"invalid": "Enter a day such as 2026-03-31, or leave it empty."}


class DayBox(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class EvidenceForm(forms.Form):
    first = forms.DateField(
        label="Events from", required=False, widget=DayBox(), input_formats=["%Y-%m-%d"], error_messages=WRONG,
        help_text="The first day, in UTC. Leave it empty to begin with the first event.",
    )  # fmt: skip
    last = forms.DateField(
        label="Until", required=False, widget=DayBox(), input_formats=["%Y-%m-%d"], error_messages=WRONG,
        help_text="The last day, in UTC. Leave it empty for all up to now.",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = found.get("first"), found.get("last")
        if first and last and last < first:
            raise ValidationError({"last": "Enter a day that is not before the first one."})
        if last == date.max:
            raise ValidationError({"last": WRONG["invalid"]})
        return found
