"""Who answers for a token, and what uses it."""

from uuid import UUID

from django import forms

Choices = list[tuple[str, str]]


def person(text: str) -> UUID | None:
    return UUID(text) if text else None


class OwnersForm(forms.Form):
    """``people`` are those who can own the token: id and name. The clean data holds ids, None for nobody."""

    purpose = forms.CharField(
        label="What uses it", required=False, widget=forms.Textarea(attrs={"rows": 3, "data-testid": "purpose"}),
        help_text="The service, job or person that holds its secret, so that others know whom to ask.",
    )  # fmt: skip
    field_order = ("owner", "backup_owner", "purpose")

    def __init__(self, *args: object, people: Choices, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        wrong = {"required": "Choose an owner.", "invalid_choice": "Choose a person from the list."}
        self.fields["owner"] = forms.TypedChoiceField(
            label="Owner", choices=[("", "Choose an owner"), *people], coerce=person, error_messages=wrong,
            help_text="Cares for the token and is told before it ends.",
        )  # fmt: skip
        self.fields["backup_owner"] = forms.TypedChoiceField(
            label="Back-up owner", choices=[("", "Nobody"), *people], coerce=person, empty_value=None, required=False,
            error_messages=wrong, help_text="May do the same, and is told too.",
        )  # fmt: skip
        self.order_fields(self.field_order)
