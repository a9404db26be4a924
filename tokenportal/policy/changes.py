"""What changed between two states of a draft, in words by meaning, section by section, and whether it allows more or less.

What the two compile to is compared by `diff`; the rest here is what only a draft says: its name and purpose, whom it belongs
to, ends that count from today, and entries that are kept though they do not count or cannot be read. Order is no change.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from tokenportal.policy import diff, entries, lifetimes, networks
from tokenportal.policy import spec as specs
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.diff import Change, Difference, Direction
from tokenportal.policy.entries import Side
from tokenportal.policy.spec import ClientIPs, TokenSpec, Validity
from tokenportal.policy.surroundings import Owner, Surroundings

SECTIONS: Final = ("purpose", "connection", "access", "restrictions")
QUOTED_AT_MOST: Final = 120
ALIKE_QUOTED: Final = 40
_NOWHERE: Final = Surroundings(Owner("account", ""))


@dataclass(frozen=True, slots=True)
class Document:
    """A spec with what belongs to it besides: people and connection by name ("" for none), and what the connection offers.

    `at` is when it stood so; `frozen` says that its lifetime in days, if any, was made an exact moment then.
    """

    spec: TokenSpec
    owner: str
    backup_owner: str
    connection: str
    catalogue: Catalogue
    around: Surroundings
    at: datetime
    frozen: bool = False


def alike(old: Document, new: Document) -> bool:
    """Whether two states say the same, so that no word is to be said of a change."""
    old, new = thawed(old, new), thawed(new, old)
    return (
        _people(old) == _people(new)
        and entries.alike(old.spec.blocks, new.spec.blocks)
        and _ranges(old.spec.client_ips) == _ranges(new.spec.client_ips)
        and not [*lifetimes.changes(*_validities(old, new), new.at)]
    )


def compare(old: Document, new: Document) -> Difference:
    """From `old` to `new`: each change as a sentence with its section. "narrower" is the same promise as that of `diff`."""
    at = old.at if old.frozen and not new.frozen else new.at
    old, new = thawed(old, new), thawed(new, old)
    return Difference((
        *_in("purpose", _purpose(old, new)), *_in("connection", _connection(old, new)), *_in("access", _access(old, new)),
        *_in("restrictions", _restrictions(old, new, at)),
    ))  # fmt: skip


def by_section(found: Difference) -> dict[str, tuple[Change, ...]]:
    """The changes of each section that has any, in the order of the form."""
    sections = {slug: tuple(change for change in found.changes if change.section == slug) for slug in SECTIONS}
    return {slug: changes for slug, changes in sections.items() if changes}


def thawed(one: Document, other: Document) -> Document:
    """Beside a lifetime that counts from today, one that was frozen counts so too: else time alone would be a change."""
    if not one.frozen or specs.is_frozen(other.spec):
        return one
    return replace(one, spec=specs.thaw(one.spec, one.at))


def _in(section: str, changes: Iterable[Change]) -> Iterator[Change]:
    return (replace(change, section=section) for change in changes)


def _people(document: Document) -> tuple[str, ...]:
    spec = document.spec
    return spec.name.strip(), _line(spec.purpose), document.owner, document.backup_owner, document.connection


def _line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str, start: int = 0) -> str:
    said = text[start:]
    cut = said if len(said) <= QUOTED_AT_MOST else f"{said[:QUOTED_AT_MOST]}…"
    return f"“{'…' if start else ''}{cut}”" if text else ""


def _both(old: str, new: str) -> tuple[str, str]:
    """Two texts as they are quoted: where they begin alike for longer than is quoted, from shortly before they part."""
    parting = next((place for place, (was, now) in enumerate(zip(old, new, strict=False)) if was != now), min(len(old), len(new)))
    start = parting - ALIKE_QUOTED if parting >= QUOTED_AT_MOST else 0
    return _quoted(old, start), _quoted(new, start)


def _purpose(old: Document, new: Document) -> Iterator[Change]:
    said = (
        ("Is called", "no name", *_both(old.spec.name.strip(), new.spec.name.strip())),
        ("Used by", "nothing that is said", *_both(_line(old.spec.purpose), _line(new.spec.purpose))),
        ("The owner is", "nobody", old.owner, new.owner),
        ("The back-up owner is", "nobody", old.backup_owner, new.backup_owner),
    )
    changed = [was != now for was, now in zip(_people(old)[:4], _people(new)[:4], strict=True)]
    for (what, nothing, was, now), differs in zip(said, changed, strict=True):
        if differs:
            yield Change(f"{what} {now or nothing}; before, {was or nothing}.", "same")


def _connection(old: Document, new: Document) -> Iterator[Change]:
    """Without a connection nothing can be sent; through another owner's it may be another account, or act as somebody else."""
    if old.connection == new.connection:
        return
    if not old.connection:
        yield Change(f"Goes through {new.connection}; before, no connection was chosen.", "wider")
    elif not new.connection:
        yield Change(f"Goes through no connection any more; before, through {old.connection}.", "narrower")
    else:
        owners = {(one.around.owner.kind, one.around.owner.id) for one in (old, new)}
        yield Change(
            f"Goes through {new.connection}; before, through {old.connection}.", "same" if len(owners) == 1 else "both"
        )  # fmt: skip


