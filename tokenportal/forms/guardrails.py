"""A guardrail as an admin fills it in."""

from collections.abc import Mapping
from typing import Any

from django import forms

from tokenportal.policy.default_rules import MORE_THAN_READING
from tokenportal.policy.guardrail_words import REACHING
from tokenportal.policy.guardrails import ADMINS, TEAM, Effects, Match, Rule

type Choices = list[tuple[str, str]]
MANY = ("groups", "levels", "categories", "scopes", "connections", "teams")
NOT_ON_THE_LIST = "This is not on the list any more. Choose from the list."


def _number(label: str, hint: str, most: int) -> forms.IntegerField:
    sentence = f"Enter a number from 1 to {most}, or leave it empty."
    return forms.IntegerField(
        label=label, required=False, min_value=1, max_value=most, help_text=hint,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": 6}),
        error_messages={"invalid": sentence, "min_value": sentence, "max_value": sentence},
    )  # fmt: skip


def _sentence(label: str, hint: str) -> forms.CharField:
    return forms.CharField(label=label, required=False, help_text=hint, widget=forms.Textarea(attrs={"rows": 2}))


class GuardrailForm(forms.Form):
    """``choices`` gives id and words for each of MANY; ``teams`` are also those whose approvers can be asked."""

    title = forms.CharField(
        label="Title",
        help_text="Whoever asks for a token reads it, beside what the rule asks for.",
        error_messages={"required": "Enter a title."},
    )
    explanation = _sentence("Why there is this rule", "Read by those whom it asks for something.")
    breadth = forms.ChoiceField(
        label="Reach", required=False, choices=[("", "Any"), *((slug, words[0].upper() + words[1:]) for slug, words in REACHING.items())],
        error_messages={"invalid_choice": NOT_ON_THE_LIST},
    )  # fmt: skip
    longer_than = _number("Lasting more than this many days", "A token without an end lasts longer than any.", 3650)
    creates_tokens = forms.BooleanField(label="Only tokens that can create tokens", required=False)
    from_anywhere = forms.BooleanField(label="Only tokens that work from anywhere", required=False)
    refuse = _sentence(
        "Refuse it, with this sentence", "Nobody can create such a token, whoever approves it. Say what to do instead."
    )
    approvals = _number("How many people must approve it", "Nobody approves what they asked for or wrote.", 9)
    source = forms.ChoiceField(label="Among whom", required=False, error_messages={"invalid_choice": NOT_ON_THE_LIST})
    reason = forms.BooleanField(label="Whoever asks says why, or names the ticket", required=False)
    end_within = _number("It must end within this many days", "", 3650)
    addresses = forms.BooleanField(label="It must work from certain addresses only", required=False)
    warn = _sentence("Warn, with this sentence", "Shown to whoever asks and to reviewers. It holds nothing up.")
    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, choices: Mapping[str, Choices], **options: Any) -> None:
        super().__init__(*args, **options)
        for name in MANY:
            self.fields[name] = forms.MultipleChoiceField(
                choices=choices[name], required=False, label=name.capitalize(),
                error_messages={"invalid_choice": NOT_ON_THE_LIST, "invalid_list": NOT_ON_THE_LIST},
            )  # fmt: skip
        others = [(id, f"Approvers of {team} and admins") for id, team in choices["teams"]]
        among = [(TEAM, "The approvers of the request’s team, and admins"), (ADMINS, "Admins"), *others]
        self.fields["source"].choices = among  # type: ignore[attr-defined]

    @property
    def when(self) -> Match:
        given = self.cleaned_data
        return Match(
            **{name: tuple(given[name]) for name in MANY},
            breadth=given["breadth"], creates_tokens=given["creates_tokens"], longer_than=given["longer_than"] or 0,
            from_anywhere=given["from_anywhere"],
        )  # fmt: skip

    @property
    def then(self) -> Effects:
        given = self.cleaned_data
        return Effects(
            refuse=given["refuse"], end_within=given["end_within"] or 0, addresses=given["addresses"], reason=given["reason"],
            approvals=given["approvals"] or 0, source=given["source"] or TEAM, warn=given["warn"],
        )  # fmt: skip


def filled(rule: Rule | None, revision: int) -> dict[str, Any]:
    """What the form of a rule begins with; of a new one, that it is about what does more than read."""
    if rule is None:
        return {"levels": [*MORE_THAN_READING], "revision": 0, "source": TEAM}
    found = {**rule.to_json()["when"], **rule.to_json()["then"]}
    found |= {name: found[name] or None for name in ("longer_than", "end_within", "approvals")}
    return {**found, "title": rule.title, "explanation": rule.explanation, "revision": revision}
