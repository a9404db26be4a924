"""The guardrails that a new installation has: small things pass, big ones take two people. Admins change or switch off each."""

from typing import Final

from tokenportal.policy.guardrails import ADMINS, Effects, Match, Rule

MORE_THAN_READING: Final = ("edit", "admin", "purge", "revoke", "run", "report", "send", "index", "bind")
A_YEAR: Final = 366
A_QUARTER: Final = 90

DEFAULT_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "creates-tokens", "Tokens that can create tokens",
        Match(creates_tokens=True),
        Effects(approvals=2, reason=True, end_within=A_QUARTER),
        "Whoever holds such a token can make others with any rights. Two people must want it, and it ends soon.",
    ),
    Rule(
        "creates-tokens-admin", "Tokens that can create tokens: an admin among them",
        Match(creates_tokens=True),
        Effects(approvals=1, source=ADMINS, addresses=True),
        "One of those who approve is an admin, and a stolen secret is of no use elsewhere.",
    ),
    Rule(
        "everything", "More than reading, everywhere",
        Match(levels=MORE_THAN_READING, breadth="all"),
        Effects(approvals=2, reason=True),
        "It reaches every account, also those that do not exist yet.",
    ),
    Rule(
        "all-zones", "More than reading on all zones of an account",
        Match(levels=MORE_THAN_READING, scopes=("zone",), breadth="account"),
        Effects(approvals=1, reason=True),
        "One lost secret would take down every site of the account. Naming the zones needs no approval.",
    ),
    Rule(
        "people-and-money", "Changing people, access or billing",
        Match(levels=MORE_THAN_READING, categories=("account_and_billing", "cloudflare_one_and_zero_trust"), scopes=("account", "user")),
        Effects(approvals=1, reason=True),
        "These decide who gets in and what is paid for.",
    ),
    Rule(
        "ends", "What can change things ends within a year",
        Match(levels=MORE_THAN_READING),
        Effects(end_within=A_YEAR),
        "A token that never ends is found by somebody one day. Renewing one takes a click.",
    ),
    Rule(
        "account-wide", "More than reading on a whole account",
        Match(levels=MORE_THAN_READING, scopes=("account", "user"), breadth="account", from_anywhere=True),
        Effects(warn="It can change things in a whole account from anywhere. Where its user has fixed addresses, name them."),
        "An address restriction makes a lost secret nearly worthless.",
    ),
)  # fmt: skip
