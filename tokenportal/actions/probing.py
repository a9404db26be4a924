"""What a stored credential is good for, asked of Cloudflare line by line. Nothing is created and nothing is changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from tokenportal import cloudflare, upstream
from tokenportal.models import Connection
from tokenportal.policy import evaluate
from tokenportal.policy.catalogue import Catalogue, PermissionGroup

SOME = 51
"""How many zones are looked at: one more than a page of the client's, after which the answer has told the total."""
END, CREATES = "its own end", "can create tokens"
"""Lines of a report that others read too."""
NOT_KNOWN = "That cannot be known before the first token is created."

Line = dict[str, Any]


class NotSo(Exception):
    """A line of the test came out badly; the message is its sentence."""


class CannotTell(Exception):
    """A line of the test that nobody can answer; the message is its sentence."""


@dataclass
class Probe:
    """The lines, each ``{"ok": true | false | null, "line", "detail"}``, and what the answers told about the owner.

    ``is_anothers``: it acts as somebody else than before, so what was approved for the one must not leave as the other.
    """

    connection: Connection
    lines: list[Line] = field(default_factory=list)
    owner_id: str = ""
    owner_name: str = ""
    parent_token_id: str = ""
    is_anothers: bool = False
    itself: cloudflare.TokenRecord | None = None

    @property
    def works(self) -> bool:
        return bool(self.lines) and self.lines[0]["ok"]

    def ask(self, line: str, question: Callable[[], str]) -> bool:
        """Add a line; what goes wrong becomes its detail."""
        ok: bool | None = True
        try:
            detail = question()
        except CannotTell as error:
            ok, detail = None, str(error)
        except NotSo as error:
            ok, detail = False, str(error)
        except cloudflare.CloudflareError as error:
            ok, detail = False, error.safe
        self.lines.append({"ok": ok, "line": line, "detail": detail})
        return ok is True


def probe(connection: Connection) -> Probe:
    """Ask every question that reading answers. Raises nothing of Cloudflare's: a failure is a line."""
    found = Probe(connection)
    try:
        client = upstream.client(connection)
    except cloudflare.CloudflareError as error:
        found.lines.append({"ok": False, "line": "valid and active", "detail": error.safe})
        return found
    if not found.ask("valid and active", partial(_verify, found, client)):
        return found
    found.ask("belongs to", partial(_owner, found, client))
    found.ask("can read accounts", lambda: visible(len(client.accounts()), "account", "Account Settings: Read"))
    found.ask("can read zones", lambda: visible(_zones_seen(client), "zone", "Zone: Read"))
    found.ask("can read the permission groups", lambda: counted(len(client.permission_groups()), "group"))
    found.ask("can list tokens", lambda: counted(len(client.list_tokens().tokens), "token"))
    found.ask(END, partial(_end, found, client))
    found.ask("its own networks", partial(_networks, found))
    found.ask(CREATES, partial(_creates, found))
    found.ask("what it can grant", partial(_grants, found))
    return found


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def visible(number: int, noun: str, permission: str) -> str:
    if not number:
        raise CannotTell(f"It sees no {noun}: there is none, or it lacks {permission}.")
    return counted(number, noun)


def _verify(found: Probe, client: cloudflare.Client) -> str:
    verified = client.verify()
    found.parent_token_id = verified.id
    if verified.status != "active":
        raise NotSo(f"Cloudflare says that it is {verified.status or 'of no known status'}.")
    return "active"


def _owner(found: Probe, client: cloudflare.Client) -> str:
    connection = found.connection
    if connection.kind == Connection.Kind.USER:
        user = client.user()
        if connection.owner_id and connection.owner_id != user.id:
            found.is_anothers = True
            raise NotSo(
                f"It is another user's ({user.name}). Add a connection of its own for that user; this one is switched off."
            )
        found.owner_id, found.owner_name = user.id, user.name
        return user.name
    account = next((account for account in client.accounts() if account.id == connection.owner_id), None)
    if account is None:
        raise NotSo("It does not see the account that it should belong to. Give it Account Settings: Read there.")
    found.owner_id, found.owner_name = account.id, account.name
    return account.name


def _zones_seen(client: cloudflare.Client) -> int:
    """How many zones there are, from at most two pages: a test shall not use up the budget of calls."""
    totals: list[int] = []
    seen = list(islice(client.zones(lambda done, total, last: totals.append(total or done)), SOME))
    return max([len(seen), *totals])


def _end(found: Probe, client: cloudflare.Client) -> str:
    try:
        found.itself = client.get_token(found.parent_token_id)
    except cloudflare.Refused:
        raise CannotTell("It may not read itself, so its end is not known.") from None
    end = found.itself.expires_on
    return f"It ends {_moment(end)}. Replace it before." if end else "It never ends."


def _moment(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b %Y %H:%M} UTC"


def _networks(found: Probe) -> str:
    if found.itself is None:
        raise CannotTell("It may not read itself, so its networks are not known.")
    rule = found.itself.condition.get("request_ip") or found.itself.condition.get("request.ip") or {}
    if not rule:
        return "It works from anywhere."
    if not isinstance(rule, Mapping):
        raise CannotTell("It has a rule of a kind that the portal does not know.")
    inside, outside = (_texts(rule.get(name)) for name in ("in", "not_in"))
    if not inside:
        return f"It works from anywhere but {outside}."
    return f"It works from {inside} only{f', and not from {outside}' if outside else ''}."


def _texts(value: Any) -> str:
    rows = value if isinstance(value, Sequence) and not isinstance(value, str) else []
    return ", ".join(str(row)[:50] for row in rows[:20])


def _facts() -> Catalogue:
    return Catalogue.from_facts()


def _making(connection: Connection) -> PermissionGroup:
    """The group that lets a token create others of the connection's kind."""
    account = connection.kind == Connection.Kind.ACCOUNT
    group = _facts().named("Account API Tokens Write", "account") if account else _facts().named("API Tokens Write", "user")
    assert group is not None  # noqa: S101
    return group


def _creates(found: Probe) -> str:
    """Judged from the credential's own policies where it can read them."""
    if found.itself is None:
        raise CannotTell(NOT_KNOWN)
    making, owner = _making(found.connection), found.owner_id or found.connection.owner_id
    if found.connection.kind == Connection.Kind.ACCOUNT:
        call = evaluate.Call(frozenset({making.id}), account_id=owner)
    else:
        call = evaluate.Call(frozenset({making.id}), user_id=owner)
    decision = evaluate.decide({"policies": found.itself.policies}, call, _facts())
    if decision.allowed:
        return f"It holds {making.name}."
    raise NotSo(f"It does not hold {making.name}. Give it that permission in Cloudflare's dashboard.")


def _grants(found: Probe) -> str:
    """A user's token grants what its user may; an account-owned one only what it holds (CLOUDFLARE.md, section 5)."""
    if found.connection.kind == Connection.Kind.USER:
        return f"Whatever {found.owner_name or 'its user'} may do."
    if found.itself is None:
        raise CannotTell(NOT_KNOWN)
    making = {group.id for group in _facts() if group.key == _making(found.connection).key}
    held = {grant.group_id for grant in evaluate.grants({"policies": found.itself.policies}) if grant.allowed} - making
    if not held:
        raise NotSo("It holds nothing but the right to create tokens, so it has nothing to hand on. Add what it shall grant.")
    return f"What it holds itself: {counted(len(held), 'permission group')}."
