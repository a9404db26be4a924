"""The frame around every answer: success, errors, messages, result, and how a list is paged."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, JsonResponse

from tokenportal.sandbox.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler hands back; the door puts the envelope around it. All successes are HTTP 200."""

    result: Any
    info: Mapping[str, int] | None = None
    message: tuple[int, str] | None = None


def success(answer: Answer) -> HttpResponse:
    messages = [{"code": answer.message[0], "message": answer.message[1]}] if answer.message else []
    body: dict[str, Any] = {"result": answer.result, "success": True, "errors": [], "messages": messages}
    if answer.info is not None:
        body["result_info"] = dict(answer.info)
    return JsonResponse(body)


def failure(refusal: Refusal, *, documentation_url: str = "") -> HttpResponse:
    """A refusal's envelope. Bodies of 403 name the refused operation's page since August 2026."""
    error = refusal.error()
    if refusal.status == 403 and documentation_url:
        error["documentation_url"] = documentation_url
    response = JsonResponse({"result": None, "success": False, "errors": [error], "messages": []}, status=refusal.status)
    if refusal.retry_after:
        response["retry-after"] = str(refusal.retry_after)
    return response


def ray() -> str:
    return f"{secrets.token_hex(8)}-SBX"


def number(text: str | None, default: int, low: int, high: int) -> int:
    """A number from a query string, clamped: clients exceed limits, and Cloudflare does not reject them for it."""
    try:
        return min(max(int(float(text or default)), low), high)
    except (ValueError, OverflowError):
        return default


def paged(
    rows: "QuerySet[Any]", query: Mapping[str, str], *, default: int = 20, low: int = 5, high: int = 50
) -> tuple[list[Any], dict[str, int]]:
    """The rows of one page and its result_info. Past the last page the list is empty: SDKs page until it is."""
    per_page = number(query.get("per_page"), default, low, high)
    page = number(query.get("page"), 1, 1, 10**6)
    total = rows.count()
    found = list(rows[(page - 1) * per_page : page * per_page])
    pages = -(-total // per_page)
    return found, {"page": page, "per_page": per_page, "count": len(found), "total_count": total, "total_pages": pages}
