"""Whether the process lives, and whether it can do its work. Neither answer holds a secret, a version or a name."""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from tokenportal import audit
from tokenportal.actions import connections, verifying
from tokenportal.models import append_only


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"alive": True})


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone() == (1,)
    except DatabaseError:
        return False


def kept_as_written() -> bool | None:
    """Whether the triggers stand that keep events and versions; None for what cannot be told."""
    try:
        return append_only.installed(connection)
    except DatabaseError:
        return None


def upstream_state() -> tuple[bool | None, dict[str, int] | None]:
    """Whether it worked lately, and how many connections are paused; None for what cannot be told."""
    try:
        return connections.last_known_to_work(), connections.paused()
    except DatabaseError:
        return None, None


def log_state() -> dict[str, bool | None]:
    """Whether the audit log held when it was last verified, and whether its checkpoints are written; None for what cannot be told."""
    try:
        found = verifying.state()
    except (DatabaseError, audit.AuditUnavailable):
        return {"chain": None, "checkpoints": None}
    return {"chain": found.holds, "checkpoints": not found.checkpoints.trouble}


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Ready means: reads and writes. Cloudflare is told of, from what was last seen of it, and never asked here.

    It does not decide: without it the pages still work from what is known, and a mistyped credential must not take the
    portal away from those who could mend it. Neither does a log that does not hold, which is read to find out what happened, nor
    missing triggers: the chain shows what they would have stopped.
    """
    checks = {"database": database_answers(), "audit": audit.can_record()}
    ready = all(checks.values())
    worked, paused = upstream_state()
    told = {
        "ready": ready, "checks": {**checks, "upstream": worked, **log_state()}, "append_only": kept_as_written(), "paused": paused,
    }  # fmt: skip
    return JsonResponse(told, status=200 if ready else 503)
