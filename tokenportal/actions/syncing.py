"""What became of the tokens at Cloudflare: their list read anew, and what is known here brought up to date."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from tokenportal import audit, cloudflare, rules, upstream
from tokenportal.actions import alarms, comparing, noticing, reading, token_search
from tokenportal.audit import Event
from tokenportal.cloudflare import Client, Refused, TokenRecord
from tokenportal.models import Connection, Status, Token, TokenRequest, User

UNDER_WAY = "Its tokens are being read already. Wait until that is done."
CUT = "Its list goes on beyond what the portal reads, so some tokens are missing here."
WITHOUT_ITSELF = (
    "Cloudflare's list does not even hold the connection's own credential, so it is not all there is: "
    "the credential may not read tokens. Give it the permission to, or replace it."
)
CALLS_A_PASS = 15
"""How many calls one reading makes at most, as long as the pages of the list do not need more; what is left is asked next time."""
ASKED_AT_LEAST = 3
PAGE = 50


@dataclass(frozen=True)
class Synced:
    """What one connection's list told, as a sentence; ``worked`` is false where it could not be read to its end."""

    connection: Connection
    worked: bool
    sentence: str


@dataclass
class Heard:
    """What Cloudflare told in one reading. ``asked``: ids that it was asked for one by one, and knows; ``gone``: those that
    it does not know.
    """

    connection: Connection
    at: Any
    records: dict[str, TokenRecord]
    complete: bool
    parents: frozenset[str]
    exact: bool
    ray: str = ""
    asked: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def tell(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
        return comparing.drift(self.connection, before, after).sentence

    def of(self, token: Token) -> noticing.Noticed | None:
        """What is to be written about a known token."""
        if token.cloudflare_id in self.gone and token.is_alive and not token.doing:
            values = {"status": Token.Status.GONE, "ended_at": self.at, "seen_at": self.at}
            return noticing.Noticed(values, [(Event.TOKEN_GONE, "Cloudflare does not know its id any more.")])
        seen = self.records.get(token.cloudflare_id)
        if seen is None or (not token.is_alive and seen.id not in self.asked):
            return None
        is_parent = token.cloudflare_id in self.parents
        return noticing.noticed(token, seen, at=self.at, is_parent=is_parent, exact=self.exact, tell=self.tell)


def sync_all(*, by: User | None = None) -> list[Synced]:
    """Every connection in use, one after the other; one that cannot be read does not keep the others waiting."""
    return [sync(connection, by=by) for connection in Connection.objects.filter(is_active=True)]


def sync(connection: Connection, *, by: User | None = None) -> Synced:
    """Read the connection's list of tokens, and bring up to date what is known of every token of its owner.

    Nothing is written, and no event, where nothing changed and no person asked. A token that is missing from a whole
    list is asked for by its id before it counts as gone, for a list can lag; one with which something is being done is left
    alone. A token that carries a request's reference and does
    not belong to it raises that request's alarm. Raises NotAllowed, AuditUnavailable.
    """
    if by is not None:
        rules.require(rules.may_sync(by))
    ours = reading.begin(connection)
    if ours is None:
        if by is not None:
            audit.refused(Event.TOKENS_SYNCED, by=by, reason=UNDER_WAY, subject=connection)
        return Synced(connection, worked=True, sentence=UNDER_WAY)
    try:
        client = upstream.client(connection, background=by is None)
        listing = client.list_tokens(ours.progress)
        heard = _heard(ours, listing, exact=by is not None)
        _ask(client, heard)
        told = _written(heard, by=by)
        strays = alarms.sound_all(connection, listing.tokens)
        problem = "" if heard.complete else CUT if not listing.complete else WITHOUT_ITSELF
        ours.ready(count=len(listing.tokens), problem=problem)
    except reading.Overtaken:
        return Synced(connection, worked=True, sentence=UNDER_WAY)
    except cloudflare.CloudflareError as error:
        ours.failed(error.safe)
        _not_read(connection, error, by=by)
        return Synced(connection, worked=False, sentence=error.safe)
    except Exception:
        ours.failed(reading.BROKE_OFF)
        raise
    counts = f"tokens at Cloudflare: {len(listing.tokens)}, {told}, requests with an alarm: {strays}"
    return Synced(connection, worked=not problem, sentence=f"{problem} {counts}".strip())


def _not_read(connection: Connection, error: cloudflare.CloudflareError, *, by: User | None) -> None:
    """What a person tried is an event; the runner tries again by itself, and its failures stand beneath the list."""
    if by is not None:
        with audit.recording(Event.TOKENS_SYNCED, by=by, subject=connection, ray=error.ray) as record:
            record.outcome, record.reason = "failed", error.safe


def _heard(ours: reading.Reading, listing: cloudflare.Listing, *, exact: bool) -> Heard:
    """A list that lacks the credential itself is not whole: who may not list tokens gets an empty or a shorter list."""
    # With its snapshot's generation, so that putting differences into words does not ask for it again and again.
    connection = Connection.objects.select_related("snapshot").defer("snapshot__groups").get(pk=ours.connection.pk)
    records = {record.id: record for record in listing.tokens}
    parents = Connection.objects.exclude(parent_token_id="").values_list("parent_token_id", flat=True)
    complete = listing.complete and connection.parent_token_id in records
    return Heard(connection, ours.started_at, records, complete, frozenset(parents), exact, listing.ray)


def _known(heard: Heard) -> list[Token]:
    """The tokens of this owner that exist as far as is known, and what else the list names. Each once.

    Two connections of one owner list the same tokens: the row of the one that manages it counts, else the older one.
    """
    connection = heard.connection
    same_owner = Q(kind=connection.kind, owner_id=connection.owner_id) & ~Q(owner_id="")
    peers = Connection.objects.filter(Q(pk=connection.pk) | same_owner)
    theirs = Token.objects.filter(connection__in=peers.values("pk"))
    wanted = theirs.filter(Q(cloudflare_id__in=heard.records) | ~Q(status__in=Token.ENDED)).select_related("connection")
    found: dict[str, Token] = {}
    for token in sorted(wanted, key=lambda token: (not token.is_managed, token.seen_at)):
        found.setdefault(token.cloudflare_id, token)
    return list(found.values())


def _ask(client: Client, heard: Heard) -> None:
    """Ask by its id for each token that the list and the portal do not agree about: it lags, or the token is gone.

    No transaction is open. What cannot be answered now is asked in the next pass.
    """
    doubtful = []
    for token in sorted(_known(heard), key=lambda token: token.seen_at):
        listed = token.cloudflare_id in heard.records
        missing = heard.complete and token.is_alive and not listed and not token.doing
        if missing or (listed and not token.is_alive):
            doubtful.append(token.cloudflare_id)
    pages = len(heard.records) // PAGE + 1
    for id in doubtful:
        heard.records.pop(id, None)
    for id in doubtful[: max(ASKED_AT_LEAST, CALLS_A_PASS - pages)]:
        try:
            heard.records[id] = client.get_token(id)
            heard.asked.add(id)
        except Refused as error:
            if error.is_absence:
                heard.gone.add(id)
        except cloudflare.CloudflareError:
            return


def _written(heard: Heard, *, by: User | None) -> str:
    """Write down what was heard, with an event for each token about which there is something to say. The counts in words."""
    known = _known(heard)
    strangers = _strangers(heard, known)
    if by is not None or strangers or any(heard.of(token) for token in known):
        with audit.recording(Event.TOKENS_SYNCED, by=by, subject=heard.connection, ray=heard.ray) as record:
            # Read again under a lock: what was done here meanwhile is newer than the list.
            pks = [token.pk for token in known]
            known = list(Token.objects.select_for_update(of=("self",)).filter(pk__in=pks).select_related("connection"))
            changed = _update(record, heard, known)
            met = set(Token.objects.filter(connection=heard.connection).values_list("cloudflare_id", flat=True))
            strangers = [seen for seen in strangers if seen.id not in met]
            added = _add(record, heard, strangers)
            record.details |= {"tokens": len(heard.records), "changed": changed, "found": len(added)}
            known += added
    managed = sum(token.is_managed for token in known if token.is_alive)
    parents = sum(token.is_parent for token in known if token.is_alive and not token.is_managed)
    others = sum(token.is_alive for token in known) - managed - parents
    return f"managed: {managed}, unmanaged: {others}"


def _update(record: audit.Record, heard: Heard, known: Iterable[Token]) -> int:
    changed: list[Token] = []
    names: set[str] = set()
    bodies: list[Token] = []
    for token in known:
        found = heard.of(token)
        if found is None:
            continue
        about = [record.also(event, subject=token, trail=token.trail, reason=reason) for event, reason in found.events]
        names |= set((about[0] if about else record).set(token, **found.values))
        changed.append(token)
        if "body" in found.values:
            bodies.append(token)
    _say_in_words(bodies, heard.connection)
    if changed:
        Token.objects.bulk_update(changed, sorted(names | {"reach", "exposure"}), batch_size=100)
    return len(changed)


def _say_in_words(tokens: list[Token], connection: Connection) -> None:
    """Set the columns that say the body of each in words."""
    for token, words in zip(tokens, token_search.words_of_all((token.body for token in tokens), connection), strict=True):
        token.reach, token.exposure = words["reach"], words["exposure"]


def _strangers(heard: Heard, known: Iterable[Token]) -> list[TokenRecord]:
    """Listed tokens that have no row here. What a request is still waiting for is settling's to find."""
    ids = {token.cloudflare_id for token in known}
    unknown = [record for record in heard.records.values() if record.id not in ids]
    ends = {record.id: end for record in unknown if (end := alarms.reference_of(record))}
    unsettled: set[str] = set()
    if ends:
        waiting = TokenRequest.objects.filter(status__in=[Status.ISSUING, Status.UNCERTAIN], reference__in=ends.values())
        unsettled = set(waiting.values_list("reference", flat=True))
    return [record for record in unknown if ends.get(record.id) not in unsettled]


def _add(record: audit.Record, heard: Heard, strangers: Iterable[TokenRecord]) -> list[Token]:
    added = []
    for seen in strangers:
        is_parent = seen.id in heard.parents
        token = Token(
            id=uuid.uuid4(), connection=heard.connection, cloudflare_id=seen.id, name=noticing.token_name(seen, seen.id),
            status=noticing.told_status(seen), body=seen.body, is_parent=is_parent, issued_on=seen.issued_on,
            modified_on=seen.modified_on, last_used_on=seen.last_used_on, not_before=seen.not_before,
            expires_on=seen.expires_on, seen_at=heard.at,
        )  # fmt: skip
        reason = "It is the credential of a connection." if is_parent else ""
        about = record.also(Event.TOKEN_FOUND, subject=token, trail=token.trail, reason=reason)
        about.changes = {"name": [None, token.name], "status": [None, token.status], "cloudflare_id": [None, seen.id]}
        added.append(token)
    _say_in_words(added, heard.connection)
    return Token.objects.bulk_create(added, batch_size=100)
