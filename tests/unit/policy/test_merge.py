"""Two people's changes of one draft: what merges by itself, what clashes, and that nothing is lost on the way."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.policy_world import ACME, BUCKETS, DNS_EDIT, STAGING, ZONES
from tests.unit.policy.specs import sound_specs
from tokenportal.policy.merge import Clash, Field, Merged, Sheet, Taken, merge
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice, keyed

ONE, TWO, THREE = sorted(ZONES)[:3]
FIRST = AccessBlock(key="1", label="dns", permissions=(DNS_EDIT,), zones=ZoneChoice(zones=(ONE,)))
SECOND = AccessBlock(key="2", permissions=("b" * 32,), accounts=AccountChoice(accounts=(ACME,)))
BASE = Sheet(
    TokenSpec(name="shop", purpose="certbot", blocks=(FIRST, SECOND), client_ips=ClientIPs(allow=("203.0.113.0/24",))),
    connection="c", owner="o", backup_owner="",
)  # fmt: skip


def sheet(**changes: Any) -> Sheet:
    """The base with another connection, owner or back-up owner, or other fields of its spec."""
    beside = {name: changes.pop(name) for name in ("connection", "owner", "backup_owner") if name in changes}
    return replace(BASE, spec=replace(BASE.spec, **changes), **beside)


def first(**changes: Any) -> Sheet:
    """The base with another first block."""
    return sheet(blocks=(replace(FIRST, **changes), SECOND))


EDITS: dict[str, tuple[Sheet, Sheet]] = {
    "name": (sheet(name="mine"), sheet(name="theirs")),
    "purpose": (sheet(purpose="mine"), sheet(purpose="theirs")),
    "owner": (sheet(owner="mine"), sheet(owner="theirs")),
    "backup_owner": (sheet(backup_owner="mine"), sheet(backup_owner="theirs")),
    "connection": (sheet(connection="mine"), sheet(connection="theirs")),
    "allow": (sheet(client_ips=ClientIPs(("192.0.2.1",))), sheet(client_ips=ClientIPs(("192.0.2.2",)))),
    "never": tuple(sheet(client_ips=replace(BASE.spec.client_ips, block=(one,))) for one in ("192.0.2.1", "192.0.2.2")),  # type: ignore[dict-item]
    "starts": (sheet(validity=Validity(starts="2030-01-01")), sheet(validity=Validity(starts="2030-01-02"))),
    "ends": (sheet(validity=Validity(days=7)), sheet(validity=Validity(lifetime="never"))),
    "label-1": (first(label="mine"), first(label="theirs")),
    "permissions-1": (first(permissions=(DNS_EDIT, "c" * 32)), first(permissions=())),
    "zones-1": (first(zones=ZoneChoice(zones=(ONE, TWO))), first(zones=ZoneChoice("all"))),
    "accounts-1": (first(accounts=AccountChoice("all")), first(accounts=AccountChoice(accounts=(ACME,)))),
    "buckets-1": (first(buckets=(BUCKETS[0],)), first(buckets=(BUCKETS[-1],))),
}


def merged(mine: Sheet, theirs: Sheet, **options: Any) -> Merged:
    return merge(BASE, mine, theirs, **options)


@pytest.mark.parametrize("field", EDITS)
def test_what_only_one_has_changed_is_taken_whoever_it_was(field: str) -> None:
    mine, theirs = EDITS[field]
    for found, wanted, side in ((merged(mine, BASE), mine, "mine"), (merged(BASE, theirs), theirs, "theirs")):
        assert (found.sheet, found.clashes) == (wanted, ())
        assert [(taken.field.id, taken.side) for taken in found.taken] == [(field, side)]
    assert merged(BASE, theirs).theirs == merged(BASE, theirs).taken
    assert merged(mine, BASE).theirs == ()


@pytest.mark.parametrize("field", EDITS)
def test_the_same_change_on_both_sides_is_no_clash(field: str) -> None:
    mine, _ = EDITS[field]
    found = merged(mine, mine)
    assert (found.sheet, found.clashes, found.taken) == (mine, (), ())


@pytest.mark.parametrize("field", EDITS)
def test_what_both_have_changed_is_asked_about_and_decided_by_a_choice(field: str) -> None:
    mine, theirs = EDITS[field]
    found = merged(mine, theirs)
    assert [clash.field.id for clash in found.clashes] == [field]
    assert found.sheet == theirs
    for choices, rest, wanted in (({field: "mine"}, "", mine), ({field: "theirs"}, "", theirs), ({}, "mine", mine)):
        decided = merged(mine, theirs, choices=choices, rest=rest)
        assert (decided.sheet, decided.clashes) == (wanted, ())
    for choices in ({field: "nonsense"}, {"other": "mine"}):
        assert [clash.field.id for clash in merged(mine, theirs, choices=choices).clashes] == [field]


WHERE = ("zones-1", "accounts-1", "buckets-1")
CROSSED = [pair for where in WHERE for pair in (("permissions-1", where), (where, "permissions-1"))]


@pytest.mark.parametrize(("mine", "theirs"), [(a, b) for a in EDITS for b in EDITS if a != b and (a, b) not in CROSSED])
def test_changes_of_different_fields_merge_by_themselves(mine: str, theirs: str) -> None:
    found = merged(EDITS[mine][0], EDITS[theirs][1])
    assert found.clashes == ()
    assert {(taken.field.id, taken.side) for taken in found.taken} == {(mine, "mine"), (theirs, "theirs")}


@pytest.mark.parametrize(("mine", "theirs"), CROSSED)
def test_what_a_block_allows_and_where_are_asked_about_together(mine: str, theirs: str) -> None:
    """Together they may allow what neither asked for."""
    sides = EDITS[mine][0], EDITS[theirs][1]
    found = merged(*sides)
    assert [(clash.field.id, clash.is_one_sided, clash.both) for clash in found.clashes] == [
        (field, True, None) for field in sorted((mine, theirs), key=["permissions-1", *WHERE].index)
    ]
    assert (found.sheet, found.taken) == (sides[1], ())
    for rest, wanted in zip(("mine", "theirs"), sides, strict=True):
        assert merged(*sides, rest=rest).sheet == wanted
    both = merged(*sides, choices={mine: "mine", theirs: "theirs"})
    assert (both.clashes, both.sheet) == ((), merged(*sides, choices={mine: "mine"}, rest="theirs").sheet)


def test_what_a_block_allows_and_where_another_one_applies_merge_by_themselves() -> None:
    elsewhere = sheet(blocks=(FIRST, replace(SECOND, accounts=AccountChoice("all"))))
    found = merged(first(permissions=(DNS_EDIT, "c" * 32)), elsewhere)
    assert (found.clashes, [taken.field.id for taken in found.taken]) == ((), ["permissions-1", "accounts-2"])


def test_what_both_changed_alike_in_a_block_is_asked_about_neither_by_itself_nor_with_the_rest() -> None:
    wide = ZoneChoice("all")
    found = merged(first(zones=wide, permissions=(DNS_EDIT, "c" * 32)), first(zones=wide))
    assert (found.clashes, found.sheet) == ((), first(zones=wide, permissions=(DNS_EDIT, "c" * 32)))
    [permissions, zones] = merged(
        first(zones=ZoneChoice(zones=(TWO,)), permissions=("c" * 32,)), first(zones=wide, label="theirs")
    ).clashes
    assert (permissions.is_one_sided, zones.is_one_sided) == (True, False)


def both_of(mine: Sheet, theirs: Sheet) -> Any:
    """What "both" offers for the one clash between these."""
    [clash] = merged(mine, theirs).clashes
    return clash.both


def test_of_two_changed_lists_both_changes_can_be_kept() -> None:
    mine, theirs = (first(permissions=(DNS_EDIT, other * 32)) for other in "cd")
    assert both_of(mine, theirs) == (DNS_EDIT, "d" * 32, "c" * 32)
    assert merged(mine, theirs, rest="both").sheet == first(permissions=(DNS_EDIT, "d" * 32, "c" * 32))
    mine, theirs = (first(zones=ZoneChoice(zones=zones)) for zones in ((ONE, TWO), (THREE,)))
    assert both_of(mine, theirs) == ZoneChoice(zones=(THREE, TWO))
    mine, theirs = (first(accounts=AccountChoice(accounts=(account,))) for account in (ACME, STAGING))
    assert both_of(mine, theirs) == AccountChoice(accounts=(STAGING, ACME))


def test_both_is_not_offered_where_it_would_mean_something_else_or_nothing_new() -> None:
    assert [both_of(*EDITS[field]) for field in ("name", "ends", "zones-1", "accounts-1")] == [None, None, None, None]
    base = sheet(client_ips=ClientIPs(("192.0.2.1", "192.0.2.2")))
    mine, theirs = (sheet(client_ips=ClientIPs((address,))) for address in ("192.0.2.1", "192.0.2.2"))
    [clash] = merge(base, mine, theirs).clashes
    assert clash.both is None, "an empty list would let everybody in"
    base, *sides = (
        first(zones=ZoneChoice("all", except_zones=zones)) for zones in ((ONE, TWO), (ONE,), (TWO,))
    )  # fmt: skip
    [clash] = merge(base, *sides).clashes
    assert clash.both is None, "nothing would be excluded any more"
    [clash] = merge(base, *sides, rest="both").clashes
    assert clash.field == Field("zones", "1")


def test_the_order_of_a_list_is_no_change() -> None:
    base = first(permissions=("c" * 32, DNS_EDIT), zones=ZoneChoice(zones=(ONE, TWO)))
    mine = first(permissions=(DNS_EDIT, "c" * 32), zones=ZoneChoice(zones=(TWO, ONE)))
    found = merge(base, mine, sheet(blocks=(SECOND,)))
    assert (found.clashes, found.sheet) == ((), sheet(blocks=(SECOND,)))


# Access blocks


def test_a_block_that_one_removed_and_the_other_left_alone_is_gone() -> None:
    only_second = sheet(blocks=(SECOND,))
    for found in (merged(only_second, sheet(name="theirs")), merged(sheet(name="mine"), only_second)):
        assert (found.sheet.spec.blocks, found.clashes) == ((SECOND,), ())


def test_a_block_that_one_removed_and_the_other_changed_is_a_clash() -> None:
    removed, changed = sheet(blocks=(SECOND,)), first(label="changed")
    block = replace(FIRST, label="changed")
    found = merged(removed, changed)
    assert found.clashes == (Clash(Field("whole", "1"), FIRST, None, block),)
    assert merged(changed, removed).clashes == (Clash(Field("whole", "1"), FIRST, block, None),)
    assert merged(removed, changed, rest="mine").sheet == removed
    assert merged(changed, removed, choices={"whole-1": "mine"}).sheet.spec.blocks == (SECOND, block)
    assert merged(changed, removed, rest="both").clashes != ()


def test_blocks_that_both_added_are_both_there() -> None:
    for keys in (("x", "y"), ("3", "3")):
        new = [AccessBlock(key=key, label=label) for key, label in zip(keys, ("mine", "theirs"), strict=True)]
        found = merged(*(sheet(blocks=(FIRST, SECOND, block)) for block in new))
        assert [block.label for block in found.sheet.spec.blocks] == ["dns", "", "theirs", "mine"]
        assert len({block.key for block in found.sheet.spec.blocks}) == 4
    both = sheet(blocks=(FIRST, SECOND, AccessBlock(key="3", label="same")))
    assert merged(both, both).sheet == both


def test_a_block_is_known_by_its_key_wherever_it_stands_by_now() -> None:
    theirs = sheet(blocks=(replace(SECOND, label="now first"),))
    mine = sheet(blocks=(FIRST, replace(SECOND, buckets=BUCKETS[:1])))
    found = merged(mine, theirs)
    assert found.sheet.spec.blocks == (replace(SECOND, label="now first", buckets=BUCKETS[:1]),)
    assert found.clashes == ()


def test_a_block_without_a_key_is_known_by_its_place() -> None:
    mine = sheet(blocks=(replace(FIRST, key="", label="mine"), replace(SECOND, key="")))
    found = merged(mine, first(buckets=BUCKETS[:1]))
    assert found.sheet == first(label="mine", buckets=BUCKETS[:1])


def test_where_each_removed_another_block_an_empty_one_is_left() -> None:
    found = merged(sheet(blocks=(FIRST,)), sheet(blocks=(SECOND,)))
    assert (found.sheet.spec.blocks, found.clashes) == ((AccessBlock(),), ())


def test_keys_are_given_once_and_never_changed() -> None:
    blank = AccessBlock()
    spec = keyed(TokenSpec(blocks=(blank, AccessBlock(key="1"), AccessBlock(key="1"), blank)))
    assert [block.key for block in spec.blocks] == ["1x", "1", "1xx", "4"]
    assert keyed(spec).blocks[0].key == "1x"
    assert [block.key for block in keyed(TokenSpec(blocks=(blank, blank)), like=spec).blocks] == ["1x", "1"]


# Where nobody knows what both began with


def test_without_a_base_whatever_differs_is_asked_about() -> None:
    found = merge(None, sheet(name="mine", blocks=(FIRST,)), sheet(name="theirs", purpose="theirs"))
    assert [clash.field.id for clash in found.clashes] == ["name", "purpose", "whole-2"]
    assert not found.base_known
    assert found.taken == ()
    assert merge(None, BASE, BASE).clashes == ()
    mine, theirs = first(zones=ZoneChoice(zones=(ONE,))), first(zones=ZoneChoice(zones=(TWO,)))
    [clash] = merge(None, mine, theirs).clashes
    assert clash == Clash(Field("zones", "1"), None, ZoneChoice(zones=(ONE,)), ZoneChoice(zones=(TWO,)), clash.both)
    assert clash.both == ZoneChoice(zones=(TWO, ONE))


# At random

people = st.sampled_from("opq")
sheets = st.builds(Sheet, sound_specs.map(keyed), people, people, people)


def values(one: Sheet) -> set[tuple[str, Any]]:
    """Everything that a sheet holds, piece by piece."""
    spec = one.spec
    return {
        ("name", spec.name), ("owner", one.owner), ("ends", replace(spec.validity, starts="")),
        *(("allow", item) for item in spec.client_ips.allow), *(("never", item) for item in spec.client_ips.block),
        *(("permission", item) for block in spec.blocks for item in block.permissions),
        *(("zone", item) for block in spec.blocks for item in block.zones.zones),
    }  # fmt: skip


def shown(found: Merged) -> str:
    return repr([(clash.base, clash.mine, clash.theirs) for clash in found.clashes])


@given(sheets, sheets, sheets)
def test_whatever_was_typed_is_in_the_result_or_in_a_clash_or_the_other_left_it_and_one_removed_it(
    base: Sheet, mine: Sheet, theirs: Sheet
) -> None:
    found = merge(base, mine, theirs)
    kept, before = values(found.sheet), values(base)
    for side in (mine, theirs):
        for kind, value in values(side) - before:
            assert (kind, value) in kept or repr(value) in shown(found), "what somebody added is lost"


@given(sheets, sheets, sheets, st.sampled_from(("mine", "theirs")))
def test_a_choice_for_all_decides_all_and_mirrors(base: Sheet, mine: Sheet, theirs: Sheet, rest: str) -> None:
    decided = merge(base, mine, theirs, rest=rest)
    assert decided.clashes == ()
    mirrored = merge(base, theirs, mine, rest="theirs" if rest == "mine" else "mine")
    assert values(decided.sheet) == values(mirrored.sheet)
    assert merge(decided.sheet, decided.sheet, decided.sheet).taken == ()


@given(sheets, sheets)
def test_whoever_changed_nothing_gets_what_the_other_made(base: Sheet, other: Sheet) -> None:
    assert values(merge(base, base, other).sheet) == values(other) == values(merge(base, other, base).sheet)
    assert all(isinstance(taken, Taken) and taken.side == "theirs" for taken in merge(base, base, other).taken)
