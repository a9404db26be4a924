"""What carrying out a request is called, by the kind of the request. Data: pages, notices and rules read it."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Deed:
    """Words for sentences: ``do`` as in "you can create it", ``does`` as in "somebody creates the token", ``did`` as in "nobody
    created it", ``done`` as in "it can be created now"; ``thing`` is what somebody asks for, and ``draws`` heads what they see of it.

    ``name`` says in a list what kind of request it is, "" for the plain one.
    """

    name: str
    thing: str
    do: str
    does: str
    did: str
    done: str
    draws: str


CREATE = Deed("", "token", "create it", "creates the token", "created it", "created", "What will be created")
DEEDS: dict[str, Deed] = {
    "create": CREATE,
    "edit": Deed(
        "Change", "change", "carry it out", "carries out the change", "carried it out", "carried out", "What it will hold"
    ),
    "replace": replace(CREATE, name="Successor"),
    "adopt": Deed("Adoption", "adoption", "adopt it", "adopts the token", "adopted it", "adopted", "What it holds"),
}
