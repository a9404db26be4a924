"""The filters of the queue of reviews, as the address holds them. What makes no sense is as if it were not there."""

from dataclasses import dataclass

from django.http import QueryDict

from tokenportal.forms.parameters import chosen, id_typed, typed

TABS = (("you", "Waits on you"), ("others", "Waits on others"), ("mine", "Mine"), ("decided", "Decided lately"))


@dataclass(frozen=True)
class ReviewFilter:
    """``tab`` is "" where none was chosen; ``team`` and ``person`` are ids as text; "" leaves a filter out."""

    tab: str = ""
    q: str = ""
    team: str = ""
    person: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> "ReviewFilter":
        return cls(
            tab=chosen(query, "tab", TABS), q=typed(query, "q"), team=id_typed(query, "team"), person=id_typed(query, "person"),
        )  # fmt: skip

    @property
    def narrows(self) -> bool:
        """Whether anything is left out of the tab's list."""
        return any((self.q, self.team, self.person))