def _access(old: Document, new: Document) -> Iterator[Change]:
    # What has no connection yet is seen through the other's, so that choosing one is one change.
    through_old, through_new = (old if old.connection else new), (new if new.connection else old)
    before = Side(old.spec.blocks, through_old.catalogue, through_old.around.owner)
    after = Side(new.spec.blocks, through_new.catalogue, through_new.around.owner)
    around = _around(through_old.around, through_new.around)
    yield from diff.compare({"policies": before.policies}, {"policies": after.policies}, through_new.catalogue, around).changes
    yield from entries.untold(before, after, around)


def _around(old: Surroundings, new: Surroundings) -> Surroundings:
    """The names that either side knows."""
    return replace(
        new, accounts={**old.accounts, **new.accounts}, zones={**old.zones, **new.zones},
        zone_counts={**old.zone_counts, **new.zone_counts},
    )  # fmt: skip


def _restrictions(old: Document, new: Document, at: datetime) -> Iterator[Change]:
    yield from _addresses(old.spec.client_ips, new.spec.client_ips)
    yield from lifetimes.changes(*_validities(old, new), at)
    was, now = _is_stuck(old.spec), _is_stuck(new.spec)
    if now and not was:
        yield Change("As it stands it grants nothing, since its restrictions cannot be read to the end.", "narrower")
    elif was and not now:
        yield Change("Its restrictions can be read now, so that it grants what is chosen.", "wider")


def _validities(old: Document, new: Document) -> tuple[Validity, Validity]:
    """Without the end dates that are set aside where one of them was lost: freezing wrote over it."""
    validities = old.spec.validity, new.spec.validity
    if any(one.frozen and one.spec.validity.lifetime == "days" for one in (old, new)):
        return replace(validities[0], until=""), replace(validities[1], until="")
    return validities


@dataclass(frozen=True, slots=True)
class _Rows:
    """The ranges of a list as Cloudflare takes them, and the rows that cannot be read."""

    read: tuple[str, ...]
    unread: frozenset[str]

    @property
    def is_lost(self) -> bool:
        """Whether something was typed of which nothing can be read."""
        return bool(self.unread) and not self.read


def _rows(typed: tuple[str, ...]) -> _Rows:
    rows = {row.strip() for row in typed if row.strip()}
    found = {row: network for row in rows if (network := networks.parse(row))}
    return _Rows(networks.normal(found.values()), frozenset(rows - set(found)))


def _ranges(client_ips: ClientIPs) -> tuple[_Rows, _Rows]:
    return _rows(client_ips.allow), _rows(client_ips.block)


def _is_stuck(spec: TokenSpec) -> bool:
    """Whether `compile` grants nothing because a restriction that was typed cannot be read."""
    allow, block = _ranges(spec.client_ips)
    return allow.is_lost or bool(block.unread) or lifetimes.is_stuck(spec.validity)


def _addresses(old: ClientIPs, new: ClientIPs) -> Iterator[Change]:
    (was_in, was_out), (now_in, now_out) = _ranges(old), _ranges(new)
    before, after = was_in.read, now_in.read
    if was_in.is_lost or now_in.is_lost:
        # A list of which nothing can be read is not the same as no list, which lets the token work from anywhere.
        more, fewer = (diff.some([*{*a} - {*b}]) if {*a} - {*b} else "" for a, b in ((after, before), (before, after)))
        lost: tuple[tuple[str, str, Direction], ...] = (("Works", more, "wider"), ("No longer works", fewer, "narrower"))
        yield from (Change(f"{verb} from {names}.", direction) for verb, names, direction in lost if names)
        before = after = ()
    yield from diff.compare(_body(before, was_out.read), _body(after, now_out.read), Catalogue(()), _NOWHERE).changes
    for was, now, list_name in ((was_in, now_in, "allowed"), (was_out, now_out, "blocked")):
        for names, words in ((now.unread - was.unread, "are now"), (was.unread - now.unread, "are no longer")):
            if names:
                told = diff.some([_quoted(name) for name in names])
                one = words if len(names) > 1 else words.replace("are", "is")
                unread = "which cannot be read" if len(names) > 1 else "which is no range that can be read"
                yield Change(f"{told}, {unread}, {one} among the {list_name} ranges.", "same")


def _body(allow: tuple[str, ...], block: tuple[str, ...]) -> dict[str, dict[str, dict[str, list[str]]]]:
    return {"condition": {"request_ip": {"in": list(allow), "not_in": list(block)}}}
