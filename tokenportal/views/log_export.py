"""What a filter of the log finds, as a file. The event that says so is written before the first byte leaves."""

from collections.abc import Callable, Iterable, Iterator
from itertools import batched

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST

from tokenportal import audit, clock, rules
from tokenportal.audit import Event, export, one_event, reading, seals
from tokenportal.models import AuditEvent
from tokenportal.models.audit_event import canonical_json
from tokenportal.views import access, audit_rows, errors
from tokenportal.views.answers import answers

AT_A_TIME = 500
COLUMNS = ("number", "at", *(name for name in (*seals.HASHED, *seals.ADDED) if name != "number"), "hash", "mac")
"""The columns of a CSV file. Moments are ISO 8601 in UTC; what changed is JSON."""


@answers
@require_POST
def export_log(request: HttpRequest) -> HttpResponseBase:
    """Up to the event that was the newest when it began, oldest first, as the chain goes."""
    user = access.person(request)
    rules.require(rules.may_read_audit(user))
    wanted, form = audit_rows.wanted(request.POST), request.POST.get("format", "")
    if wanted.problems or form not in FORMATS:
        sentence = wanted.problems[0].sentence if wanted.problems else "Choose CSV or JSON Lines."
        return errors.page(request, 422, "Error: nothing was exported", sentence)
    newest = reading.newest()
    rows = audit_rows.matching(wanted).filter(number__lte=newest)
    audit.note(Event.AUDIT_EXPORTED, by=user, format=form, filter=wanted.words(), rows=rows.count(), up_to=newest)
    content_type, written = FORMATS[form]
    headers = {"Content-Disposition": f'attachment; filename="audit-{clock.now():%Y-%m-%dT%H%MZ}.{form}"'}
    numbers = rows.order_by("number").values_list("number", flat=True).iterator(chunk_size=AT_A_TIME)
    return StreamingHttpResponse(written(in_batches(numbers)), content_type=content_type, headers=headers)


def in_batches(numbers: Iterable[int]) -> Iterator[AuditEvent]:
    for batch in batched(numbers, AT_A_TIME):
        yield from reading.readable(batch)


def as_row(event: AuditEvent) -> list[object]:
    content = one_event.as_json(event) if event.at else {"number": event.number, "reason": event.reason}
    values = [content.get(name, "") for name in COLUMNS]
    return [canonical_json(value) if isinstance(value, dict) else value for value in values]


FORMATS: dict[str, tuple[str, Callable[[Iterator[AuditEvent]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", lambda found: export.csv_lines(COLUMNS, map(as_row, found))),
    "jsonl": ("application/jsonl; charset=utf-8", lambda found: export.json_lines(map(one_event.as_json, found))),
}
