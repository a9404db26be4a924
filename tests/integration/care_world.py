"""What the tests of caring for tokens share: a token, how it stands, and what a call with its secret may do."""

from typing import Any

from django.apps import apps
from django.core.management import call_command

from tests import arrange
from tokenportal import upstream
from tokenportal.actions import issuing
from tokenportal.cloudflare import CloudflareError
from tokenportal.models import Token, UpstreamState, User
from tokenportal.secret import Secret

NOT_ITS_OWNER = "Only the token's owner, its back-up owner or an admin can do this."


def issued(**changes: Any) -> issuing.Issued:
    made = arrange.issue(arrange.draft(**changes))
    assert made
    return made


def fresh(token: Token) -> Token:
    return Token.objects.select_related("connection").get(pk=token.pk)


def standing(token: Token) -> dict[str, Any]:
    row = fresh(token)
    return {"status": row.status, "doing": row.doing, "value_lost": row.value_lost, "ended": row.ended_at is not None}


UNTOUCHED = {"status": "active", "doing": "", "value_lost": False, "ended": False}


def works(token: Token, secret: Secret) -> bool:
    """Whether Cloudflare lets a call with this secret read what the token may read, whatever the portal's own calls wait for."""
    zone = arrange.zone_ids(arrange.zone_names()[0])[0]
    UpstreamState.objects.all().delete()
    try:
        upstream.client(token.connection, secret=secret).read(f"zones/{zone}/dns_records")
    except CloudflareError:
        return False
    return True


def at_sandbox(token: Token) -> Any:
    return apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id)


def fault(kind: str, method: str, path: str = "", **options: Any) -> None:
    call_command("sandbox_fault", kind, method=method, path=path, **options)


def own_path(token: Token) -> str:
    return f"/{token.connection.owner_path}/tokens/{token.cloudflare_id}"


def owner() -> User:
    return arrange.person("requester")
