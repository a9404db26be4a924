"""What stands between a spec and a token, section by section, in sentences that say what to do."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tokenportal.policy import moments, networks, resources
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import NAME_MAX
from tokenportal.policy.spec import AccessBlock, TokenSpec
from tokenportal.policy.surroundings import Surroundings

MAX_BLOCKS: Final = 20
MAX_DAYS: Final = 3650
MAX_RANGES: Final = 100
PURPOSE_MAX: Final = 2000
_BLANK_LETTERS: Final = "\u115f\u1160\u2800\u3164\uffa0"
_INVISIBLE: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Problem:
    """`section` and `field` name the place, `index` the row there (from 0) where it helps.

    `missing`: nothing has been chosen yet, which is no mistake while one is still writing. `idle` is the id of an exclusion
    that excludes nothing.
    """

    section: str
    field: str
    sentence: str
    missing: bool = False
    index: int | None = None
    idle: str = ""


def problems(spec: TokenSpec, catalogue: Catalogue, surroundings: Surroundings, *, now: datetime) -> tuple[Problem, ...]:
    """Everything that keeps this spec from becoming a token, in the order of the form."""
    found = [*_purpose(spec)]
    if not spec.blocks:
        found.append(Problem("access-1", "permissions", "Choose at least one permission.", missing=True))
    if len(spec.blocks) > MAX_BLOCKS:
        found.append(Problem("access-1", "permissions", f"Use at most {MAX_BLOCKS} access blocks."))
    for number, block in enumerate(spec.blocks, start=1):
        found += _block(f"access-{number}", block, catalogue, surroundings)
    return (*found, *_addresses(spec), *_times(spec, now))


def section_states(spec: TokenSpec, found: tuple[Problem, ...]) -> dict[str, str]:
    """For each section "not started", "complete" or "problem"."""
    slugs = ["purpose", "connection", *(f"access-{n}" for n in range(1, max(len(spec.blocks), 1) + 1)), "restrictions"]
    states = {}
    for slug in slugs:
        mine = [problem for problem in found if problem.section == slug]
        states[slug] = "complete" if not mine else "not started" if all(p.missing for p in mine) else "problem"
    return states


def unshowable(text: str) -> str:
    """The first character that cannot be seen or that turns text around, as U+202E; "" where there is none."""
    for character in text:
        if unicodedata.category(character) in _INVISIBLE or character in _BLANK_LETTERS or character == "\ufffd":
            return f"U+{ord(character):04X}"
    return ""


def _purpose(spec: TokenSpec) -> Iterator[Problem]:
    name = spec.name.strip()
    if not name:
        yield Problem("purpose", "name", "Give the token a name that says what it is for.", missing=not spec.name)
    elif len(name) > NAME_MAX:
        yield Problem("purpose", "name", f"Shorten the name to {NAME_MAX} characters or fewer; it has {len(name)}.")
    if code := unshowable(name):
        yield Problem("purpose", "name", f"Take the invisible character {code} out of the name.")
    purpose = spec.purpose.strip()
    if len(purpose) > PURPOSE_MAX:
        yield Problem("purpose", "purpose", f"Shorten this to {PURPOSE_MAX} characters or fewer; it has {len(purpose)}.")
    if code := unshowable(purpose.replace("\r", "").replace("\n", "").replace("\t", "")):
        yield Problem("purpose", "purpose", f"Take the invisible character {code} out of the text.")


def _block(section: str, block: AccessBlock, catalogue: Catalogue, around: Surroundings) -> Iterator[Problem]:
    if code := unshowable(block.label):
        yield Problem(section, "label", f"Take the invisible character {code} out of the label.")
    if not block.permissions:
        yield Problem(section, "permissions", "Choose at least one permission.", missing=True)
    groups = []
    for index, id in enumerate(block.permissions):
        group = catalogue.get(id)
        if group is None:
            yield Problem(
                section, "permissions", "This connection does not offer one of the permissions. Remove it.", index=index
            )
        elif group.scope == "other":
            yield Problem(
                section,
                "permissions",
                f"{group.name} is for a kind of resource that cannot be chosen here. Remove it.",
                index=index,
            )
        elif group.scope == "user" and around.owner.kind == "account":
            yield Problem(
                section, "permissions",
                f"An account-owned token cannot hold {group.label}: {group.level_label}. Remove it, or use a user connection.",
                index=index,
            )  # fmt: skip
        else:
            groups.append(group)
    scopes = {group.scope for group in groups}
    if "zone" in scopes:
        yield from _zones(section, block, around)
    if "account" in scopes:
        yield from _accounts(section, block, around)
    if "bucket" in scopes:
        yield from _buckets(section, block, around)


def _zones(section: str, block: AccessBlock, around: Surroundings) -> Iterator[Problem]:
    choice = block.zones
    if choice.mode == "these":
        if not choice.zones and not choice.unknown:
            yield Problem(section, "zones", "Choose at least one zone.", missing=True)
        for index, name in enumerate(choice.unknown):
            yield Problem(section, "zones", f"No zone of this connection is called {name!r}. Correct or remove it.", index=index)
        for id in choice.zones:
            if id not in around.zones:
                yield Problem(section, "zones", f"The zone {id} is not among those that this connection sees. Remove it.")
        if choice.except_zones or choice.except_accounts or choice.unknown_except:
            yield Problem(section, "except", "An exclusion needs a wider choice beside it. Choose all zones, or clear it.")
        return
    if choice.mode == "accounts":
        if not choice.accounts:
            yield Problem(section, "zones", "Choose the account whose zones are meant.", missing=True)
        yield from _known_accounts(section, "zones", choice.accounts, around)
    for index, name in enumerate(choice.unknown_except):
        yield Problem(section, "except", f"No zone of this connection is called {name!r}. Correct or remove it.", index=index)
    for id in choice.except_zones:
        zone = around.zones.get(id)
        if zone is None:
            sentence = f"The zone {id} is not among those that this connection sees. Remove it."
            yield Problem(section, "except", sentence, idle=id)
        elif choice.mode == "accounts" and zone.account_id not in choice.accounts:
            sentence = f"{zone.name} is in none of the chosen accounts, so excluding it does nothing."
            yield Problem(section, "except", sentence, idle=id)
    yield from _known_accounts(section, "except", choice.except_accounts, around)
    for id in choice.except_accounts:
        if (choice.mode == "accounts" and id in choice.accounts) or (around.owner.kind, around.owner.id) == (
            "account",
            id,
        ):
            yield Problem(section, "except", f"All zones of {around.account_name(id)} are chosen and excluded. Undo one.")
        elif choice.mode == "accounts":
            yield Problem(section, "except", f"{around.account_name(id)} is not chosen, so excluding it does nothing.", idle=id)


def _accounts(section: str, block: AccessBlock, around: Surroundings) -> Iterator[Problem]:
    choice = block.accounts
    if choice.mode == "these":
        if not choice.accounts:
            yield Problem(section, "accounts", "Choose at least one account.", missing=True)
        yield from _known_accounts(section, "accounts", choice.accounts, around)
        if choice.except_accounts:
            yield Problem(section, "accounts-except", "An exclusion needs a wider choice beside it. Choose all accounts.")
        return
    yield from _known_accounts(section, "accounts-except", choice.except_accounts, around)
    if around.owner.kind == "account" and around.owner.id in choice.except_accounts:
        yield Problem(section, "accounts-except", "That is the only account that this token can reach. Clear the exclusion.")


def _known_accounts(section: str, field: str, ids: tuple[str, ...], around: Surroundings) -> Iterator[Problem]:
    for id in ids:
        idle = id if field in ("except", "accounts-except") else ""
        if around.owner.kind == "account" and id != around.owner.id:
            name = around.account_name(around.owner.id)
            yield Problem(
                section, field, f"A token of {name} reaches no other account. Remove {around.account_name(id)}.", idle=idle
            )
        elif id not in around.accounts and (around.owner.kind, around.owner.id) != ("account", id):
            yield Problem(section, field, f"The account {id} is not among those that this connection sees. Remove it.", idle=idle)


def _buckets(section: str, block: AccessBlock, around: Surroundings) -> Iterator[Problem]:
    if not [text for text in block.buckets if text.strip()]:
        yield Problem(section, "buckets", "Name at least one R2 bucket.", missing=True)
    for index, text in enumerate(block.buckets):
        bucket = resources.parse_bucket(text)
        if bucket is None:
            yield Problem(
                section, "buckets", f"Write {text!r} as account id/jurisdiction/bucket, with default, eu or fedramp in the middle.",
                index=index,
            )  # fmt: skip
        else:
            yield from _known_accounts(section, "buckets", (bucket.account_id,), around)


def _addresses(spec: TokenSpec) -> Iterator[Problem]:
    for field, rows in (("allow", spec.client_ips.allow), ("block", spec.client_ips.block)):
        if len(rows) > MAX_RANGES:
            yield Problem("restrictions", field, f"Use at most {MAX_RANGES} ranges.")
        for index, row in enumerate(rows):
            if not row.strip() or networks.parse(row):
                continue
            meant = networks.parse(row, host_bits=True)
            sentence = (
                f"{row.strip()} has host bits set. Did you mean {meant}?"
                if meant
                else f"{row.strip()[:60]!r} is not an IP range. Enter it in CIDR form, like 203.0.113.0/24."
            )
            yield Problem("restrictions", field, sentence, index=index)


def _times(spec: TokenSpec, now: datetime) -> Iterator[Problem]:
    validity = spec.validity
    form = "Enter a day like 2027-03-31, or a moment in UTC like 2027-03-31T12:00:00Z."
    starts, until = moments.parse(validity.starts), None
    if validity.starts.strip() and starts is None:
        yield Problem("restrictions", "starts", form)
    if validity.lifetime == "until":
        until = moments.parse(validity.until, end_of_day=True)
        if not validity.until.strip():
            yield Problem("restrictions", "until", "Enter the day on which the token ends.", missing=True)
        elif until is None:
            yield Problem("restrictions", "until", form)
        elif until <= now:
            yield Problem("restrictions", "until", f"{moments.in_words(until)} is in the past. Choose a later end.")
        elif until > moments.end_of_lifetime(now, MAX_DAYS):
            yield Problem("restrictions", "until", f"Choose an end within {MAX_DAYS} days, or no end.")
    elif validity.lifetime == "days":
        if not 1 <= validity.days <= MAX_DAYS:
            yield Problem("restrictions", "until", f"Choose a lifetime of 1 to {MAX_DAYS} days.")
        until = moments.end_of_lifetime(now, validity.days)
    if starts and until and starts >= until:
        yield Problem("restrictions", "starts", "The token would end before it starts. Choose an earlier start or a later end.")
