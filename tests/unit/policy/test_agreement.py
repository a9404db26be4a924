"""What is shown of a token in different ways agrees: the list and the sentence with what the evaluator grants."""

from hypothesis import given, settings

from tests.unit.policy.policy_world import CATALOGUE
from tests.unit.policy.specs import Drawn, drawn
from tokenportal.policy import listing, words
from tokenportal.policy.body import policies_of
from tokenportal.policy.compile import compile
from tokenportal.policy.evaluate import Call, decide, grants
from tokenportal.policy.spec import TokenSpec
from tokenportal.policy.surroundings import Zone


@settings(max_examples=150, deadline=None)
@given(drawn)
def test_the_list_names_what_the_evaluator_grants_and_cuts(one: Drawn) -> None:
    lines = listing.listed(one.body, CATALOGUE, one.around)
    named = {
        (effect, group.id, place)
        for effect in ("allow", "deny")
        for line in lines
        if line.effect == effect
        for group in line.groups
        for place in line.places
    }
    granted = {
        (effect, grant.group_id, listing.place(resource, one.around))
        for grant in grants(one.body)
        for effect, resources in (("allow", grant.allowed), ("deny", grant.denied))
        for resource in resources
    }
    assert {row for row in named if row[0] == "allow"} == {row for row in granted if row[0] == "allow"}
    assert granted <= named
    assert not any(line.unknown for line in lines)


@settings(max_examples=150, deadline=None)
@given(drawn)
def test_each_line_says_one_policy_whole_and_where_it_comes_from(one: Drawn) -> None:
    payload = compile(one.spec, CATALOGUE, one.owner, reference="K7Q2M4XW9A")
    lines = listing.listed(payload.body, CATALOGUE, one.around, payload.origins)

    told = [(line.effect, sorted(group.id for group in line.groups), sorted(line.places), line.section) for line in lines]
    policies = zip(policies_of(payload.body), payload.origins, strict=True)
    assert sorted(told) == sorted(
        (policy.effect, sorted(policy.groups), sorted(listing.place(place, one.around) for place in policy.resources), section)
        for policy, section in policies
    )
    assert {line.section for line in lines} <= {f"access-{number}" for number, _ in enumerate(one.spec.blocks, start=1)}


@settings(max_examples=150, deadline=None)
@given(drawn)
def test_whoever_reads_the_list_alone_knows_what_the_evaluator_decides_on_each_zone(one: Drawn) -> None:
    lines = listing.listed(one.body, CATALOGUE, one.around)

    def holds(effect: str, group_id: str, zone: Zone) -> bool:
        broad = ("all zones of every account", f"zones of {one.around.account_name(zone.account_id)}, also those added later")
        return any(
            place == zone.name or any(words in place for words in broad)
            for line in lines
            if line.effect == effect and group_id in {group.id for group in line.groups}
            for place in line.places
        )

    unrestricted = {"policies": one.body["policies"]}
    for group in (group for group in CATALOGUE if group.scope == "zone" and group.id in asked_for(one.spec)):
        for zone in one.around.zones.values():
            call = Call(frozenset({group.id}), zone_id=zone.id, account_id=zone.account_id)
            read = holds("allow", group.id, zone) and not holds("deny", group.id, zone)
            assert decide(unrestricted, call, CATALOGUE).allowed is read, (group.name, zone.name, lines)


def asked_for(wanted: TokenSpec) -> set[str]:
    return {id for block in wanted.blocks for id in block.permissions}


@settings(max_examples=150, deadline=None)
@given(drawn)
def test_the_sentence_and_the_list_say_together_that_there_is_nothing(one: Drawn) -> None:
    allows = [line for line in listing.listed(one.body, CATALOGUE, one.around) if line.effect == "allow"]
    said = str(words.sentence(one.body, CATALOGUE, one.around))
    assert (said == "Can do nothing yet.") == (allows == []) == (grants(one.body) == ())
