"""The filters of the inventory of all tokens, as the address holds them: those of the list of tokens, and a few more."""

from dataclasses import dataclass, fields

from django.http import QueryDict

from tokenportal.forms.parameters import chosen, id_typed
from tokenportal.forms.token_filter import TokenFilter

SORTS = (
    ("danger", "Worst first"), ("risk", "Highest risk first"), ("used", "Longest unused first"),
    ("end", "Ends first"), ("name", "By name"),
)  # fmt: skip


@dataclass(frozen=True)
class HoldingFilter(TokenFilter):
    """``finding`` is a slug of actions.findings, or ``any`` or ``nobody``; ``team`` is an id as text."""

    finding: str = ""
    team: str = ""
    risk: str = ""
    sort: str = "danger"

    @classmethod
    def of_holdings(cls, query: QueryDict, *, findings: tuple[tuple[str, str], ...], risks: tuple[str, ...]) -> "HoldingFilter":
        shared = {one.name: getattr(base, one.name) for base in (TokenFilter.of(query),) for one in fields(base)}
        return cls(
            **shared, finding=chosen(query, "finding", findings), team=id_typed(query, "team"),
            risk=chosen(query, "risk", tuple((risk, risk) for risk in risks)), sort=chosen(query, "sort", SORTS, "danger"),
        )  # fmt: skip

    @property
    def narrows(self) -> bool:
        return super().narrows or any((self.finding, self.team, self.risk))

    @property
    def query(self) -> dict[str, str]:
        """What stands in an address for this filter, without what says nothing."""
        standing = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "tab"}
        return {name: value for name, value in standing.items() if value and (name, value) != ("sort", "danger")}
