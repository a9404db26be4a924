"""What a spec or a payload stands in: who will own the token, and the accounts and zones that a connection sees."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

OwnerKind = Literal["account", "user"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who will own the token: an account, or the user whose credential the connection holds. `id` is 32 hex digits."""

    kind: OwnerKind
    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone that the connection sees. `status` is Cloudflare's word for it ("active", "pending"); "" where it is not known."""

    id: str
    name: str
    account_id: str
    status: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`accounts` gives each visible account's name by id, `zone_counts` its number of zones today.

    `zones` need only hold the zones that the spec or the payload mentions: a snapshot may have 20,000. `zone_counts`
    may lack accounts that have not been counted; then no number is said.
    """

    owner: Owner
    accounts: Mapping[str, str] = field(default_factory=dict)
    zones: Mapping[str, Zone] = field(default_factory=dict)
    zone_counts: Mapping[str, int] = field(default_factory=dict)

    def account_name(self, id: str) -> str:
        """The account's name, or its id where the name is not known."""
        return self.accounts.get(id) or (self.owner.name if (self.owner.kind, self.owner.id) == ("account", id) else "") or id

    def zone_name(self, id: str) -> str:
        """The zone's name, or its id where the name is not known."""
        return self.zones[id].name if id in self.zones else id
