"""User tokens and account-owned tokens: the same eight operations at two addresses.

`account_id` is None at /user/tokens. Which permission groups let a token call
an operation is Cloudflare's word (its OpenAPI, July 2026).
"""

from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from tokenportal.sandbox import bodies, grants, groups, parents, refusals, shapes, values
from tokenportal.sandbox.door import Incoming
from tokenportal.sandbox.envelope import Answer, paged
from tokenportal.sandbox.models import PermissionGroup, Token, User, new_id
from tokenportal.sandbox.search import text_filter

USER_LIMIT = 50
ACCOUNT_LIMIT = 500


def _may(call: Incoming, account_id: str | None, *, write: bool = False) -> None:
    levels = ("Write",) if write else ("Read", "Write")
    if account_id is None:
        chosen = groups.ids(groups.USER, *(f"API Tokens {level}" for level in levels))
        call.require(chosen, grants.user(call.token.user_id or ""))
    else:
        chosen = groups.ids(groups.ACCOUNT, *(f"Account API Tokens {level}" for level in levels))
        call.require(chosen, grants.account(account_id))


def _owned(call: Incoming, account_id: str | None) -> "QuerySet[Token]":
    owner = Q(account=account_id) if account_id else Q(user=call.token.user_id)
    return Token.objects.filter(owner, appears_at__lte=timezone.now())


def _one(call: Incoming, account_id: str | None, token_id: str) -> Token:
    token = _owned(call, account_id).filter(pk=token_id).first()
    if token is None:
        raise refusals.token_not_found()
    return token


def list_(call: Incoming, account_id: str | None = None) -> Answer:
    """Expired tokens are left out unless `include_expired` is true. Newest first, unless `direction` is asc."""
    _may(call, account_id)
    now = timezone.now()
    rows = _owned(call, account_id).filter(listed_from__lte=now)
    if call.query.get("include_expired", "").lower() not in {"true", "1"}:
        rows = rows.filter(Q(expires_on=None) | Q(expires_on__gt=now))
    if name := call.query.get("name"):
        rows = rows.filter(text_filter("name", name))
    sign = "" if call.query.get("direction") == "asc" else "-"
    page, info = paged(rows.order_by(f"{sign}issued_on", f"{sign}pk"), call.query)
    names = shapes.group_names(page)
    return Answer([shapes.token(row, names) for row in page], info)


def create(call: Incoming, account_id: str | None = None) -> Answer:
    _may(call, account_id, write=True)
    kind = "account" if account_id else "user"
    body = bodies.read(call.body(), kind=kind)
    _check_grant(call, account_id, body.policies)
    value = values.new_value(kind)
    now = timezone.now()
    appears = now + timedelta(seconds=call.late)
    with transaction.atomic():
        limit = ACCOUNT_LIMIT if account_id else USER_LIMIT
        if Token.objects.filter(account=account_id, user=None if account_id else call.token.user_id).count() >= limit:
            raise refusals.quota_reached(limit)
        token = Token.objects.create(
            pk=new_id(),
            account_id=account_id,
            user_id=None if account_id else call.token.user_id,
            value_sha256=values.digest(value),
            created_by=call.token.pk,
            creator_email=_creator_email(account_id),
            issued_on=appears,
            modified_on=appears,
            appears_at=appears,
            listed_from=appears + timedelta(seconds=call.lag),
            **_columns(body),
        )
    return Answer(shapes.token(token, shapes.group_names([token]), value=value))


def get(call: Incoming, token_id: str, account_id: str | None = None) -> Answer:
    _may(call, account_id)
    token = _one(call, account_id, token_id)
    return Answer(shapes.token(token, shapes.group_names([token])))


def update(call: Incoming, token_id: str, account_id: str | None = None) -> Answer:
    """Replaces the whole token; its value stays."""
    _may(call, account_id, write=True)
    token = _one(call, account_id, token_id)
    body = bodies.read(call.body(), kind=token.kind, replacing=token)
    _check_grant(call, account_id, body.policies)
    for name, value in _columns(body).items():
        setattr(token, name, value)
    token.modified_on = timezone.now()
    token.save(update_fields=[*_columns(body), "modified_on"])
    return Answer(shapes.token(token, shapes.group_names([token])))


def delete(call: Incoming, token_id: str, account_id: str | None = None) -> Answer:
    _may(call, account_id, write=True)
    _one(call, account_id, token_id).delete()
    return Answer({"id": token_id})


def roll(call: Incoming, token_id: str, account_id: str | None = None) -> Answer:
    """A new value, as a string; the old one dies at once."""
    _may(call, account_id, write=True)
    token = _one(call, account_id, token_id)
    if call.body() != {}:
        raise refusals.bad_body("The body must be an empty object.")
    value = values.new_value(token.kind)
    Token.objects.filter(pk=token.pk).update(value_sha256=values.digest(value), modified_on=timezone.now())
    return Answer(value)


def verify(call: Incoming, account_id: str | None = None) -> Answer:
    """Asks no permission and applies no address rule. A token is verified at its own kind's address only."""
    if call.token.account_id != account_id:
        raise refusals.unknown_token_on_verify()
    message = (10000, "The API token is valid and active.") if call.token.status() == "active" else None
    return Answer(shapes.verified(call.token), message=message)


def permission_groups(call: Incoming, account_id: str | None = None) -> Answer:
    """Not paged. An account's list leaves out the groups that act on a user: its tokens cannot hold them."""
    _may(call, account_id)
    rows = PermissionGroup.objects.order_by("name", "scope")
    if account_id:
        rows = rows.exclude(scope=groups.USER)
    if name := call.query.get("name"):
        rows = rows.filter(name__in={name, unquote(name)})
    if scope := call.query.get("scope"):
        rows = rows.filter(scope__in={scope, unquote(scope)})
    return Answer([shapes.group(row) for row in rows])


def _check_grant(call: Incoming, account_id: str | None, policies: list[dict[str, Any]]) -> None:
    names = dict(PermissionGroup.objects.values_list("pk", "name"))
    parents.check(call.grants, policies, account_id=account_id, names=names)


def _creator_email(account_id: str | None) -> str:
    if account_id is None:
        return ""
    return User.objects.filter(accounts=account_id).values_list("email", flat=True).first() or ""


def _columns(body: bodies.TokenBody) -> dict[str, Any]:
    return {
        "name": body.name,
        "policies": body.policies,
        "condition": body.condition,
        "not_before": body.not_before,
        "expires_on": body.expires_on,
        "disabled": body.disabled,
    }
