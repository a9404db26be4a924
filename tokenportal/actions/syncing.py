"""What became of the tokens at Cloudflare: their list read anew, and what is known here brought up to date."""

from dataclasses import dataclass

from tokenportal import audit, clock, cloudflare, upstream
from tokenportal.actions import alarms, settling, token_search
from tokenportal.audit import Event
from tokenportal.cloudflare import TokenRecord
from tokenportal.models import Connection, Token
from tokenportal.policy.compile import same_grant


@dataclass(frozen=True)
class Synced:
    """What one connection's list told, as a sentence; ``worked`` is false where it could not be read."""

    connection: Connection
    worked: bool
    sentence: str


def sync_all() -> list[Synced]:
    """Every connection in use, one after the other; one that cannot be read does not keep the others waiting."""
    return [sync(connection) for connection in Connection.objects.filter(is_active=True)]


def sync(connection: Connection) -> Synced:
    """Read the connection's list of tokens and update the tokens that the portal made through it.

    Updated are name, status, times, last use and, where it grants something else now, the body. A token that is not in
    the list keeps what was last seen, ``seen_at`` included: a list can lag, so absence alone is no proof that it was
    revoked. A token that carries a request's reference and does not belong to it (it came after the request was counted
    as failed, or is a second one) raises that request's alarm. Raises AuditUnavailable.
    """
    try:
        listing = upstream.client(connection, background=True).list_tokens()
    except cloudflare.CloudflareError as error:
        return Synced(connection, worked=False, sentence=error.safe)
    records = {record.id: record for record in listing.tokens}
    known = list(Token.objects.filter(connection=connection, cloudflare_id__in=records).select_related("connection"))
    if known:
        with audit.recording(Event.TOKENS_SYNCED, by=None, subject=connection, tokens=len(known)) as recording:
            for token in known:
                _update(recording, token, records[token.cloudflare_id])
    strays = alarms.sound_all(connection, listing.tokens)
    sentence = f"tokens at Cloudflare: {len(records)}, made by the portal: {len(known)}, requests with an alarm: {strays}"
    return Synced(connection, worked=True, sentence=sentence)


def _update(recording: audit.Record, token: Token, seen: TokenRecord) -> None:
    seen_body = settling.as_body(seen)
    if not seen.policies:
        # What it grants was left out of the answer; when it ends was told, and the two are shown together.
        seen_body |= {name: token.body[name] for name in ("policies", "condition") if name in token.body}
    body = token.body if same_grant(seen_body, token.body) else seen_body
    recording.change(
        token,
        name=seen.name or token.name,
        status=seen.status or token.status,
        body=body,
        reach=token.reach if body is token.body else token_search.reach_of(body, token.connection),
        issued_on=seen.issued_on or token.issued_on,
        modified_on=seen.modified_on,
        last_used_on=seen.last_used_on,
        not_before=seen.not_before,
        expires_on=seen.expires_on,
        seen_at=clock.now(),
    )
