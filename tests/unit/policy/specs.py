"""Specs drawn at random from all that a person can ask for, and the bodies that they compile to."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.unit.policy.policy_world import ACCOUNTS, BUCKETS, CATALOGUE, ZONES, around, owners, some
from tokenportal.policy.compile import compile
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice
from tokenportal.policy.surroundings import Owner, Surroundings

AWKWARD_NAMES = (
    "shop-dns", "it's \"quoted\" \\ and \\n", "${path.module} %{ if } $${x} %%{y}", "$HOME `id` $(id) !! ~ *", "zürich 東京 🗼",
    "left\u202eright\u200b", "\U000e0041tag", "'", "\\'", "$", "%", "$$", "a\tb", "# no comment", "/* none */", "*/", "<<EOT",
)  # fmt: skip
names = st.sampled_from(AWKWARD_NAMES) | st.text(min_size=1, max_size=40).filter(lambda text: text.strip() != "")

zone_choices = st.builds(
    ZoneChoice,
    mode=st.sampled_from(("these", "these", "accounts", "all")),
    zones=some(ZONES, 5),
    accounts=some(ACCOUNTS),
    except_zones=some(ZONES, 4),
    except_accounts=some(ACCOUNTS, 2),
)
account_choices = st.builds(
    AccountChoice, mode=st.sampled_from(("these", "all")), accounts=some(ACCOUNTS), except_accounts=some(ACCOUNTS, 1)
)
blocks = st.builds(
    AccessBlock,
    permissions=st.lists(st.sampled_from([group.id for group in CATALOGUE]), min_size=1, max_size=6, unique=True).map(tuple),
    zones=zone_choices,
    accounts=account_choices,
    buckets=some(BUCKETS),
)
RANGES = (
    "203.0.113.0/24", "203.0.113.7", "198.51.100.0/25", "192.0.2.1/32", "2001:db8::/32", "2001:db8:40::1", "0.0.0.0/0", "::/0",
)  # fmt: skip
client_ips = st.builds(ClientIPs, allow=some(RANGES, 5), block=some(RANGES, 4))
validities = st.builds(
    Validity,
    starts=st.sampled_from(("", "2026-12-01", "2026-12-01T08:30:00Z")),
    lifetime=st.sampled_from(("until", "never")),
    until=st.sampled_from(("2027-01-31", "2028-02-29T12:00:00Z")),
)
sound_specs = st.builds(
    TokenSpec,
    name=names,
    purpose=st.just("drawn at random"),
    blocks=st.lists(blocks, min_size=1, max_size=3).map(tuple),
    client_ips=client_ips,
    validity=validities,
)
"""Frozen specs in which every range, date and id can be read."""


class Drawn(NamedTuple):
    """A spec with its owner, what it compiles to, and what it stands in."""

    spec: TokenSpec
    owner: Owner
    body: dict[str, Any]
    around: Surroundings


def compiled(spec: TokenSpec, owner: Owner) -> Drawn:
    return Drawn(spec, owner, compile(spec, CATALOGUE, owner, reference="K7Q2M4XW9A").body, around(owner))


drawn = st.builds(compiled, sound_specs, owners)
