"""What changed between two states of a draft: the words name everything that did and nothing else, and verdicts are promises."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policy import policy_world as world
from tests.unit.policy.policy_world import ACME, CATALOGUE, DNS_EDIT, STAGING, USER_OWNER, ZONE_READ, ZONES, around, dns
from tests.unit.policy.specs import sound_specs
from tests.unit.policy.test_diff import ADDRESSES, TIMES, calls, groups_in, placed
from tokenportal.policy.changes import Document, alike, by_section, compare
from tokenportal.policy.compile import compile
from tokenportal.policy.evaluate import decide
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice, freeze
from tokenportal.policy.surroundings import Owner

AT = datetime(2026, 11, 25, 9, tzinfo=UTC)
SHOP, WWW, DEV, TEST, _ = ZONES
DNS = "create, change and delete DNS records"
IDLE = "; that alone allows and refuses nothing."


def document(spec: TokenSpec, held_by: Owner = USER_OWNER, **more: Any) -> Document:
    given: dict[str, Any] = {"owner": "requester", "backup_owner": "", "connection": "Acme", "at": AT, "catalogue": CATALOGUE}
    return Document(spec, around=around(held_by), **given | more)


def spec(*blocks: AccessBlock, **changes: Any) -> TokenSpec:
    return world.spec(*(blocks or (dns(SHOP),)), **{"validity": Validity(), **changes})


def told(old: TokenSpec | Document, new: TokenSpec | Document) -> tuple[list[str], str]:
    pair = [one if isinstance(one, Document) else document(one) for one in (old, new)]
    found = compare(*pair)
    assert alike(*pair) is not bool(found.changes)
    return [change.sentence for change in found.changes], found.verdict


def ips(*allow: str, block: tuple[str, ...] = ()) -> TokenSpec:
    return spec(client_ips=ClientIPs(allow, block))


def lasting(**validity: Any) -> TokenSpec:
    return spec(validity=Validity(**validity))


READ = "Its restrictions can be read now, so that it grants what is chosen."
STUCK = "As it stands it grants nothing, since its restrictions cannot be read to the end."


@pytest.mark.parametrize(
    ("old", "new", "sentences", "verdict"),
    [
        (spec(name=""), spec(), ["Is called “shop-dns”; before, no name."], "same"),
        (spec(), spec(purpose="x" * 200), [f"Used by “{'x' * 120}…”; before, “certbot”."], "same"),
        (spec(purpose=f"{'x' * 130}a"), spec(purpose=f"{'x' * 130}b{'y' * 200}"),
         [f"Used by “…{'x' * 40}b{'y' * 79}…”; before, “…{'x' * 40}a”."], "same"),
        (spec(), spec(purpose=" "), ["Used by nothing that is said; before, “certbot”."], "same"),
        (document(spec()), document(spec(), owner="", connection="Acme", backup_owner="x"), None, "same"),
        (spec(), spec(dns(SHOP, WWW)), [f"Can now {DNS} on www.example too."], "wider"),
        (spec(), spec(dns(zones=ZoneChoice("accounts", (SHOP,), (ACME,)))),
         [f"Can {DNS} on all 214 zones of Acme production, also those added later; before, on shop.example."], "wider"),
        (spec(dns(SHOP), AccessBlock()), spec(AccessBlock(), dns(SHOP)), [], "same"),
        (spec(dns(SHOP)), spec(dns(SHOP, buckets=("photos", "papers"))),
         [f"Access now also holds the R2 buckets papers and photos{IDLE}"], "same"),
        (spec(dns(SHOP, accounts=AccountChoice(accounts=(ACME,), except_accounts=(STAGING,)))), spec(),
         [f"Access no longer holds the account Acme production, the exclusion of Acme staging{IDLE}"], "same"),
        (spec(), spec(dns(zones=ZoneChoice(zones=(SHOP,), unknown=("nowhere.example ",)))),
         [f"Access now also holds the unknown zone “nowhere.example”{IDLE}"], "same"),
        (spec(), spec(dns(SHOP, permissions=(DNS_EDIT, "e" * 32))),
         [f"Access now also holds the permission permission {'e' * 32}: Edit{IDLE}"], "same"),
        (spec(), spec(dns(SHOP, label="mail ")), ["Access is labelled “mail”."], "same"),
        (spec(dns(SHOP, label="mail")), spec(dns(SHOP, label="web")), ["Access is labelled “web”; before, “mail”."], "same"),
        (spec(dns(SHOP, label="mail")), spec(), ["Access has no label any more; before, “mail”."], "same"),
        (spec(), spec(dns(SHOP), dns(DEV, label="web")),
         [f"Can now {DNS} on dev.example too.", "Access 2 is new, with the label “web”."], "wider"),
        (spec(dns(SHOP), dns(DEV, label="web")), spec(),
         [f"Can no longer {DNS} on dev.example.", "Access 2, labelled “web”, is no more."], "narrower"),
        (spec(dns(SHOP), dns(DEV, permissions=(ZONE_READ,))), spec(dns(SHOP), dns(DEV, permissions=(ZONE_READ,)), dns(SHOP, label="")),
         [f"Access 3 now also holds the permission DNS: Edit, the zone shop.example{IDLE}"], "same"),
        (spec(dns(zones=ZoneChoice("all", except_zones=(SHOP,)))), spec(dns(zones=ZoneChoice("all", except_zones=(SHOP, DEV)))),
         [f"Can no longer {DNS} on dev.example: excluded from now on."], "narrower"),
        (document(spec(dns(zones=ZoneChoice("accounts", accounts=(ACME,)))), world.ACCOUNT_OWNER),
         document(spec(dns(zones=ZoneChoice("all", accounts=(ACME,)))), world.ACCOUNT_OWNER),
         [f"Access is for all zones instead of the zones of chosen accounts{IDLE}"], "same"),
        (spec(dns(SHOP), dns(zones=ZoneChoice(except_zones=(WWW,)))), spec(dns(SHOP), dns(zones=ZoneChoice(zones=(SHOP,), except_zones=(WWW,)))),
         [f"To {DNS}, www.example is excluded too; that alone allows and refuses nothing.", "Access 2 now also holds the zone shop.example."],
         "same"),
        (spec(), spec(dns(SHOP, accounts=AccountChoice("all"))), [f"Access is for all accounts instead of single accounts{IDLE}"], "same"),
        (ips(), ips("203.0.113.7"), ["Works from 203.0.113.7/32 only; before, from anywhere."], "narrower"),
        (ips("203.0.113.7"), ips("203.0.113.7/32", " "), [], "same"),
        (ips("203.0.113.0/24"), ips("203.0.113.0/2"),
         ["No longer works from 203.0.113.0/24.", "“203.0.113.0/2”, which is no range that can be read, is now among the allowed ranges.", STUCK],
         "narrower"),
        (ips("office"), ips("203.0.113.0/24"),
         ["Works from 203.0.113.0/24.", "“office”, which is no range that can be read, is no longer among the allowed ranges.", READ],
         "wider"),
        (ips(block=("office",)), ips(block=("office", "lab", "home")),
         ["“home” and “lab”, which cannot be read, are now among the blocked ranges."], "same"),
        (lasting(), lasting(days=150), ["Ends after 150 days; before, it ended after 90 days: 60 days later."], "wider"),
        (lasting(lifetime="until", until="2027-01-31"), lasting(lifetime="until", until="2027-01-30"),
         ["Ends on Sat 30 Jan 2027 23:59 UTC; before, it ended on Sun 31 Jan 2027 23:59 UTC: 1 day earlier."], "narrower"),
        (lasting(lifetime="until", until="2027-01-31"), lasting(lifetime="until", until="2027-01-31T23:00:00Z"),
         ["Ends on Sun 31 Jan 2027 23:00 UTC; before, it ended on Sun 31 Jan 2027 23:59 UTC."], "narrower"),
        (lasting(lifetime="until", until="2027-01-31"), lasting(lifetime="until", until="2027-01-31T23:59:59Z"), [], "same"),
        (lasting(days=1), lasting(), ["Ends after 90 days; before, it ended after 1 day: 89 days later."], "wider"),
        (lasting(days=2), lasting(days=1), ["Ends after 1 day; before, it ended after 2 days: 1 day earlier."], "narrower"),
        (lasting(), lasting(lifetime="never"), ["Never ends; before, it ended after 90 days."], "wider"),
        (lasting(lifetime="never"), lasting(lifetime="until", until="soon"),
         ["Its end is “soon”, which is no day that can be read; before, it never ended.", STUCK], "narrower"),
        (lasting(lifetime="until", until="soon"), lasting(lifetime="until"),
         ["Its end is still to be chosen; before, its end was “soon”, which is no day that can be read."], "same"),
        (lasting(lifetime="until"), lasting(), ["Ends after 90 days; before, its end was still to be chosen.", READ], "wider"),
        (lasting(), lasting(until="2027-01-31"), ["The end “2027-01-31” is kept aside and does not count."], "same"),
        (lasting(until="2027-01-31"), lasting(), ["The end “2027-01-31”, which did not count, is no longer kept aside."], "same"),
        (lasting(lifetime="until", until="2027-01-31"), lasting(),
         ["Ends after 90 days; before, it ended on Sun 31 Jan 2027 23:59 UTC."], "wider"),
        (lasting(), lasting(starts="2026-12-01"), ["Does not work before Tue 1 Dec 2026 00:00 UTC."], "narrower"),
        (lasting(starts="2026-12-01"), lasting(starts="2026-12-02"),
         ["Does not work before Wed 2 Dec 2026 00:00 UTC; before, not before Tue 1 Dec 2026 00:00 UTC."], "narrower"),
        (lasting(starts="2026-12-02"), lasting(), ["Works at once; before, not before Wed 2 Dec 2026 00:00 UTC."], "wider"),
        (lasting(starts="soon"), lasting(), ["Works at once; before, not before “soon”, which is no day that can be read.", READ], "wider"),
        (lasting(starts="soon"), lasting(starts="2026-12-01"),
         ["Does not work before Tue 1 Dec 2026 00:00 UTC; before, not before “soon”, which is no day that can be read.", READ], "wider"),
        (lasting(), lasting(starts="soon"), ["Does not work before “soon”, which is no day that can be read.", STUCK], "narrower"),
    ],
)  # fmt: skip
def test_each_change_is_said_by_its_meaning_and_nothing_else_is(
    old: Any, new: Any, sentences: list[str] | None, verdict: str
) -> None:
    if sentences is None:
        sentences = ["The owner is nobody; before, requester.", "The back-up owner is x; before, nobody."]
    assert told(old, new) == (sentences, verdict)


def through(connection: str, held_by: Owner = USER_OWNER) -> Document:
    return document(spec(dns(zones=ZoneChoice("all"))), held_by, connection=connection)


def test_a_connection_is_one_change_and_what_it_reaches_another() -> None:
    assert told(through(""), through("Acme", world.ACCOUNT_OWNER)) == (
        ["Goes through Acme; before, no connection was chosen."],
        "wider",
    )
    assert told(through("Acme"), through("")) == (["Goes through no connection any more; before, through Acme."], "narrower")
    assert told(through("Acme"), through("Other")) == (["Goes through Other; before, through Acme."], "same")
    sentences, verdict = told(through("Acme", world.ACCOUNT_OWNER), through("Ours"))
    assert (sentences[0], verdict) == ("Goes through Ours; before, through Acme.", "both")
    assert sentences[1].startswith(f"Can {DNS} on all zones of every account")


def test_what_time_alone_does_to_a_lifetime_is_no_change() -> None:
    later = AT + timedelta(days=7)
    draft = replace(document(spec()), at=later)
    checked = replace(document(freeze(spec(), AT)), frozen=True)
    assert told(checked, draft) == told(draft, checked) == ([], "same")
    aside = replace(draft, spec=lasting(until="2027-01-31"))
    assert told(checked, aside) == ([], "same")
    again = replace(document(freeze(spec(), later)), at=later, frozen=True)
    assert told(checked, again) == (
        ["Ends on Tue 2 Mar 2027 23:59 UTC; before, it ended on Tue 23 Feb 2027 23:59 UTC: 7 days later."], "wider"
    )  # fmt: skip
    shorter = replace(draft, spec=lasting(days=30))
    assert told(checked, shorter) == (["Ends after 30 days; before, it ended after 90 days: 60 days earlier."], "narrower")
    restored = replace(checked, at=later, frozen=False)
    assert told(draft, restored)[0] == ["Ends on Tue 23 Feb 2027 23:59 UTC; before, it ended after 90 days."]


def test_changes_stand_in_their_sections_in_the_order_of_the_form() -> None:
    new = spec(dns(SHOP, WWW), name="web", client_ips=ClientIPs(("203.0.113.7",)))
    found = by_section(compare(document(spec()), replace(document(new), connection="Other")))
    assert {slug: len(changes) for slug, changes in found.items()} == {
        "purpose": 1,
        "connection": 1,
        "access": 1,
        "restrictions": 1,
    }
    assert list(found) == ["purpose", "connection", "access", "restrictions"]


def shuffled(spec: TokenSpec, chance: random.Random) -> TokenSpec:
    """The same in another order, with things said twice and blank rows."""

    def mixed(values: tuple[Any, ...]) -> tuple[Any, ...]:
        twice = [*values, *values[:1]]
        chance.shuffle(twice)
        return tuple(twice)

    def block(one: AccessBlock) -> AccessBlock:
        zones = replace(
            one.zones, **{name: mixed(getattr(one.zones, name)) for name in ZoneChoice.__slots__ if name != "mode"}
        )  # fmt: skip
        accounts = AccountChoice(one.accounts.mode, mixed(one.accounts.accounts), mixed(one.accounts.except_accounts))
        return AccessBlock(f" {one.label} ", mixed(one.permissions), zones, accounts, mixed(one.buckets))

    blocks = [*map(block, spec.blocks), AccessBlock()]
    chance.shuffle(blocks)
    client_ips = ClientIPs(mixed((*spec.client_ips.allow, " ")), mixed(spec.client_ips.block))
    return replace(spec, name=f"{spec.name} ", blocks=tuple(blocks), client_ips=client_ips)


typed_specs = world.frozen_specs | world.any_specs | sound_specs


@settings(max_examples=100, deadline=None)
@given(typed_specs, st.integers())
def test_order_repetition_and_blanks_are_no_change(one: TokenSpec, seed: int) -> None:
    assert told(one, shuffled(one, random.Random(seed))) == ([], "same")


FIELDS: dict[str, Callable[[TokenSpec, TokenSpec], TokenSpec]] = {
    "name": lambda one, other: replace(one, name=other.name),
    "purpose": lambda one, other: replace(one, purpose=other.purpose),
    "blocks": lambda one, other: replace(one, blocks=other.blocks),
    "block": lambda one, other: replace(one, blocks=(*one.blocks, *other.blocks[:1])),
    "allow": lambda one, other: replace(one, client_ips=replace(one.client_ips, allow=other.client_ips.allow)),
    "block list": lambda one, other: replace(one, client_ips=replace(one.client_ips, block=other.client_ips.block)),
    "validity": lambda one, other: replace(one, validity=other.validity),
    "starts": lambda one, other: replace(one, validity=replace(one.validity, starts=other.validity.starts)),
    "until": lambda one, other: replace(one, validity=replace(one.validity, until=other.validity.until)),
    "lifetime": lambda one, other: replace(one, validity=replace(one.validity, lifetime=other.validity.lifetime)),
    **{
        field: lambda one, other, field=field: with_first_block(  # type: ignore[misc]
            one, lambda block: replace(block, **{field: getattr(other.blocks[0], field)}) if other.blocks else block
        )
        for field in ("label", "permissions", "zones", "accounts", "buckets")
    },
}
SECTION_OF = {"name": "purpose", "purpose": "purpose", "blocks": "access", "block": "access"} | dict.fromkeys(
    ("label", "permissions", "zones", "accounts", "buckets"), "access"
)


def with_first_block(spec: TokenSpec, change: Callable[[AccessBlock], AccessBlock]) -> TokenSpec:
    return replace(spec, blocks=(change(spec.blocks[0]), *spec.blocks[1:])) if spec.blocks else spec


@settings(max_examples=150, deadline=None)
@given(typed_specs, typed_specs, st.sampled_from(sorted(FIELDS)), world.owners)
def test_a_field_that_changed_is_said_and_only_that(one: TokenSpec, other: TokenSpec, field: str, owner: Owner) -> None:
    changed = FIELDS[field](one, other)
    old, new = (document(each, owner) for each in (one, changed))
    told(old, new)
    assert {change.section for change in compare(old, new).changes} <= {SECTION_OF.get(field, "restrictions")}


@settings(max_examples=150, deadline=None)
@given(typed_specs.filter(lambda spec: bool(spec.blocks)), world.owners, st.data())
def test_an_entry_that_is_added_or_taken_away_is_said_once(one: TokenSpec, owner: Owner, data: st.DataObject) -> None:
    """Each entry by itself: it changes what is granted and is told so, or is named as one that changes nothing."""
    place, value = data.draw(st.sampled_from((
        ("zones", SHOP), ("except_zones", WWW), ("accounts", ACME), ("unknown", "nowhere.test"), ("except_accounts", STAGING),
    )))  # fmt: skip
    before = tuple(each for each in getattr(one.blocks[0].zones, place) if each != value)
    without, with_it = (
        with_first_block(one, lambda block, values=values: replace(block, zones=replace(block.zones, **{place: values})))  # type: ignore[misc]
        for values in (before, (*before, value))
    )
    added, removed = (
        [change.sentence for change in compare(*(document(each, owner) for each in pair)).changes]
        for pair in ((without, with_it), (with_it, without))
    )
    for said, verb in ((added, "now also holds"), (removed, "no longer holds")):
        idle = [sentence for sentence in said if verb in sentence and sentence.endswith(IDLE)]
        assert said == idle if idle else said
        assert len(idle) <= 1


@st.composite
def pairs(draw: Any) -> tuple[TokenSpec, TokenSpec]:
    """Two specs that have much in common, so that each verdict comes up."""
    one, other = draw(typed_specs), draw(typed_specs)
    for field in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=3)):
        other = FIELDS[field](one, other) if draw(st.booleans()) else FIELDS[field](other, one)
    return one, other


@settings(max_examples=150, deadline=None)
@given(pairs(), world.owners)
def test_narrower_allows_nothing_new_wider_refuses_nothing_and_same_decides_alike(
    pair: tuple[TokenSpec, TokenSpec], owner: Owner
) -> None:
    documents = [document(one, owner) for one in pair]
    found = compare(*documents)
    assert alike(*documents) is not bool(found.changes)
    old, new = (compile(freeze(one, AT), CATALOGUE, owner).body for one in pair)
    anywhere = calls(groups_in(old, new))
    allowed = [
        call for call in anywhere if any(decide({"policies": body["policies"]}, call, CATALOGUE).allowed for body in (old, new))
    ]
    elsewhere = [placed(call, address, moment) for call in allowed[:2] for address in ADDRESSES for moment in TIMES]
    for call in (*anywhere, *elsewhere):
        before, after = decide(old, call, CATALOGUE).allowed, decide(new, call, CATALOGUE).allowed
        if found.verdict in ("narrower", "same"):
            assert before or not after, call
        if found.verdict in ("wider", "same"):
            assert after or not before, call
