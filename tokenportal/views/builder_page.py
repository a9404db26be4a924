"""What the builder's page shows of a draft: sections with their state and gist, rows, choices, and what to say beside each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenportal import clock
from tokenportal.actions import versions
from tokenportal.actions.standing import Standing
from tokenportal.forms import builder as form
from tokenportal.models import TokenRequest, User, WorkingCopy
from tokenportal.policy import addresses, listing, moments, words
from tokenportal.policy import compile as compiling
from tokenportal.policy import problems as problem_finding
from tokenportal.policy.problems import Problem
from tokenportal.policy.spec import AccessBlock
from tokenportal.views import builder_findings
from tokenportal.views.builder_blocks import BlockView, Named, Section, block_views


@dataclass(frozen=True)
class RangeRow:
    """A row of an IP range: the field's ``name`` and place, what was typed, what is wrong, and what there is to say."""

    name: str
    index: int
    value: str
    errors: tuple[str, ...]
    notes: tuple[addresses.Note, ...]

    @property
    def slot(self) -> str:
        return f"{self.name}-{self.index}-slot"


def anchor(problem: Problem) -> str:
    """The id of the control that a problem is about."""
    if problem.section.startswith("access-"):
        return f"b{problem.section.removeprefix('access-')}-{problem.field}"
    if problem.field in ("allow", "block"):
        return f"{problem.field}-{problem.index or 0}"
    return problem.field


def context(
    token_request: TokenRequest, copy: WorkingCopy, found: Standing, user: User, *, strict: bool = False,
    echo: Mapping[str, str] | None = None, address: str = "", problems: tuple[Problem, ...] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Everything that the builder's template needs. ``strict`` shows what is still missing as an error too."""
    copy.token_request = token_request
    spec, around = found.spec, found.around
    everything = found.problems if problems is None else problems
    shown = [problem for problem in everything if strict or not problem.missing]
    states = problem_finding.section_states(spec, everything)
    # Whoever comes back after a sitting finds what is complete folded.
    gists, rested = gists_of(copy, found), versions.has_rested(copy)
    sections = {
        slug: Section(slug, name_of(slug, spec.blocks), state, gists.get(slug, ""), folded=rested and state == "complete")
        for slug, state in states.items()
    }
    field_errors: dict[str, list[str]] = {}
    for problem in shown:
        if not problem.section.startswith("access-"):
            field_errors.setdefault(anchor(problem), []).append(problem.sentence)
    blocks = block_views(found, shown, sections, echo or {})
    ranges = range_rows(found, field_errors, address)
    return {
        "token_request": token_request, "copy": copy, "spec": spec, "steps": sections, "blocks": blocks,
        "builder_url": token_request.get_absolute_url(),
        "errors": [{"href": f"#{anchor(problem)}", "sentence": problem.sentence} for problem in shown],
        "field_errors": field_errors, "missing": [problem for problem in everything if problem.missing],
        "mistakes": len([problem for problem in everything if not problem.missing]),
        "ranges": ranges, "own_address": "" if address in spec.client_ips.allow else address,
        "overall_notes": addresses.notes(spec.client_ips, address).overall,
        "accounts": tuple(
            Named(id, name, count=around.zone_counts.get(id))
            for id, name in sorted(around.accounts.items(), key=lambda item: item[1])
        ),
        "account_owned": around.owner.kind == "account", "owner_name": around.owner.name, "name_max": compiling.NAME_MAX,
        "can_edit": True, "lifetime": lifetime(found, field_errors, user.time_zone), **told(found),
        **builder_findings.context(token_request, copy, found, everything, user, address),
        "slots": slots(field_errors, blocks, ranges),
    }  # fmt: skip


def name_of(slug: str, blocks: tuple[AccessBlock, ...]) -> str:
    if not slug.startswith("access-"):
        return slug.capitalize()
    number = int(slug.removeprefix("access-"))
    label = blocks[number - 1].label.strip() if number <= len(blocks) else ""
    return f"Access {number}: {label}" if label else f"Access {number}" if len(blocks) > 1 else "Access"


def gists_of(copy: WorkingCopy, found: Standing) -> dict[str, str]:
    """Each section in one line, for when it is folded."""
    body, spec = found.payload.body, found.spec
    gists = {"purpose": spec.name.strip(), "restrictions": words.limits(body)}
    if copy.connection:
        gists["connection"] = f"{copy.connection}, {copy.connection.get_kind_display().lower()}"
    for slug in dict.fromkeys(found.payload.origins):
        own = [policy for policy, origin in zip(body["policies"], found.payload.origins, strict=True) if origin == slug]
        gists[slug] = words.brief({"policies": own}, found.catalogue, found.around)
    return gists


def told(found: Standing) -> dict[str, Any]:
    """The sentence, the list beneath it and the risk of what would be sent if it were created now."""
    payload = found.payload
    body = payload.body
    return {
        "sentence": words.sentence(body, found.catalogue, found.around, payload.origins).phrases,
        "lines": listing.listed(body, found.catalogue, found.around, payload.origins),
        "risk": words.risk(body, found.catalogue) if body["policies"] else "",
        "effects": words.effects(body),
        "limits": words.limits(body),
    }


def range_rows(found: Standing, errors: Mapping[str, list[str]], address: str) -> dict[str, tuple[RangeRow, ...]]:
    """The rows of both lists, each with an empty one at its end for the next."""
    client_ips = found.spec.client_ips
    said = addresses.notes(client_ips, address)
    lists = {"allow": (client_ips.allow, said.allow), "block": (client_ips.block, said.block)}
    return {
        name: tuple(
            RangeRow(name, index, value, tuple(errors.get(f"{name}-{index}", ())), notes[index] if index < len(notes) else ())
            for index, value in enumerate((*values, ""))
        )
        for name, (values, notes) in lists.items()
    }


def lifetime(found: Standing, errors: Mapping[str, list[str]], time_zone: str) -> dict[str, Any]:
    """The fields of the lifetime with what is wrong with them, and the exact moments that they stand for today."""
    validity = found.spec.validity
    until, until_time = form.day_and_time(validity.until)
    starts, starts_time = form.day_and_time(validity.starts)
    return {
        "lifetime": str(validity.days) if validity.lifetime == "days" else validity.lifetime,
        "other_days": validity.lifetime == "days" and validity.days not in dict(form.PRESETS),
        "until": until, "until_time": until_time, "until_is_day": form.is_day(until),
        "starts": starts, "starts_time": starts_time, "starts_is_day": form.is_day(starts),
        "starts_at": moments.parse(validity.starts),
        "ends_at": moments.parse(found.frozen.validity.until, end_of_day=True) if validity.lifetime != "never" else None,
        "today": clock.now().date().isoformat(), "time_zone": time_zone, "presets": form.PRESETS,
        "until_errors": tuple(errors.get("until", ())), "starts_errors": tuple(errors.get("starts", ())),
    }  # fmt: skip


def slots(
    errors: Mapping[str, list[str]], blocks: list[BlockView], ranges: Mapping[str, tuple[RangeRow, ...]]
) -> list[tuple[str, Sequence[str], tuple[addresses.Note, ...]]]:
    """Every place for messages that the page has, with its errors and notes: what a save may change beside what was typed."""
    fixed = ("name", "purpose", "owner", "connection", "starts", "until")
    return [
        *((f"{name}-slot", errors.get(name, ()), ()) for name in fixed),
        *((row.slot, row.errors, row.notes) for rows in ranges.values() for row in rows),
        *((slot, messages, ()) for block in blocks for slot, messages in block.slots()),
    ]
