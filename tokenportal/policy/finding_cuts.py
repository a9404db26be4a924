"""What an exclusion of one block takes away from another one, where it was not meant: a deny counts for the whole token."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tokenportal.policy.body import Policy, policies_of
from tokenportal.policy.compile import compile
from tokenportal.policy.diff import some
from tokenportal.policy.finding import Finding, Seen
from tokenportal.policy.finding_access import removing
from tokenportal.policy.fixes import Fix
from tokenportal.policy.listing import place
from tokenportal.policy.resources import Resource
from tokenportal.policy.spec import AccessBlock, TokenSpec, Validity
from tokenportal.policy.within import covers

WHOLE_TOKEN: Final = "An exclusion counts for the whole token, so it is refused here too."  # noqa: S105


@dataclass(frozen=True, slots=True)
class _Block:
    number: int
    allows: tuple[Policy, ...]
    denies: tuple[Policy, ...]

    def denied(self, groups: frozenset[str]) -> frozenset[Resource]:
        """Where it refuses any of these groups."""
        return frozenset[Resource]().union(*(deny.resources for deny in self.denies if deny.groups & groups))


def of_exclusions(seen: Seen) -> Iterator[Finding]:
    """Of every block, what the others exclude and it does not."""
    blocks = [_taken_apart(seen, number, block) for number, block in enumerate(seen.spec.blocks, start=1)]
    for block in blocks:
        for other in blocks:
            if other is not block:
                for allow in block.allows:
                    yield from _cut(seen, block, allow, other)


def _taken_apart(seen: Seen, number: int, block: AccessBlock) -> _Block:
    """By itself: two blocks that say the same are one policy in the payload."""
    alone = compile(TokenSpec(blocks=(block,), validity=Validity(lifetime="never")), seen.catalogue, seen.around.owner)
    found = policies_of(alone.body)
    return _Block(
        number, tuple(one for one in found if one.effect == "allow"), tuple(one for one in found if one.effect == "deny")
    )


def _cut(seen: Seen, block: _Block, allow: Policy, other: _Block) -> Iterator[Finding]:
    around, meant = seen.around, block.denied(allow.groups)
    denied = {
        one for one in other.denied(allow.groups) if not any(covers(excluded, one, around) for excluded in meant)
    }  # fmt: skip
    gone = {one for one in allow.resources if any(covers(excluded, one, around) for excluded in denied)}
    holes = {
        one for one in denied if one not in gone and any(covers(allowed, one, around) for allowed in allow.resources)
    }  # fmt: skip
    groups = frozenset(id for deny in other.denies for id in deny.groups & allow.groups)
    if gone:
        yield _names_it(seen, block, other, gone, groups if gone == allow.resources else frozenset())
    if holes:
        yield _holds_it(seen, block, other, holes)


def _names_it(seen: Seen, block: _Block, other: _Block, gone: set[Resource], groups: frozenset[str]) -> Finding:
    """Where nothing else is left for `groups`, these go, for the block's other permissions may still do something."""
    of_zones = _of_zones(gone)
    code, argument = "no-zone" if of_zones else "no-account", ",".join(one.id for one in sorted(gone))
    return Finding(
        "warning", "cut-elsewhere", f"access-{block.number}", "zones" if of_zones else "accounts",
        f"Access {other.number} excludes {_places(seen, gone)}, which access {block.number} names.", WHOLE_TOKEN,
        removing(seen, block.number, [group for id in sorted(groups) if (group := seen.catalogue.get(id))])
        if groups else Fix(f"Remove {_short(seen, gone)} here", code, f"{block.number}:{argument}"),
    )  # fmt: skip


def _holds_it(seen: Seen, block: _Block, other: _Block, holes: set[Resource]) -> Finding:
    of_zones = _of_zones(holes)
    argument = ",".join(f"{one.kind}/{one.id}" for one in sorted(holes))
    return Finding(
        "warning", "cut-elsewhere", f"access-{block.number}", "except" if of_zones else "accounts-except",
        f"Access {other.number} excludes {_places(seen, holes)}, and access {block.number} does not.", WHOLE_TOKEN,
        Fix(f"Exclude {_short(seen, holes)} here too", "exclude", f"{block.number}:{argument}"),
    )  # fmt: skip


def _of_zones(found: set[Resource]) -> bool:
    return all(one.scope == "zone" for one in found)


def _places(seen: Seen, found: set[Resource]) -> str:
    return some([place(one, seen.around) for one in sorted(found)])


def _short(seen: Seen, found: set[Resource]) -> str:
    if len(found) > 1:
        return f"these {len(found)}"
    (one,) = found
    return f"the zones of {seen.around.account_name(one.id)}" if one.kind == "zones of" else place(one, seen.around)
