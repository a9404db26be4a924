"""A finding: what there is to say of a spec, where, how bad it is, and what mends it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import Payload
from tokenportal.policy.fixes import Fix
from tokenportal.policy.spec import TokenSpec
from tokenportal.policy.surroundings import Surroundings

Level = Literal["error", "security", "warning", "suggestion"]
LEVELS: Final[Mapping[Level, str]] = {
    "error": "Errors",
    "security": "Security",
    "warning": "Warnings",
    "suggestion": "Suggestions",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """`section`, `field` and `index` name the place as a Problem does; `why` is one sentence, "" where the first says it all.

    `token` is the portal's id of another token that it is about, "" for most.
    """

    level: Level
    code: str
    section: str
    field: str
    sentence: str
    why: str = ""
    fix: Fix | None = None
    index: int | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Alike:
    """A token that already does just the same, by its name and the portal's id."""

    name: str
    id: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What a spec is judged beside: its template's groups (None where it has none), tokens that already do just the same, and
    the address from which the person looks at this."""

    template: frozenset[str] | None = None
    alike: tuple[Alike, ...] = ()
    address: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A spec with all that is needed to judge it."""

    spec: TokenSpec
    payload: Payload
    catalogue: Catalogue
    around: Surroundings
    now: datetime
    beside: Beside = field(default_factory=Beside)
