"""Faults: what can go wrong between a caller and Cloudflare, to be armed for the next matching calls.

    faults.arm("drop", method="POST", path="/user/tokens")      the token is created, the answer never comes
    faults.arm("slow", seconds=20, times=3)
    faults.clear()

`path` is a prefix below /client/v4. A fault strikes before the call takes effect, or after it; `after` overrides what is usual
for its kind.
"""

from dataclasses import dataclass

from django.db.models import F

from tokenportal.sandbox.models import Fault


@dataclass(frozen=True, slots=True)
class Kind:
    """What usually holds for a kind: `after` is true when the call has taken effect by the time the fault strikes, `method` is
    what it matches when nobody says ("" for all), `seconds` its length.
    """

    slug: str
    label: str
    words: str
    after: bool = False
    method: str = ""
    seconds: float = 0


KINDS: dict[str, Kind] = {
    kind.slug: kind
    for kind in (
        Kind("forbidden", "Refuse with 403", "An error envelope, code 9109; nothing happens."),
        Kind("invalid", "Refuse with 400", "An error envelope, code 1001; nothing happens."),
        Kind("rate_limit", "Rate limit", "429, code 971, with retry-after; nothing happens.", seconds=30),
        Kind("error", "Fail after the work", "500, although the call took effect.", after=True),
        Kind("slow", "Be slow", "The call takes effect, its answer comes late.", after=True, seconds=5),
        Kind("html", "Answer with HTML, 200", "A page where JSON should be; nothing happens."),
        Kind("bad_gateway", "Answer with HTML, 502", "A gateway's page; nothing happens."),
        Kind("truncate", "Cut the answer", "Shorter than its Content-Length; the call took effect.", after=True),
        Kind("drop", "Drop the answer", "The connection breaks after the call took effect.", after=True),
        Kind("empty", "Answer with nothing, 200", "An empty body; the call took effect.", after=True),
        Kind("no_value", "Leave the value out", "A success without the secret; the call took effect.", after=True, method="POST"),
        Kind("lie", "Lie", "400, although the call took effect.", after=True),
        Kind("refuse_connection", "Refuse the connection", "Nothing listens; over HTTP a 503."),
        Kind("redirect", "Redirect elsewhere", "307 to another host; nothing happens."),
        Kind("huge", "Answer with 3 MiB", "A valid envelope that never seems to end; the call took effect.", after=True),
        Kind("lag", "List late", "The new token is listed only after these seconds.", after=True, method="POST", seconds=5),
        Kind(
            "late",
            "Take effect late",
            "The answer is dropped; the token exists only after these seconds.",
            after=True,
            method="POST",
            seconds=5,
        ),
    )
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def arm(
    kind: str,
    *,
    method: str | None = None,
    path: str = "",
    times: int = 1,
    seconds: float | None = None,
    after: bool | None = None,
) -> Fault:
    """Arm a fault for the next `times` calls that match. `method` None takes the kind's own, "" matches every method.

    ValueError for an unknown kind or method, or numbers out of range. Several armed faults strike in the order of arming; "lag"
    is taken beside another one, because a late listing and a lost answer come together.
    """
    if kind not in KINDS:
        raise ValueError(f"there is no fault {kind!r}; there are {', '.join(KINDS)}")
    known = KINDS[kind]
    chosen = known.method if method is None else method.upper()
    if chosen and chosen not in METHODS:
        raise ValueError(f"there is no method {method!r}")
    if times < 1 or (seconds is not None and not 0 <= seconds <= 3600):
        raise ValueError("a fault strikes at least once, and waits between 0 and 3600 seconds")
    return Fault.objects.create(
        kind=kind,
        method=chosen,
        path=path,
        remaining=times,
        seconds=known.seconds if seconds is None else seconds,
        after=known.after if after is None else after,
    )


def clear() -> None:
    """Disarm everything."""
    Fault.objects.all().delete()


def take(method: str, path: str) -> tuple[Fault | None, float]:
    """The fault that strikes this call, used up by one, and the seconds by which a new token is listed late."""
    struck: Fault | None = None
    lag = 0.0
    for fault in Fault.objects.filter(remaining__gt=0, method__in=("", method)).order_by("pk"):
        if not path.startswith(fault.path) or (lag if fault.kind == "lag" else struck):
            continue
        if not Fault.objects.filter(pk=fault.pk, remaining__gt=0).update(remaining=F("remaining") - 1):
            continue
        if fault.kind == "lag":
            lag = fault.seconds
        else:
            struck = fault
    return struck, lag
