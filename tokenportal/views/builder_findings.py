"""The builder's section of findings: what the rules ask for, then what there is to say, each with its place and its fix."""

from dataclasses import dataclass
from typing import Any
from zlib import crc32

from django.urls import reverse

from tokenportal.actions import guarding, judging
from tokenportal.actions.standing import Standing
from tokenportal.models import TokenRequest, User, Version, WorkingCopy
from tokenportal.policy import findings, moments, networks
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import Payload
from tokenportal.policy.finding import Alike, Finding
from tokenportal.policy.fixes import Fix
from tokenportal.policy.guardrails import Judgement, Ruling
from tokenportal.policy.problems import Problem
from tokenportal.policy.spec import AccessBlock
from tokenportal.policy.surroundings import Surroundings

REASON = "You are asked for it on the next page."


@dataclass(frozen=True)
class Shown:
    """One line: ``href`` leads to what it is about, a field or a token, ``place`` is what that is called; ``press`` is the button's value, ""
    where only a person can mend it, as ``label`` says. ``rule`` is the title of the guardrail that asks, "" for a finding."""

    sentence: str
    why: str
    href: str
    place: str
    label: str = ""
    press: str = ""
    rule: str = ""
    met: bool = True


@dataclass(frozen=True)
class Group:
    """Lines of one level: ``slug`` is rules, error, security, warning or suggestion."""

    slug: str
    name: str
    lines: tuple[Shown, ...]


def context(
    token_request: TokenRequest, copy: WorkingCopy, found: Standing, problems: tuple[Problem, ...], user: User, address: str = ""
) -> dict[str, Any]:  # fmt: skip
    """The groups that have lines, and how many of each in words. Rules wait while a mistake leaves nothing to judge.

    Nobody is advised to allow only an ``address`` that Cloudflare would never see.
    """
    network = networks.parse(address)
    address = address if network and not networks.is_private(network) else ""
    looked_at = judging.seen(token_request, found.spec, found.payload, found.catalogue, found.around, address=address, by=user)
    told = findings.by_level(findings.find(looked_at, problems))
    groups = [Group(level, name, tuple(shown(one, found.spec.blocks) for one in rows)) for level, name, rows in told]
    if copy.connection and found.payload.body["policies"]:
        judgement = guarding.judgement(token_request, found.payload.body, copy.connection, found.catalogue)
        if asked := rulings(judgement, address):
            groups.insert(0, Group("rules", "Rules", asked))
    rules_wait = not found.payload.body["policies"] and any(not problem.missing for problem in problems)
    here = rules_here(groups)
    return {
        "found_groups": tuple(groups), "found_counts": counts(groups), "found_mark": mark(groups, rules_wait),
        "rules_wait": rules_wait, "rules_here": here, "in_the_way": sum(map(len, here.values())),
        "found_total": sum(len(group.lines) for group in groups),
    }  # fmt: skip


def rules_here(groups: list[Group]) -> dict[str, list[Shown]]:
    """What stands in the way by a rule, by the id of the part of the page beside which it is said."""
    unmet = [line for group in groups for line in group.lines if group.slug == "rules" and not line.met]
    return {place: [line for line in unmet if line.href == f"#{place}"] for place in ("blocks", "addresses", "lifetime")}


def mark(*said: Any) -> str:
    """What the page posts back of the findings that it shows, so that they are sent again only where they have changed."""
    return f"{crc32(repr(said).encode('utf-8', 'surrogatepass')):08x}"


def counts(groups: list[Group]) -> str:
    """ "1 rule, 2 security risks, 1 suggestion"; "" where there is nothing."""
    names = {"rules": "rule", "error": "error", "security": "security risk", "warning": "warning", "suggestion": "suggestion"}
    told = []
    for group in groups:
        number = len(group.lines)
        told.append(f"{number} {names[group.slug]}{'s' if number > 1 else ''}")
    return ", ".join(told)


def rulings(judgement: Judgement, address: str) -> tuple[Shown, ...]:
    return tuple(ruled(one, address) for one in judgement.rulings if not (one.met and one.effect in ("end", "addresses")))


def ruled(ruling: Ruling, address: str) -> Shown:
    days = ruling.rule.then.end_within
    href, place, fix = {
        "end": ("#lifetime", "Lifetime", Fix(f"End it in {moments.days_in_words(days)}", "days", str(days))),
        "addresses": ("#addresses", "Addresses", Fix(f"Only from your address now, {address}", "allow", address) if address else Fix("Name them")),
    }.get(ruling.effect, ("#blocks", "Access", Fix(REASON if ruling.effect == "reason" else "")))  # fmt: skip
    about = f"About {ruling.because}." if ruling.because else ""
    met = ruling.met or ruling.effect == "reason"
    return Shown(ruling.asks, about, href, place, fix.label, fix.press, ruling.rule.title, met)


def shown(finding: Finding, blocks: tuple[AccessBlock, ...]) -> Shown:
    fix = finding.fix or Fix("")
    if finding.token:
        return Shown(finding.sentence, finding.why, reverse("token", args=[finding.token]), "Open that token", fix.label)
    return Shown(finding.sentence, finding.why, f"#{anchor(finding)}", place(finding, blocks), fix.label, fix.press)


def anchor(finding: Finding) -> str:
    """The id of the control that a finding is about."""
    if finding.section.startswith("access-"):
        return f"b{finding.section.removeprefix('access-')}-{finding.field}"
    return f"{finding.field}-{finding.index or 0}" if finding.field in ("allow", "block") else finding.field


def place(finding: Finding, blocks: tuple[AccessBlock, ...]) -> str:
    """What the place is called; an access block by its label, or by its number where there are several."""
    if not finding.section.startswith("access-"):
        return {"until": "Lifetime", "starts": "Lifetime", "allow": "Addresses", "block": "Addresses"}.get(
            finding.field, finding.section.capitalize()
        )
    number = int(finding.section.removeprefix("access-"))
    label = blocks[number - 1].label.strip() if number <= len(blocks) else ""
    return f"Access {number}: {label}" if label else f"Access {number}" if len(blocks) > 1 else "Access"


def of_version(
    token_request: TokenRequest, version: Version, catalogue: Catalogue, around: Surroundings, alike: tuple[Alike, ...] = ()
) -> dict[str, Any]:
    """The findings of a version that is reviewed, for parts/findings.html. They are told of a spec, which not every token has."""
    if not version.spec.blocks:
        return {"found_groups": (), "found_counts": "", "found_unsaid": True}
    payload = Payload.from_body(version.payload)
    looked_at = judging.seen(token_request, version.spec, payload, catalogue, around, alike=alike)
    groups = [
        Group(level, name, tuple(shown(one, version.spec.blocks) for one in rows))
        for level, name, rows in findings.by_level(findings.find(looked_at))
    ]
    return {"found_groups": tuple(groups), "found_counts": counts(groups)}
