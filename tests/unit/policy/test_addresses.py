"""What is said about the typed IP ranges: how much they hold, and where they do not do what they seem to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_world import dns, spec

from tokenportal.policy.addresses import Note, notes, permits
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import compile
from tokenportal.policy.evaluate import Call, decide
from tokenportal.policy.spec import ClientIPs
from tokenportal.policy.surroundings import Owner

CATALOGUE = Catalogue.from_facts()


def said(*allow: str, block: tuple[str, ...] = ()) -> list[list[str]]:
    found = notes(ClientIPs(allow, block))
    return [[note.sentence for note in row] for row in (*found.allow, *found.block)]


@pytest.mark.parametrize(
    ("row", "sentences"),
    [
        ("203.0.113.0/24", ["256 addresses."]),
        ("198.51.100.7", ["1 address. Sent as 198.51.100.7/32."]),
        ("198.51.100.7/32", ["1 address."]),
        ("2001:db8::1", ["1 address. Sent as 2001:db8::1/128."]),
        ("2001:db8:40::/48", ["An IPv6 network."]),
        ("16.0.0.0/4", ["A very large network."]),
        ("nonsense", []),
        ("10.0.0.5/8", []),
        ("", []),
        ("0.0.0.0/0", ["A very large network.", "It holds every IPv4 address, so it keeps out nobody who connects by IPv4."]),
        ("::/0", ["An IPv6 network.", "It holds every IPv6 address, so it keeps out nobody who connects by IPv6."]),
        ("10.0.0.0/8", ["16,777,216 addresses.",
                        "A private range. Cloudflare sees the public address behind it, so this lets nobody in."]),
        ("fe80::/64", ["An IPv6 network.",
                       "A private range. Cloudflare sees the public address behind it, so this lets nobody in."]),
    ],
)  # fmt: skip
def test_a_range_says_how_much_it_holds_and_whether_it_helps(row: str, sentences: list[str]) -> None:
    assert said(row) == [sentences]


def test_a_range_inside_another_is_one_too_many() -> None:
    assert said("203.0.113.0/24", "203.0.113.9", "203.0.113.0/24", "nonsense", "2001:db8::/32") == [
        ["256 addresses."],
        ["1 address. Sent as 203.0.113.9/32.", "Already inside 203.0.113.0/24."],
        ["256 addresses.", "Already inside 203.0.113.0/24."],
        [],
        ["An IPv6 network."],
    ]


def test_a_block_that_changes_nothing_or_everything_is_told() -> None:
    assert said("203.0.113.0/24", "nonsense", block=("203.0.113.9", "198.51.100.0/24", "203.0.0.0/16", "?")) == [
        ["256 addresses."],
        [],
        ["1 address. Sent as 203.0.113.9/32."],
        ["256 addresses.", "Outside of what is allowed, so it changes nothing."],
        ["65,536 addresses.", "It cuts all of 203.0.113.0/24, which is allowed above."],
        [],
    ]
    assert said(block=("203.0.113.9",)) == [["1 address. Sent as 203.0.113.9/32."]]


@pytest.mark.parametrize(
    ("rows", "own", "sentences"),
    [
        (ClientIPs(), "203.0.113.9", []),
        (ClientIPs(("203.0.113.0/24", "2001:db8::/48")), "203.0.113.9", []),
        (ClientIPs(("203.0.113.0/24",)), "203.0.113.9",
         ["No IPv6 network is allowed: a caller that connects by IPv6 is refused."]),
        (ClientIPs(("2001:db8::/48",)), "",
         ["No IPv4 network is allowed: a caller that connects by IPv4 is refused."]),
        (ClientIPs(("203.0.113.0/24", "2001:db8::/48")), "198.51.100.1",
         ["Your own address is not allowed: you cannot try the token from here."]),
        (ClientIPs((), ("198.51.100.1",)), "198.51.100.1",
         ["Your own address is not allowed: you cannot try the token from here."]),
        (ClientIPs((), ("198.51.100.1",)), "198.51.100.2", []),
    ],
)  # fmt: skip
def test_what_the_rows_mean_together(rows: ClientIPs, own: str, sentences: list[str]) -> None:
    assert notes(rows, own).overall == tuple(Note(sentence, warns=True) for sentence in sentences)


def test_an_address_is_read_as_the_evaluator_reads_it() -> None:
    rows = ClientIPs(("203.0.113.0/24",), ("203.0.113.9",))
    assert [permits(rows, address) for address in ("203.0.113.1", "::ffff:203.0.113.1", "203.0.113.9", "no", "2001:db8::1")] == [
        True, True, False, False, False,
    ]  # fmt: skip


ranges = st.lists(st.sampled_from(["203.0.113.0/24", "203.0.113.9", "198.51.100.0/24", "2001:db8::/48", "0.0.0.0/0"]), max_size=3)


@settings(max_examples=100, deadline=None)
@given(ranges, ranges, st.sampled_from(["203.0.113.9", "203.0.113.1", "198.51.100.5", "2001:db8::5", "192.0.2.1"]))
def test_who_is_let_in_is_what_the_compiled_token_decides(allow: list[str], block: list[str], address: str) -> None:
    wanted = spec(dns("1" * 32), client_ips=ClientIPs(tuple(allow), tuple(block)))
    body = compile(wanted, CATALOGUE, Owner("account", "a" * 32)).body
    call = Call(frozenset(wanted.blocks[0].permissions), zone_id="1" * 32, address=address)
    assert permits(wanted.client_ips, address) == decide(body, call, CATALOGUE).allowed
