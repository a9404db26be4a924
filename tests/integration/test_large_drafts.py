"""Drafts far larger than most, and what they may cost; and many saves of one draft at one moment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.db import connections

from tests import arrange
from tests.integration.test_builder import Draft
from tokenportal.actions import drafts
from tokenportal.models import TokenRequest, WorkingCopy
from tokenportal.views import drawing

pytestmark = pytest.mark.django_db


def test_a_draft_of_two_thousand_zones_is_still_saved(portal: None) -> None:
    draft = Draft()
    zones = [f"{number:032x}" for number in range(2000)]
    answer = draft.post("told", b1_zone=zones)
    assert answer.status_code == 200
    assert list(draft.spec.blocks[0].zones.zones) == zones


@pytest.mark.parametrize("field", ["b1_zone_paste", "b1_zone_add"])
def test_a_thousand_long_names_are_all_read(portal: None, field: str) -> None:
    draft = Draft()
    names = [f"{number:04}-{'long-' * 11}name.{'x' * 60}.{'y' * 60}.{'z' * 50}.example" for number in range(1000)]
    draft.post("access-1", do="add-zone:1", **{field: ", ".join(names)})
    assert list(draft.spec.blocks[0].zones.unknown) == names


def test_only_parts_of_ordinary_length_are_kept_in_memory(portal: None) -> None:
    short = drawing.drawn("builder/slot.html", messages=("Short.",))
    long = drawing.drawn("builder/slot.html", messages=("Long." * 10_000,))
    held = drawing._kept.cache_info().currsize
    assert drawing.drawn("builder/slot.html", messages=("Short.",)) is short
    again = drawing.drawn("builder/slot.html", messages=("Long." * 10_000,))
    assert again == long
    assert again is not long
    assert drawing._kept.cache_info().currsize == held


@pytest.mark.django_db(transaction=True)
def test_of_eight_saves_of_one_draft_at_one_moment_one_wins_each_time(lasting_portal: None) -> None:
    begun = arrange.draft()
    user = arrange.person("requester")
    first = WorkingCopy.objects.get(pk=begun.pk)
    ready = threading.Barrier(8)

    def save(number: int) -> str:
        try:
            mine = TokenRequest.objects.select_related("working_copy").get(pk=begun.pk)
            copy = mine.working_copy
            ready.wait(timeout=10)
            spec = replace(copy.spec, name=f"by thread {number} from {copy.revision}")
            try:
                saved = drafts.save(
                    mine, by=user, revision=copy.revision, spec=spec, connection=copy.connection, owner=user, backup_owner=None
                )
            except drafts.Stale as stale:
                return stale.copy.spec.name
            assert saved.spec.name == spec.name
            return f"won: {spec.name}"
        finally:
            connections.close_all()

    for turn in range(3):
        with ThreadPoolExecutor(max_workers=8) as pool:
            told = list(pool.map(save, range(8)))
        now = WorkingCopy.objects.get(pk=begun.pk)
        assert now.revision == first.revision + turn + 1
        assert sorted(told) == sorted([f"won: {now.spec.name}", *[now.spec.name] * 7])
