"""Roll, disable, enable, revoke: the intent committed, one call that changes something, what is known afterwards committed.

Whoever takes the token (``Token.begin``) is alone with it until the answer is written down. Where no answer says what
became of it, ``doing`` stays, and ``ask`` and ``settle_doing`` find it out by reading the token.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import Q

from tokenportal import audit, clock, cloudflare, rules, upstream
from tokenportal.actions import drafts, looking_up, noticing, sending_back, snapshots, taking, token_search
from tokenportal.actions.alarms import REFERENCE
from tokenportal.actions.invalid import Invalid
from tokenportal.actions.taking import Call, Result
from tokenportal.audit import Event
from tokenportal.cloudflare import CloudflareError, NeverSent, OutcomeUnknown, Refused, TokenRecord
from tokenportal.models import Team, Token, TokenRequest, User
from tokenportal.policy.compile import Payload, same_grant
from tokenportal.policy.decompile import NotExpressible, decompile
from tokenportal.secret import Secret

MAY_STILL_COME = "The answer may still come. Wait half a minute and ask again."


@dataclass(frozen=True)
class Rolled:
    """A token and its new secret, which exists here, in the answer to one request, and nowhere else."""

    token: Token
    secret: Secret


@dataclass(frozen=True)
class Switch:
    """Disabling or enabling: the status to reach, its events, and its words."""

    status: Token.Status
    began: Event
    done: Event
    failed: Event
    effect: str


SWITCHES = {
    Token.Doing.DISABLING.value: Switch(
        Token.Status.DISABLED, Event.TOKEN_DISABLING, Event.TOKEN_DISABLED, Event.TOKEN_DISABLE_FAILED,
        "Cloudflare refuses every call that is made with it.",
    ),
    Token.Doing.ENABLING.value: Switch(
        Token.Status.ACTIVE, Event.TOKEN_ENABLING, Event.TOKEN_ENABLED, Event.TOKEN_ENABLE_FAILED,
        "The secret that it had works again.",
    ),
}  # fmt: skip


def roll(token: Token, *, by: User, seen: int | None = None) -> Rolled | None:
    """Give the token a new secret; the old one dies. None where no secret came: ``taking.last_word`` says why.

    ``seen`` is the ``taking.turn`` that the confirming page showed, so that posting it again does not roll again.
    An unknown outcome leaves ``value_lost``, for the old secret may be dead. Rolling may be repeated safely. Raises
    NotAllowed, NotBegun or AuditUnavailable before anything is sent, LeftUnrecorded after it; so do the others here.
    """
    rules.require(rules.may_roll(by, token))
    client = taking.begin(token, Token.Doing.ROLLING, Event.TOKEN_ROLLING, by=by, seen=seen)
    try:
        secret = client.roll_token(token.cloudflare_id)
    except NeverSent as error:
        taking.end(token, Event.TOKEN_ROLL_FAILED, f"The secret is as it was. {error.safe}", by=by)
    except Refused as error:
        _roll_refused(token, client, error, by=by)
    except OutcomeUnknown as error:
        words = f"Its old secret may be dead, and nobody has the new one. {error.safe} Roll it again: that is safe."
        taking.end(token, Event.TOKEN_ROLL_FAILED, words, by=by, call=Call(error.ray), value_lost=True)
    else:
        # When it was modified was not told. The next reading says it, and must not take it for somebody else's doing.
        call = Call(client.ray, secret=secret)
        if taking.end(token, Event.TOKEN_ROLLED, "", by=by, call=call, done=True, value_lost=False, modified_on=None).done:
            return Rolled(token, secret)
    return None


def _roll_refused(token: Token, client: cloudflare.Client, error: Refused, *, by: User) -> None:
    if error.is_absence:
        try:
            if taking.read(client, token) is None:
                taking.gone(token, Call(client.ray), by=by)
                return
        except CloudflareError:
            pass  # the refusal stands as it is
    words = (
        f"Cloudflare did not roll it. {error.safe} Should the present secret have stopped working, roll it again: that is safe."
    )
    taking.end(token, Event.TOKEN_ROLL_FAILED, words, by=by, call=Call(error.ray))


def disable(token: Token, *, by: User) -> Result:
    """Make Cloudflare refuse whatever is called with the token, until it is enabled."""
    rules.require(rules.may_disable(by, token))
    return _switch(token, Token.Doing.DISABLING, by=by)


def enable(token: Token, *, by: User) -> Result:
    rules.require(rules.may_enable(by, token))
    return _switch(token, Token.Doing.ENABLING, by=by)


def _switch(token: Token, doing: Token.Doing, *, by: User) -> Result:
    """Read the token, and send it back as it is but for its status: a PUT replaces the whole token."""
    switch = SWITCHES[doing]
    client = taking.begin(token, doing, switch.began, by=by)
    try:
        live = taking.read(client, token)
    except CloudflareError as error:
        words = f"Nothing was sent: it could not be read first. {error.safe}"
        return taking.end(token, switch.failed, words, by=by, call=Call(error.ray))
    if live is None:
        return taking.gone(token, Call(client.ray), by=by)
    if live.status == switch.status:
        return _as_live(token, switch, live, Call(client.ray), by=by)
    try:
        body = sending_back.body_of(live) | {"status": switch.status.value}
    except sending_back.CannotSendBack as refusal:
        words = f"Nothing was sent, for it would not come back as it is. {refusal} Do it in Cloudflare's dashboard, or revoke it."
        return taking.end(token, switch.failed, words, by=by, call=Call(client.ray))
    digest = Payload.from_body(body).digest
    try:
        seen = taking.own(token, client.update_token(token.cloudflare_id, body))
    except NeverSent as error:
        return taking.end(token, switch.failed, f"Nothing was changed. {error.safe}", by=by)
    except CloudflareError as error:
        return _found_out(token, client, Call(error.ray, digest), by=by, error=error, sent=body)
    if not (seen.status and seen.policies):
        return _found_out(token, client, Call(client.ray, digest), by=by, sent=body)
    return _as_live(token, switch, seen, Call(client.ray, digest), by=by, sent=body)


def _as_live(
    token: Token, switch: Switch, seen: TokenRecord, call: Call, *, by: User | None, error: CloudflareError | None = None,
    sent: dict[str, Any] | None = None,
) -> Result:  # fmt: skip
    """Write down the token as it is now, and whether that is what was wanted."""
    done = seen.status == switch.status
    words = f"It is {switch.status.label.lower()}. {switch.effect}" if done else _still(seen, error)
    if sent and not sending_back.came_back(sent, seen):
        words += " What it holds came back changed: look at it."
    event = switch.done if done else switch.failed
    return taking.end(token, event, words, by=by, call=call, done=done, **_fields(token, seen))


def _still(seen: TokenRecord, error: CloudflareError | None) -> str:
    return f"Nothing has changed: Cloudflare says that it is {seen.status or 'there'}. {error.safe if error else ''}".strip()


def _fields(token: Token, seen: TokenRecord) -> dict[str, Any]:
    """What a token read by itself tells. What it grants stays where the answer leaves it out."""
    body = seen.body if seen.policies else token.body
    body = token.body if same_grant(body, token.body) else body
    return {
        "name": noticing.token_name(seen, token.name),
        "status": seen.status or token.status,
        "body": body,
        **token_search.words_of(body, token.connection),
        "drifted": token.approved is not None and not same_grant(token.approved, body),
        "modified_on": seen.modified_on,
        "last_used_on": seen.last_used_on,
        "not_before": seen.not_before,
        "expires_on": seen.expires_on,
        "seen_at": clock.now(),
    }


def revoke(token: Token, *, by: User) -> Result:
    """Delete the token. It counts as revoked only when Cloudflare, asked for it, says that it does not exist."""
    rules.require(rules.may_care_for(by, token))
    client = taking.begin(token, Token.Doing.REVOKING, Event.TOKEN_REVOKING, by=by)
    try:
        client.delete_token(token.cloudflare_id)
    except NeverSent as error:
        return taking.end(token, Event.TOKEN_REVOKE_FAILED, f"It was not revoked. {error.safe}", by=by)
    except CloudflareError as error:
        return _found_out(token, client, Call(error.ray), by=by, error=error)
    return _found_out(token, client, Call(client.ray), by=by)


def ask(token: Token, *, by: User) -> Result:
    """Ask Cloudflare what became of what was sent and not answered. Raises NotAllowed."""
    rules.require(rules.may_ask(by, token))
    if token.doing_since and token.doing_since > clock.now() - _longest():
        audit.refused(Event.TOKEN_LOOKED_UP, by=by, reason=MAY_STILL_COME, subject=token, trail=token.trail)
        return Result(False, MAY_STILL_COME)
    return looking_up.asked(partial(settle, token, by=by), by=by, subject=token, trail=token.trail)


def settle_doing(*, older_than: timedelta | None = None) -> list[Result]:
    """Find out about everything that was sent, was not answered, and that nobody waits for any more.

    ``older_than``: what began before that counts as left behind by a crash; by default, twice the longest that it can take.
    """
    left_behind = clock.now() - (_longest() if older_than is None else older_than)
    unattended = Q(doing_since__isnull=True) | Q(doing_since__lte=left_behind)
    found = Token.objects.filter(unattended, doing__in=[*SWITCHES, Token.Doing.ROLLING, Token.Doing.REVOKING])
    return [settle(token, by=None) for token in found.select_related("connection")]


def _longest() -> timedelta:
    """No action takes longer: at most three calls, each with a deadline."""
    return timedelta(seconds=settings.UPSTREAM_DEADLINE_SECONDS * 3 + 5)


def settle(token: Token, *, by: User | None) -> Result:
    """From not known to known, by reading the token."""
    if token.doing == Token.Doing.ROLLING:
        words = (
            "The portal stopped before it could show the new secret, and the old one may be dead. Roll it again: that is safe."
        )
        return taking.end(token, Event.TOKEN_ROLL_FAILED, words, by=by, value_lost=True)
    try:
        client = upstream.client(token.connection)
    except NeverSent as error:
        return Result(False, f"Cloudflare could not be asked, so nothing is known yet. {error.safe}")
    return _found_out(token, client, None, by=by)


def _found_out(
    token: Token, client: cloudflare.Client, call: Call | None, *, by: User | None, error: CloudflareError | None = None,
    sent: dict[str, Any] | None = None,
) -> Result:  # fmt: skip
    """Read the token and write down what became of it. A refusal may lie, and so may a success.

    ``call`` is the one that was to change something; where nobody knows of it any more, it is the reading itself.
    """
    try:
        live = taking.read(client, token)
    except CloudflareError as unread:
        return taking.not_known(token, error or unread, by=by)
    call = call or Call(client.ray)
    if token.doing in SWITCHES:
        return (
            taking.gone(token, call, by=by)
            if live is None
            else _as_live(token, SWITCHES[token.doing], live, call, by=by, error=error, sent=sent)
        )
    if live is None:
        words = "It is revoked: Cloudflare says that it does not exist any more."
        return taking.end(
            token,
            Event.TOKEN_REVOKED,
            words,
            by=by,
            call=call,
            done=True,
            status=Token.Status.REVOKED,
            ended_at=clock.now(),
            value_lost=False,
        )
    why = f" {error.safe}" if error else ""
    words = f"It is not revoked: Cloudflare still has it.{why} Revoke it again in a moment."
    return taking.end(token, Event.TOKEN_REVOKE_FAILED, words, by=by, call=call)


def duplicate(token: Token, *, by: User, team: Team) -> TokenRequest:
    """Begin a draft like the token, from what it holds now, through its connection where that is open to the team.

    Raises NotAllowed, and Invalid where a draft cannot say all that the token holds.
    """
    rules.require(rules.may_duplicate(by, token))
    rules.require(rules.may_start_in(by, team.pk))
    found = decompile(token.body, snapshots.catalogue(token.connection), upstream.owner(token.connection))
    if isinstance(found, NotExpressible):
        raise Invalid("", f"{found.reason} A draft could not say the same, so there is none.")
    connection = token.connection if rules.may_use(token.connection, team.pk) else None
    begun = drafts.start(by=by, team=team, connection=connection)
    spec = replace(found, name=f"Copy of {REFERENCE.sub('', token.name).strip()}", purpose=token.purpose)
    drafts.save(begun, by=by, revision=begun.working_copy.revision, spec=spec, connection=connection, owner=by, backup_owner=None)
    return begun
