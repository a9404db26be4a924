"""What there is to say of a spec before somebody asks for the token: errors, dangers, traps, and what could be better.

Errors are the problems that keep it from being asked for; the rest can be sent, and may be more, less or other than was meant
(CLOUDFLARE.md, section 7). Each has a fix, which never makes the token allow more, but for a suggestion that adds what a tool
needs, which says so.
"""

from collections.abc import Iterable

from tokenportal.policy.finding import LEVELS, Finding, Level, Seen
from tokenportal.policy.finding_access import of_blocks
from tokenportal.policy.finding_cuts import of_exclusions
from tokenportal.policy.finding_limits import DEFAULT_END, of_addresses, of_times, of_whole
from tokenportal.policy.fixes import Fix
from tokenportal.policy.problems import Problem
from tokenportal.policy.spec import TokenSpec


def find(seen: Seen, problems: tuple[Problem, ...] = ()) -> tuple[Finding, ...]:
    """Everything there is to say, `problems` as the errors. Total: any spec."""
    return (
        *of_problems(problems, seen.spec), *of_blocks(seen), *of_exclusions(seen), *of_addresses(seen), *of_times(seen),
        *of_whole(seen),
    )  # fmt: skip


def by_level(found: Iterable[Finding]) -> tuple[tuple[Level, str, tuple[Finding, ...]], ...]:
    """The levels that occur, the worst first: slug, heading and findings."""
    rows = tuple(found)
    grouped = ((level, name, tuple(one for one in rows if one.level == level)) for level, name in LEVELS.items())
    return tuple(group for group in grouped if group[2])


def of_problems(problems: tuple[Problem, ...], spec: TokenSpec) -> tuple[Finding, ...]:
    """The problems as errors; what is merely not chosen yet is none."""
    return tuple(
        Finding("error", "problem", one.section, one.field, one.sentence, fix=_mend(one, spec), index=one.index)
        for one in problems
        if not one.missing
    )


def _mend(problem: Problem, spec: TokenSpec) -> Fix | None:
    number = problem.section.removeprefix("access-")
    block = spec.blocks[int(number) - 1] if number.isdecimal() and 0 < int(number) <= len(spec.blocks) else None
    if problem.field == "until":
        return Fix(f"End it in {DEFAULT_END} days", "days", str(DEFAULT_END))
    if block and problem.idle:
        return Fix("Clear it", "no-exclusion", f"{number}:{problem.idle}")
    if block is None or problem.index is None:
        return None
    if problem.field == "permissions":
        return Fix("Remove it", "no-permission", f"{number}:{block.permissions[problem.index]}")
    if problem.field == "except" and problem.index < len(block.zones.unknown_except):
        return Fix("Clear it", "no-exclusion", f"{number}:{block.zones.unknown_except[problem.index]}")
    if problem.field == "zones":
        return Fix("Clear it", "no-zone", f"{number}:{block.zones.unknown[problem.index]}")
    return Fix("Remove it", "no-bucket", f"{number}:{problem.index}") if problem.field == "buckets" else None
