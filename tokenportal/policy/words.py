"""A payload told as one sentence, in a few words, and as a risk. Computed from what will be sent, never from a form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tokenportal.policy import moments, networks
from tokenportal.policy.body import policies_of, restrictions_of
from tokenportal.policy.catalogue import Catalogue, PermissionGroup, Risk
from tokenportal.policy.evaluate import Grant, grants
from tokenportal.policy.resources import Resource
from tokenportal.policy.surroundings import Surroundings

RISK_WORDS: Final[Mapping[Risk, str]] = {
    "reads": "Reads",
    "changes": "Can change",
    "deletes": "Can delete",
    "creates": "Can create tokens",
}
RISK_ORDER: Final[tuple[Risk, ...]] = ("reads", "changes", "deletes", "creates")
NAMED_AT_MOST: Final = 3


@dataclass(frozen=True, slots=True)
class Phrase:
    """A piece of the sentence: `tone` is a risk for a verb, else ""; `section` is where on the form it comes from."""

    text: str
    tone: str = ""
    section: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    phrases: tuple[Phrase, ...]

    def __str__(self) -> str:
        return "".join(phrase.text for phrase in self.phrases)


@dataclass(frozen=True, slots=True)
class _Reach:
    """Groups of one tone and verb that are granted on the very same resources."""

    groups: tuple[PermissionGroup, ...]
    grant: Grant


def sentence(
    body: Mapping[str, Any], catalogue: Catalogue, surroundings: Surroundings, origins: tuple[str, ...] = ()
) -> Sentence:
    """What the token can do, from where and until when. `origins`: for each policy its section (Payload.origins)."""
    if any(policy.unknown for policy in policies_of(body)):
        return Sentence((Phrase("It holds a policy of a kind that this portal does not know, so nothing can be promised."),))
    reaches = _reaches(body, catalogue)
    if not reaches:
        return Sentence((Phrase("Can do nothing yet."),))
    places: dict[Any, list[_Reach]] = {}
    for reach in reaches:
        places.setdefault((reach.grant.allowed, reach.grant.denied), []).append(reach)
    told = [_place_phrases(here, surroundings, origins) for here in places.values()]
    return Sentence((Phrase("Can "), *_joined(told, "; ", "; and "), Phrase(". Nothing else. "), *_limits(body)))


def brief(body: Mapping[str, Any], catalogue: Catalogue, surroundings: Surroundings) -> str:
    """A few words for a list: "DNS: edit on 3 zones", "DNS and 2 more: edit on 1 zone"."""
    if any(policy.unknown for policy in policies_of(body)):
        return "Something that this portal does not know"
    reaches = _reaches(body, catalogue)
    if not reaches:
        return "Nothing"
    first = max(reaches, key=lambda reach: max(RISK_ORDER.index(group.risk) for group in reach.groups))
    others = len({group.label for reach in reaches for group in reach.groups} - {first.groups[0].label})
    more = f" and {others} more" if others else ""
    level = first.groups[0].level_label.lower()
    cut = ", with exceptions" if any(reach.grant.denied for reach in reaches) else ""
    return f"{first.groups[0].label}{more}: {level} on {_where(first, surroundings)}{cut}"


def risk(body: Mapping[str, Any], catalogue: Catalogue) -> Risk:
    """The worst that any granted group can do; an unknown group or shape counts as able to create tokens."""
    if any(policy.unknown for policy in policies_of(body)):
        return "creates"
    risks = [group.risk if (group := catalogue.known(grant.group_id)) else "creates" for grant in grants(body)]
    return max(risks, key=RISK_ORDER.index, default="reads")


def effects(body: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What was left open, as (section anchor, effect): "Works from anywhere", "Never expires"."""
    restrictions = restrictions_of(body)
    found: list[tuple[str, str]] = []
    if restrictions.unknown:
        return ()
    if _anywhere(restrictions.allow):
        found.append(("from", "Works from anywhere" if not restrictions.block else "Works from anywhere else"))
    if restrictions.expires_on is None:
        found.append(("until", "Never expires"))
    return tuple(found)


def limits(body: Mapping[str, Any]) -> str:
    """From where it works and until when, as the sentence ends: "From 2 networks, until Thu 5 Nov 2026 23:59 UTC."."""
    return "".join(phrase.text for phrase in _limits(body))


