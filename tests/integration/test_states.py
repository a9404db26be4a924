"""The table of states, against a matrix written by hand, and the drawing in docs."""

from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from tests import arrange
from tokenportal import audit
from tokenportal.audit import Event
from tokenportal.management.commands import states
from tokenportal.models import TRANSITIONS, IllegalMove, MovedMeanwhile, Status, TokenRequest

pytestmark = pytest.mark.django_db

#              draft in_review approved rejected expired issuing issued failed uncertain discarded
ALLOWED = {
    "draft": "     .     x         .        .        .       x       .      .      .         x",
    "in_review": " x     .         x        x        x       .       .      .      .         .",
    "approved": "  x     .         .        x        x       x       x      .      .         .",
    "rejected": "  .     .         .        .        .       .       .      .      .         x",
    "expired": "   .     .         .        .        .       .       .      .      .         x",
    "issuing": "   .     .         .        .        .       .       x      x      x         .",
    "issued": "    .     .         .        .        .       .       .      .      .         .",
    "failed": "    x     .         .        x        .       x       x      .      .         x",
    "uncertain": " .     .         .        .        .       .       x      x      .         .",
    "discarded": " .     .         .        .        .       .       .      .      .         .",
}
ORDER = ["draft", "in_review", "approved", "rejected", "expired", "issuing", "issued", "failed", "uncertain", "discarded"]


@pytest.mark.parametrize("start", ORDER)
@pytest.mark.parametrize("end", ORDER)
def test_a_move_is_allowed_just_where_the_matrix_says(start: str, end: str) -> None:
    allowed = ALLOWED[start].split()[ORDER.index(end)] == "x"
    assert (Status(end) in TRANSITIONS[Status(start)]) is allowed


def move(token_request: TokenRequest, to: Status, **fields: Any) -> None:
    with audit.recording(Event.TOKEN_ISSUING, by=None, subject=token_request):
        token_request.move(to, **fields)


def test_a_move_without_an_arrow_raises(portal: None) -> None:
    with pytest.raises(IllegalMove):
        move(arrange.draft(), Status.ISSUED)


def test_of_two_who_move_a_row_the_second_is_told(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    other = TokenRequest.objects.get(pk=ready.pk)
    move(ready, Status.ISSUING)
    with pytest.raises(MovedMeanwhile):
        move(other, Status.ISSUING)


def test_the_database_itself_refuses_an_issued_request_without_an_id(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    move(ready, Status.ISSUING)
    with pytest.raises(IntegrityError), transaction.atomic():
        move(ready, Status.ISSUED)


def test_the_drawing_of_the_states_is_fresh() -> None:
    assert (Path(__file__).parents[2] / "docs" / "states.md").read_text("utf-8") == states.drawing()
