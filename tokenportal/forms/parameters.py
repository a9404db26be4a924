"""The parameters of an address, read as a filter takes them: what makes no sense is as if it were not there."""

from uuid import UUID

from django.http import QueryDict


def typed(query: QueryDict, name: str) -> str:
    return query.get(name, "").replace("\x00", "").strip()[:200]


def chosen(query: QueryDict, name: str, choices: tuple[tuple[str, str], ...], default: str = "") -> str:
    """What was chosen, if it is one of the choices."""
    value = query.get(name, "")
    return value if value in dict(choices) else default


def id_typed(query: QueryDict, name: str) -> str:
    return id_in(typed(query, name))


def id_in(text: str) -> str:
    """An id as text, written in the usual way; "" for what is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""