def _reaches(body: Mapping[str, Any], catalogue: Catalogue) -> list[_Reach]:
    """The grants, with groups of equal verb and reach put together; the worst first."""
    found: dict[tuple[Any, ...], tuple[list[PermissionGroup], Grant]] = {}
    for grant in grants(body):
        group = catalogue.known(grant.group_id) or PermissionGroup(
            grant.group_id, grant.group_id, f"permission {grant.group_id}", "other", "edit", risk="creates"
        )
        key = (group.verb, group.risk, grant.allowed, grant.denied)
        found.setdefault(key, ([], grant))[0].append(group)
    reaches = [_Reach(tuple(groups), grant) for groups, grant in found.values()]
    return sorted(reaches, key=lambda reach: (-RISK_ORDER.index(reach.groups[0].risk), reach.groups[0].label))


def _place_phrases(reaches: list[_Reach], surroundings: Surroundings, origins: tuple[str, ...]) -> list[Phrase]:
    """All that can be done in one place, which is named once, at the end."""
    grant = reaches[0].grant
    section = next((origins[index] for index in grant.policy_indexes if index < len(origins)), "")
    return [
        *_joined([_deed_phrases(reach.groups) for reach in reaches], ", ", " and "),
        Phrase(" on "),
        Phrase(_where(reaches[0], surroundings), section=section),
        *([Phrase(_except(grant.denied, surroundings))] if grant.denied else []),
    ]


def _deed_phrases(groups: tuple[PermissionGroup, ...]) -> list[Phrase]:
    tone = max((group.risk for group in groups), key=RISK_ORDER.index)
    nouns = list(dict.fromkeys(group.noun for group in groups))
    about = _listed(nouns) if len(nouns) <= NAMED_AT_MOST else f"{len(groups)} kinds of things"
    return [Phrase(groups[0].verb, tone), Phrase(f" {about}")]


def _joined(parts: list[list[Phrase]], between: str, last: str) -> list[Phrase]:
    joined = parts[0]
    for number, part in enumerate(parts[1:], start=2):
        joined = [*joined, Phrase(last if number == len(parts) else between), *part]
    return joined


def _where(reach: _Reach, surroundings: Surroundings) -> str:
    kinds: dict[str, list[str]] = {}
    for resource in sorted(reach.grant.allowed):
        kinds.setdefault(resource.kind, []).append(resource.id)
    return _listed([_place(kind, ids, surroundings) for kind, ids in kinds.items()])


def _place(kind: str, ids: list[str], surroundings: Surroundings) -> str:
    counted = {"zone": "zone", "account": "account", "bucket": "R2 bucket"}
    if kind in counted:
        named = {"zone": surroundings.zone_name, "account": surroundings.account_name}.get(kind, str)
        return named(ids[0]) if len(ids) == 1 and kind == "account" else _count(len(ids), counted[kind])
    if kind == "zones of":
        total = [surroundings.zone_counts[id] for id in ids if id in surroundings.zone_counts]
        number = f"{sum(total)} " if len(total) == len(ids) else ""
        return f"all {number}zones of {_listed([surroundings.account_name(id) for id in ids])}, also those added later"
    if kind == "every zone":
        return "all zones of every account, also those added later"
    if kind == "every account":
        return "all accounts, also those added later"
    return f"the user {surroundings.owner.name or 'of the connection'}, as whom it acts"


def _except(denied: Iterable[Resource], surroundings: Surroundings) -> str:
    names = []
    for resource in sorted(denied):
        if resource.kind == "zone":
            names.append(surroundings.zone_name(resource.id))
        elif resource.kind == "zones of":
            names.append(f"the zones of {surroundings.account_name(resource.id)}")
        else:
            names.append(surroundings.account_name(resource.id))
    return f", except {_listed(names) if len(names) <= NAMED_AT_MOST else len(names)}"


def _limits(body: Mapping[str, Any]) -> list[Phrase]:
    restrictions = restrictions_of(body)
    if restrictions.unknown:
        return [Phrase("Under a condition of a kind that this portal does not know.")]
    block = len(restrictions.block)
    if not _anywhere(restrictions.allow):
        allow = len(restrictions.allow)
        place = [Phrase("From "), Phrase(_count(allow, "network"), section="restrictions")]
    else:
        place = [Phrase("From "), Phrase("anywhere", section="restrictions")]
    if block:
        place.append(Phrase(f" except {_count(block, 'network')}", section="restrictions"))
    if restrictions.not_before:
        place += [Phrase(", not before "), Phrase(moments.in_words(restrictions.not_before), section="lifetime")]
    if restrictions.expires_on:
        return [
            *place,
            Phrase(", until "),
            Phrase(moments.in_words(restrictions.expires_on), section="lifetime"),
            Phrase("."),
        ]
    return [*place, Phrase(". "), Phrase("It never expires.", section="lifetime")]


def _anywhere(ranges: tuple[str, ...]) -> bool:
    """Whether these allowed ranges restrict nothing: there are none, or they hold every address."""
    found = [network for text in ranges if (network := networks.parse(text))]
    return not ranges or networks.everything(found) == {4, 6}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
