"""What people type about themselves, each other and teams."""

from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from tokenportal import visible

NAME_RULE = RegexValidator(r"^[\w.@+-]+\Z", "Use letters, digits and . @ + - _ only, without blanks.", code="name")


def plain_text(text: str) -> None:
    """Refuses characters that a reader cannot see, such as those that turn the direction of writing."""
    if any(map(visible.is_hidden, text)):
        raise ValidationError("This holds characters that nobody can see. Type it anew.", code="invisible")


def zones() -> list[tuple[str, str]]:
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix/")))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


def required(sentence: str) -> dict[str, str]:
    return {"required": sentence}


class PasswordBox(forms.PasswordInput):
    def __init__(self, *, new: bool) -> None:
        super().__init__(attrs={"autocomplete": "new-password" if new else "current-password"})


def password_field(label: str, *, new: bool, hint: str = "") -> forms.CharField:
    return forms.CharField(
        label=label, strip=False, max_length=256, widget=PasswordBox(new=new), help_text=hint,
        error_messages=required(f"Enter the {label.lower()}." if new else "Enter your password."),
    )  # fmt: skip


def username_field(hint: str = "") -> forms.CharField:
    return forms.CharField(
        label="Name", max_length=64, validators=[NAME_RULE, plain_text], help_text=hint,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages=required("Enter a name to sign in with."),
    )  # fmt: skip


def email_field() -> forms.EmailField:
    return forms.EmailField(
        label="E-mail address",
        error_messages={
            "required": "Enter an e-mail address.",
            "invalid": "Enter an e-mail address with an @, like name@example.com.",
        },
    )


WHAT_IS_ACCEPTED = "At least 12 characters. A few words in a row are fine."


class SignInForm(forms.Form):
    username = forms.CharField(
        label="Name", max_length=254, error_messages=required("Enter your name."),
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )  # fmt: skip
    password = password_field("Password", new=False)


class AgainForm(forms.Form):
    password = password_field("Password", new=False)


class SetUpForm(forms.Form):
    code = forms.CharField(
        label="Set-up code", max_length=64, error_messages=required("Enter the set-up code."),
        help_text="The command manage.py set_up_code prints it on the server.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "mono", "spellcheck": "false"}),
    )  # fmt: skip
    username = username_field("You sign in with it. Small letters and capitals are the same.")
    email = email_field()
    password = password_field("Password", new=True, hint=WHAT_IS_ACCEPTED)


class PasswordForm(forms.Form):
    current_password = password_field("Present password", new=False)
    new_password = password_field("New password", new=True, hint=WHAT_IS_ACCEPTED)


class TimeZoneForm(forms.Form):
    time_zone = forms.ChoiceField(
        label="Time zone", choices=zones, help_text="Times are shown in UTC, and in this zone beside it.",
        error_messages={"invalid_choice": "Choose a time zone from the list."},
    )  # fmt: skip


class PersonForm(forms.Form):
    username = username_field("They sign in with it. Small letters and capitals are the same.")
    email = email_field()
    is_admin = forms.BooleanField(
        label="Admin", required=False, help_text="Adds people, teams and connections. Reads the audit log."
    )
    is_auditor = forms.BooleanField(
        label="Auditor", required=False, help_text="Reads the audit log and every token, and changes nothing."
    )


class TeamForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=64, validators=[plain_text], error_messages=required("Enter a name for the team.")
    )


class MemberForm(forms.Form):
    """Whom to put into a team. ``choices`` are the people who may be chosen: id and name."""

    field_order = ("person", "is_requester", "is_approver")
    is_requester = forms.BooleanField(label="Requester", required=False)
    is_approver = forms.BooleanField(label="Approver", required=False)

    def __init__(self, *args: object, choices: list[tuple[str, str]], **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.fields["person"] = forms.ChoiceField(
            label="Person", choices=choices,
            error_messages={"required": "Choose a person.", "invalid_choice": "Choose a person from the list."},
        )  # fmt: skip
        self.order_fields(self.field_order)
