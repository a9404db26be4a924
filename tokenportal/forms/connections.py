"""What an admin types about a connection. The credential is never shown again, not even when something else was wrong."""

import re

from django import forms

from tokenportal.forms.people import plain_text
from tokenportal.models import Connection

USER_PREFIX = "cfut_"


def name_field() -> forms.CharField:
    return forms.CharField(
        label="Name", max_length=64, help_text="What requesters will see, such as Acme production.", validators=[plain_text],
        error_messages={"required": "Give the connection a name that requesters will recognise."},
    )  # fmt: skip


def credential_field(label: str) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=400, widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="It is sealed when it is stored, and never shown again.",
        error_messages={"required": "Paste the parent token.", "max_length": "That is too long for an API token."},
    )  # fmt: skip


class ConnectionForm(forms.Form):
    kind = forms.ChoiceField(
        label="Kind", choices=Connection.Kind.choices, initial=Connection.Kind.ACCOUNT,
        error_messages={"required": "Choose whose tokens it will create.", "invalid_choice": "Choose one of the two kinds."},
    )  # fmt: skip
    name = name_field()
    account_id = forms.CharField(
        label="Account id", required=False, max_length=64,
        help_text="For an account-owned connection: the 32 hexadecimal digits after dash.cloudflare.com/ in the dashboard's address.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )  # fmt: skip
    credential = credential_field("Parent token")

    def clean_account_id(self) -> str:
        """Needed for the account-owned kind, unless the pasted prefix tells that it is the other one."""
        typed = self.cleaned_data["account_id"].strip().lower()
        told_user = self.data.get("credential", "").strip().startswith(USER_PREFIX)
        needed = self.data.get("kind") == Connection.Kind.ACCOUNT and not told_user
        if (typed or needed) and not re.fullmatch(r"[0-9a-f]{32}", typed):
            raise forms.ValidationError("Enter the account's id: 32 hexadecimal digits. It stands in the dashboard's address.")
        return typed


class ChangeForm(forms.Form):
    name = name_field()
    is_active = forms.BooleanField(label="Can be used for new tokens", required=False)


class CredentialForm(forms.Form):
    credential = credential_field("New parent token")
