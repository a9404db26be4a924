"""What is said of a body before it is sent: only what is certain stops it, and what cannot be known is said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.policy.policy_world import (
    ACCOUNT_OWNER,
    ACME,
    BILLING_READ,
    BUCKETS,
    CATALOGUE,
    DNS_EDIT,
    DNS_READ,
    FOREIGN,
    STAGING,
    USER_OWNER,
    ZONES,
    around,
)
from tests.unit.policy.test_diff import body, but, policy, zones, zones_of
from tokenportal.policy import preflight
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.preflight import ONLY_CLOUDFLARE, Check, Credential, Line, Offered, Room, checks, stopping
from tokenportal.policy.resources import parse_bucket
from tokenportal.policy.surroundings import Zone

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
READ, TESTED, SEEN, COUNTED, ASKED = (NOW - timedelta(hours=hours) for hours in (5, 4, 3, 2, 1))
SHOP, WWW, DEV, TEST, ELSE = ZONES
OFFERED = Offered(CATALOGUE, around(ACCOUNT_OWNER), READ, complete=True)
HOLDS = Credential(TESTED, True, "It never ends.", SEEN, body(policy(zones_of(ACME))), None, "active")
ROOM = Room(132, 500, COUNTED, certain=True)
ONE_ZONE = body(policy(zones(SHOP)))


def account(id: str) -> dict[str, Any]:
    return {f"com.cloudflare.api.account.{id}": "*"}


def bucket(text: str) -> dict[str, Any]:
    found = parse_bucket(text)
    assert found
    return {found.key: "*"}


def asked(wanted: dict[str, Any] = ONE_ZONE, **known: Any) -> dict[str, Check]:
    given: dict[str, Any] = {"offered": OFFERED, "credential": HOLDS, "room": ROOM, "line": Line(True, ASKED), "now": NOW}
    return {check.slug: check for check in checks(wanted, **given | known)}


def said(slug: str, wanted: dict[str, Any] = ONE_ZONE, **known: Any) -> tuple[str, str, datetime | None, bool]:
    check = asked(wanted, **known)[slug]
    return check.state, check.sentence, check.known_at, check.stops


def test_where_all_is_well_each_answer_says_since_when_it_is_known() -> None:
    assert [(check.slug, check.state, check.sentence, check.known_at) for check in asked().values()] == [
        ("permissions", "ok", "Cloudflare offers the permission asked for.", READ),
        ("places", "ok", "This connection sees the zone named.", READ),
        ("grant", "ok", f"Its own credential holds all of it. {ONLY_CLOUDFLARE}", SEEN),
        ("quota", "ok", "132 of 500 tokens are in use.", COUNTED),
        ("credential", "ok", "It works, and never ends.", SEEN),
        ("cloudflare", "ok", "It answered when it was last asked.", ASKED),
    ]
    assert stopping(asked().values()) == ()


def test_what_is_known_of_nothing_stops_nothing() -> None:
    nothing = Offered(Catalogue(()), around(ACCOUNT_OWNER, zones={}), None, complete=False)
    found = asked(offered=nothing, credential=Credential(), room=Room(3, 500, None, certain=False), line=Line())
    assert {slug: check.state for slug, check in found.items()} == dict.fromkeys(found, "unknown")
    assert {check.known_at for check in found.values()} == {None}
    assert found["quota"].sentence == "How many tokens its owner has is not known: they have never been read."
    assert found["credential"].sentence == "When the connection’s own credential ends is not known."
    assert stopping(found.values()) == ()


# Permissions


def test_a_permission_that_is_not_offered_any_more_stops_it_by_name() -> None:
    offered = replace(OFFERED, catalogue=Catalogue(group for group in CATALOGUE if group.id != DNS_EDIT))
    wanted = body(policy(zones(SHOP), DNS_EDIT, DNS_READ))
    assert said("permissions", wanted, offered=offered) == (
        "problem", "Cloudflare does not offer DNS: Edit through this connection any more. Take it out.", READ, True,
    )  # fmt: skip
    assert said("permissions", wanted)[:2] == ("ok", "Cloudflare offers both permissions asked for.")


# Zones and accounts


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (body(policy(zones(SHOP, WWW))), "This connection sees both zones named."),
        (body(policy(zones(SHOP)), policy(account(ACME), BILLING_READ)), "This connection sees the zone and the account named."),
        (body(policy(zones_of(ACME)), but(zones(SHOP))), "This connection sees the zone and the account named."),
        (body(policy(bucket(BUCKETS[0]))), "This connection sees the account named."),
    ],
)
def test_what_is_named_is_looked_for_among_what_the_connection_sees(wanted: dict[str, Any], sentence: str) -> None:
    assert said("places", wanted) == ("ok", sentence, READ, False)


def test_where_no_place_is_named_none_is_looked_for() -> None:
    assert "places" not in asked(body(policy({"com.cloudflare.api.account.zone.*": "*"})))


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        (body(policy(zones(SHOP, ELSE))), f"the zone {ELSE}"),
        (body(policy(zones_of(ACME)), but(zones(ELSE))), f"the zone {ELSE}"),
        (body(policy(zones_of(FOREIGN))), f"the account {FOREIGN}"),
        (body(policy(bucket(BUCKETS[2]))), f"the account {STAGING}"),
        (body(policy(zones(ELSE)), policy(account(FOREIGN), BILLING_READ)), f"the account {FOREIGN} and the zone {ELSE}"),
    ],
)
def test_a_zone_or_an_account_that_is_not_there_any_more_stops_it(wanted: dict[str, Any], gone: str) -> None:
    assert said("places", wanted) == ("problem", f"This connection does not see {gone} any more. Take it out.", READ, True)


def test_what_a_connection_does_not_show_may_be_there() -> None:
    told = f"It is not known whether the zone {ELSE} is there: this connection does not show all there is."
    assert said("places", body(policy(zones(ELSE))), offered=replace(OFFERED, complete=False)) == ("unknown", told, READ, False)
    blind = replace(OFFERED, around=around(USER_OWNER, accounts={}))
    told = f"It is not known whether the account {ACME} is there: this connection does not show all there is."
    assert said("places", body(policy(zones_of(ACME))), offered=blind) == ("unknown", told, READ, False)
    own = replace(OFFERED, around=around(ACCOUNT_OWNER, accounts={}))
    assert said("places", body(policy(zones_of(ACME))), offered=own)[0] == "ok"


def test_a_zone_that_is_not_active_is_said_and_stops_nothing() -> None:
    seen = {SHOP: Zone(SHOP, "shop.example", ACME, "pending"), WWW: Zone(WWW, "www.example", ACME, "active")}
    offered = replace(OFFERED, around=around(ACCOUNT_OWNER, zones=seen))
    assert said("places", body(policy(zones(SHOP, WWW))), offered=offered) == (
        "problem",
        "Not active at Cloudflare: shop.example (pending). The token can be made, and may not be able to do anything there yet.",
        READ, False,
    )  # fmt: skip
    assert said("places", body(policy(zones(WWW))), offered=offered)[0] == "ok"


# What it can grant


def test_an_account_owned_credential_that_lacks_something_is_a_doubt_and_no_refusal() -> None:
    wanted = body(policy(zones(SHOP)), policy(account(ACME), BILLING_READ))
    state, sentence, at, stops = said("grant", wanted)
    assert (state, at, stops) == ("problem", SEEN, False)
    assert sentence == (
        "Its own credential does not hold Billing: Read there, and an account-owned one grants no more than it holds. "
        f"Ask for less, or choose another connection. {ONLY_CLOUDFLARE}"
    )


def test_a_credential_that_edits_holds_what_reads() -> None:
    assert said("grant", body(policy(zones(SHOP), DNS_READ)))[0] == "ok"


@pytest.mark.parametrize(
    "held", [body(policy(zones_of(ACME)), but(zones(WWW))), body({"effect": "allow", "permission_groups": [], "resources": {}})]
)
def test_of_a_credential_with_exclusions_or_unknown_policies_nothing_is_concluded(held: dict[str, Any]) -> None:
    told = f"What its own credential holds is more than the portal can tell apart. {ONLY_CLOUDFLARE}"
    assert said("grant", credential=replace(HOLDS, body=held)) == ("unknown", told, SEEN, False)


def test_what_a_user_may_is_not_known() -> None:
    offered = replace(OFFERED, around=around(USER_OWNER))
    told = f"A user’s credential grants what its user may. {ONLY_CLOUDFLARE}"
    assert said("grant", offered=offered) == ("unknown", told, TESTED, False)


@pytest.mark.parametrize("owner", [ACCOUNT_OWNER, USER_OWNER])
def test_a_test_that_came_out_badly_is_told(owner: Any) -> None:
    offered = replace(OFFERED, around=around(owner))
    told = "When it was last tested, it could not be shown to create tokens. An admin must look at it."
    assert said("grant", offered=offered, credential=replace(HOLDS, may_create=False)) == ("problem", told, TESTED, False)


# Room for a token


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (Room(399, 500, COUNTED, certain=True), ("ok", "399 of 500 tokens are in use.", COUNTED, False)),
        (Room(40, 50, COUNTED, certain=True), ("problem", "It is nearly full: 40 of 50 tokens are in use.", COUNTED, False)),
        (
            Room(50, 50, COUNTED, certain=True),
            ("problem", "There is no room for another token: 50 of 50 tokens are in use. Revoke one that nobody needs.", COUNTED, True),
        ),
        (
            Room(51, 50, COUNTED, certain=False),
            ("problem", "At least 51 of 50 tokens are in use; there may be more, for the list is not whole.", COUNTED, False),
        ),
        (
            Room(3, 50, COUNTED, certain=False),
            ("unknown", "At least 3 of 50 tokens are in use; there may be more, for the list is not whole.", COUNTED, False),
        ),
    ],
)  # fmt: skip
def test_only_a_list_that_was_read_to_its_end_shows_that_there_is_no_room(room: Room, expected: Any) -> None:
    assert said("quota", room=room) == expected


def test_what_adds_no_token_needs_no_room() -> None:
    assert "quota" not in asked(room=None)


# The connection's own credential


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (
            {"expires_on": NOW},
            ("problem", "It ended on Wed 25 Nov 2026 12:00 UTC, so Cloudflare will refuse it. An admin must replace it.", SEEN, False),
        ),
        ({"status": "disabled"}, ("problem", "It was disabled, so Cloudflare will refuse it. An admin must look at it.", SEEN, False)),
        (
            {"expires_on": NOW + preflight.SOON},
            ("problem", "It ends in 14 days, on Wed 9 Dec 2026 12:00 UTC. An admin must replace it before.", SEEN, False),
        ),
        (
            {"expires_on": NOW + timedelta(days=40)},
            (
                "ok",
                "It works until Mon 4 Jan 2027 12:00 UTC. That is before this token’s end, and without it nobody can care for the "
                "token from here.",
                SEEN, False,
            ),
        ),
        ({"body": None}, ("ok", "It never ends.", TESTED, False)),
        ({"body": None, "end_told": ""}, ("unknown", "When the connection’s own credential ends is not known.", TESTED, False)),
    ],
)  # fmt: skip
def test_the_end_of_the_connections_own_credential_is_told(known: dict[str, Any], expected: Any) -> None:
    assert said("credential", credential=replace(HOLDS, **known)) == expected


def test_a_credential_that_outlives_the_token_is_fine_without_further_words() -> None:
    ending = replace(HOLDS, expires_on=NOW + timedelta(days=40))
    wanted = body(policy(zones(SHOP)), expires_on="2026-12-25T00:00:00Z")
    assert said("credential", wanted, credential=ending) == ("ok", "It works until Mon 4 Jan 2027 12:00 UTC.", SEEN, False)


# Cloudflare itself


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (Line(False, ASKED), ("problem", "It did not answer as it should when it was last asked.", ASKED, False)),
        (Line(True, ASKED, "It is left alone."), ("problem", "It is left alone.", None, False)),
        (Line(), ("unknown", "Nothing has been asked through this connection yet.", None, False)),
    ],
)
def test_how_the_last_calls_went_is_told(line: Line, expected: Any) -> None:
    assert said("cloudflare", line=line) == expected


def test_nobody_is_told_to_widen_anything() -> None:
    worst = asked(
        body(policy(zones(ELSE)), policy(account(FOREIGN), BILLING_READ)), room=Room(500, 500, COUNTED, certain=True),
        credential=replace(HOLDS, expires_on=NOW, may_create=True), line=Line(False, ASKED),
    )  # fmt: skip
    sentences = " ".join(check.sentence for check in worst.values()).casefold()
    assert [word for word in ("give it", "widen", "all zones", "add the permission") if word in sentences] == []
