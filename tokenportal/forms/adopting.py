"""Who shall answer for a token that the portal did not make."""

from django import forms

from tokenportal.forms.people import plain_text

Choices = list[tuple[str, str]]


class AdoptForm(forms.Form):
    """``teams`` and ``people`` are what may be chosen: ids as text, and names. ``asks_reason``: somebody will want to know why."""

    purpose = forms.CharField(
        label="Used by", max_length=2000, strip=True, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Which program uses it, and where.",
        error_messages={"required": "Say what uses it, so that somebody knows whom to ask before it ends."},
    )  # fmt: skip
    reason = forms.CharField(
        label="Why shall it be adopted?", max_length=2000, strip=True, required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="A reason or a ticket. Whoever sees the request can read it.",
    )  # fmt: skip
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def __init__(self, *args: object, teams: Choices, people: Choices, asks_reason: bool = False, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.fields["team"] = _choice(
            "Team", [("", "Choose a team"), *teams], "Choose the team that answers for it.", "Its members see the token."
        )
        self.fields["owner"] = _choice(
            "Owner", [("", "Choose a person"), *people], "Choose who owns it.", "Is told before it ends. A member of the team."
        )
        self.fields["backup_owner"] = _choice("Back-up owner", [("", "Nobody"), *people], "", "For when the owner is away.")
        self.order_fields(("team", "owner", "backup_owner", "purpose", "reason", "seen"))
        if not asks_reason:
            del self.fields["reason"]

    def clean_purpose(self) -> str:
        return self._plain("purpose")

    def clean_reason(self) -> str:
        return self._plain("reason")

    def _plain(self, name: str) -> str:
        text: str = self.cleaned_data[name]
        for line in text.splitlines():
            plain_text(line)
        return text


def _choice(label: str, choices: Choices, missing: str, hint: str) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, choices=choices, required=bool(missing), help_text=hint,
        error_messages={"required": missing, "invalid_choice": "Choose one from the list."},
    )  # fmt: skip
