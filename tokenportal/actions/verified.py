"""What looks at the audit log have found, as it is kept, and what of it counts.

A result is sealed with the audit key, so that nobody who holds only the database can write that all is well.
"""

import hmac
from datetime import datetime

from django.db.models import QuerySet

from tokenportal import clock
from tokenportal.audit import AuditUnavailable, seals
from tokenportal.models import Verification
from tokenportal.models.audit_event import canonical_json

LABEL = "tokenportal verification 1\n"
UNTOLD = "tokenportal verification 1, not told\n"
SEALED = ("scope", "by_name", "events", "total", "unprotected", "result", "first_bad", "kind", "sentence")

Scope, Outcome = Verification.Scope, Verification.Result


def done() -> QuerySet[Verification]:
    """All results, the last one first. One that is dated in the future would stay the last for ever, and is none."""
    return Verification.objects.filter(ended_at__lte=clock.now()).order_by("-ended_at")


def last(scope: str) -> Verification | None:
    """The newest result of this scope."""
    return done().filter(scope=scope).first()


def whole_since(moment: datetime) -> Verification | None:
    """The last look at the whole log since then that could tell whether it holds, and is as it was kept."""
    told = done().filter(scope=Scope.WHOLE, result__in=(Outcome.CLEAN, Outcome.TAMPERED), ended_at__gt=moment)
    return _first_trusted(told)


def standing() -> Verification | None:
    """The last finding that no later look at the whole log has taken back. One at the newest part may begin after it."""
    clean = _first_trusted(done().filter(scope=Scope.WHOLE, result=Outcome.CLEAN))
    found = done().filter(result=Outcome.TAMPERED)
    return _first_trusted(found.filter(ended_at__gt=clean.ended_at) if clean and clean.ended_at else found)


def _first_trusted(results: QuerySet[Verification]) -> Verification | None:
    return next(filter(trusted, results.iterator()), None)


def known(found: Verification) -> bool:
    """Whether the same was found before, by a result that can be trusted, and was told."""
    same = Verification.objects.filter(result=Outcome.TAMPERED, first_bad=found.first_bad, kind=found.kind)
    return any(_is_sealed(one, LABEL) for one in same.exclude(pk=found.pk)[:10])


def _sealed(verification: Verification, label: str) -> str:
    ended = verification.ended_at.isoformat() if verification.ended_at else None
    content = {name: getattr(verification, name) for name in SEALED}
    return label + canonical_json({**content, "id": str(verification.pk), "ended_at": ended})


def keep(verification: Verification, *, untold: bool = False) -> None:
    """Seal and save it. ``untold`` is news whose event could not be written: the next look has to tell it."""
    try:
        verification.mac = seals.mac(_sealed(verification, UNTOLD if untold else LABEL), seals.keyring().current_key)
    except AuditUnavailable:
        verification.mac = ""
    verification.save()


def trusted(verification: Verification) -> bool:
    """Whether a kept result is as it was kept: whoever can write the database can write here too, but cannot seal it."""
    return _is_sealed(verification, LABEL) or _is_sealed(verification, UNTOLD)


def _is_sealed(verification: Verification, label: str) -> bool:
    try:
        ring = seals.keyring()
    except AuditUnavailable:
        return False
    return any(
        hmac.compare_digest(verification.mac.encode(), seals.mac(_sealed(verification, label), key).encode())
        for key in ring.keys.values()
    )
