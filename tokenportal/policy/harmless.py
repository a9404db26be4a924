"""One read that a token may make and that changes nothing, to try it out with.

The addresses are those of Cloudflare's API (CLOUDFLARE.md, section 3), without the host.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.evaluate import Call, decide
from tokenportal.policy.surroundings import Owner, Zone


@dataclass(frozen=True, slots=True)
class Read:
    """`path` with its query, and what it reads in words: "the DNS records of shop.example"."""

    path: str
    words: str


# Any of the names suffices; {id} is the zone's or the account's, {name} what people call it.
_READS: Final = (
    (("DNS Read", "DNS Write"), "zone", "zones/{id}/dns_records?per_page=5", "the DNS records of {name}"),
    (("Zone Read", "Zone Write"), "zone", "zones/{id}", "the details of {name}"),
    (("Zone Settings Read", "Zone Settings Write"), "zone", "zones/{id}/settings", "the settings of {name}"),
    (("Account Settings Read", "Account Settings Write"), "account", "accounts/{id}", "the details of {name}"),
    (("Account API Tokens Read", "Account API Tokens Write"), "account", "accounts/{id}/tokens?per_page=5", "the tokens of {name}"),
    (("User Details Read", "User Details Write"), "user", "user", "the user’s details"),
    (("API Tokens Read", "API Tokens Write"), "user", "user/tokens?per_page=5", "the user’s tokens"),
)  # fmt: skip


def harmless_read(
    body: Mapping[str, Any], catalogue: Catalogue, owner: Owner, *, zones: Iterable[Zone], accounts: Mapping[str, str]
) -> Read | None:
    """The first read of ours that the body allows on one of these zones or accounts; None where there is none.

    Where and when the token works does not matter here: that is what trying it out shows.
    """
    unrestricted = {"policies": body.get("policies")}
    nothing = Call(frozenset())
    places = {
        "zone": [(zone.id, zone.name, replace(nothing, zone_id=zone.id, account_id=zone.account_id)) for zone in zones],
        "account": [(id, name, replace(nothing, account_id=id)) for id, name in accounts.items()],
        "user": [(owner.id, owner.name, replace(nothing, user_id=owner.id))] if owner.kind == "user" else [],
    }
    for names, scope, path, words in _READS:
        groups = frozenset(group.id for name in names if (group := catalogue.named(name, scope)))
        for id, name, call in places[scope]:
            if decide(unrestricted, replace(call, group_ids=groups), catalogue).allowed:
                return Read(path.format(id=id), words.format(name=name))
    return None
