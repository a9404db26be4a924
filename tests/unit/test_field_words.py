"""What stands in a field of a draft, in the words of a conflict."""

from typing import Any

import pytest

from tests.unit.policy.policy_world import ACME, BUCKETS, CATALOGUE, DNS_EDIT, ZONE_NAMES, ZONES, around
from tokenportal.policy.spec import AccessBlock, AccountChoice, Validity, ZoneChoice
from tokenportal.views.conflict import SAME_SHOWN, Line, marked
from tokenportal.views.field_words import FieldWords

ONE = sorted(ZONES)[0]
WORDS = FieldWords(CATALOGUE, around(), people={"p": "teammate"}, connections={"c": "Acme"})


@pytest.mark.parametrize(
    ("kind", "value", "lines"),
    [
        ("name", "shop", ["shop"]), ("name", " ", ["Empty"]), ("starts", "", ["As soon as it is created"]),
        ("starts", "2031-01-01", ["Wed 1 Jan 2031 00:00 UTC"]), ("starts", "soon", ["soon"]),
        ("owner", "p", ["teammate"]), ("owner", "gone", ["Somebody who is no longer in the team"]),
        ("backup_owner", "", ["Nobody"]), ("connection", "c", ["Acme"]), ("connection", "", ["None yet"]),
        ("connection", "gone", ["A connection that is no longer open to the team"]),
        ("allow", (), ["Anywhere"]), ("never", (), ["Nowhere"]), ("allow", ("192.0.2.1",), ["192.0.2.1"]),
        ("permissions", (), ["None"]), ("permissions", (DNS_EDIT,), ["DNS: Edit"]), ("buckets", (), ["None"]),
        ("whole", None, ["Removed"]), ("whole", AccessBlock(), ["Empty"]),
        ("whole", AccessBlock(label="dns", permissions=(DNS_EDIT,), buckets=BUCKETS[:1]), ["dns", "DNS: Edit", BUCKETS[0]]),
        ("zones", ZoneChoice(), ["None"]), ("zones", ZoneChoice(zones=(ONE,)), [ZONE_NAMES[ONE]]),
        ("zones", ZoneChoice("all", zones=(ONE,), except_zones=(ONE,)),
         ["All zones", f"{ZONE_NAMES[ONE]} (kept aside)", f"Except {ZONE_NAMES[ONE]}"]),
        ("zones", ZoneChoice("accounts"), ["All zones of chosen accounts"]),
        ("zones", ZoneChoice("accounts", accounts=(ACME,), except_accounts=(ACME,)),
         ["All zones of Acme production", "Except every zone of Acme production"]),
        ("zones", ZoneChoice(unknown=("x",), unknown_except=("y",)), ["“x”, which is no zone", "Except “y”, which is no zone"]),
        ("accounts", AccountChoice(), ["None"]),
        ("accounts", AccountChoice("all", (ACME,), (ACME,)),
         ["All accounts", "Acme production (kept aside)", "Except Acme production"]),
        ("ends", Validity(days=365), ["1 year"]), ("ends", Validity(days=5), ["5 days"]),
        ("ends", Validity(lifetime="never"), ["No end"]), ("ends", Validity(lifetime="until"), ["Empty"]),
        ("ends", Validity(lifetime="until", until="2031-01-01"), ["Wed 1 Jan 2031 23:59 UTC"]),
        ("ends", Validity(until="soon"), ["90 days (soon, kept aside)"]),
    ],
)  # fmt: skip
def test_a_field_is_told_in_entries_that_can_be_compared(kind: str, value: Any, lines: list[str]) -> None:
    assert WORDS.lines(kind, value) == lines


def test_of_a_long_list_what_differs_is_shown_and_the_rest_is_counted() -> None:
    before = [f"zone {number}" for number in range(SAME_SHOWN + 5)]
    lines = marked("zones", before, [*before[1:], "new"])
    assert lines[SAME_SHOWN:] == (Line("and 4 more"), Line("new", "added"), Line("zone 0", "removed"))
    assert marked("name", ["old"], ["new"]) == (Line("new", "added"),)
    assert marked("name", [], ["new"]) == (Line("new"),)
