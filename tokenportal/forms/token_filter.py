"""The filters of the list of tokens, as the address holds them. What makes no sense is as if it were not there."""

from dataclasses import dataclass

from django.http import QueryDict

from tokenportal.forms.parameters import chosen, id_typed, typed

TABS = (("mine", "Mine"), ("team", "Team"), ("soon", "Expiring soon"), ("unmanaged", "Unmanaged"))
STATUSES = (
    ("active", "Active"), ("disabled", "Disabled"), ("expired", "Expired"), ("drifted", "Differs from what was agreed"),
    ("parent", "A connection’s own credential"), ("revoked", "Revoked"), ("gone", "Gone from Cloudflare"),
)  # fmt: skip
ENDED = ("revoked", "gone")
USES = (("never", "Never used"), ("90", "Not for 90 days"))
EXPIRIES = (("14", "Within 14 days"), ("90", "Within 90 days"), ("never", "Never expires"))


@dataclass(frozen=True)
class TokenFilter:
    """``owner`` and ``connection`` are ids as text, ``expiry`` and ``use`` numbers of days or "never"; "" leaves a filter out."""

    tab: str = "mine"
    q: str = ""
    owner: str = ""
    place: str = ""
    permission: str = ""
    status: str = ""
    expiry: str = ""
    use: str = ""
    connection: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> "TokenFilter":
        return cls(
            tab=chosen(query, "tab", TABS, "mine"), q=typed(query, "q"), owner=id_typed(query, "owner"),
            place=typed(query, "place"), permission=typed(query, "permission"), status=chosen(query, "status", STATUSES),
            expiry=chosen(query, "expiry", EXPIRIES), use=chosen(query, "use", USES), connection=id_typed(query, "connection"),
        )  # fmt: skip

    @property
    def narrows(self) -> bool:
        """Whether anything is left out of the tab's list."""
        return any((self.q, self.owner, self.place, self.permission, self.status, self.expiry, self.use, self.connection))
