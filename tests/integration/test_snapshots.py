"""Snapshots: read whole or not at all, one reading at a time, and looked up without guessing."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from tests import arrange
from tokenportal import audit, clock, cloudflare
from tokenportal.actions import snapshots
from tokenportal.models import AuditEvent, Connection, KnownAccount, KnownZone, Snapshot
from tokenportal.sandbox import faults
from tokenportal.sandbox.models import Zone as SandboxZone

pytestmark = pytest.mark.django_db


def present() -> Snapshot:
    return Snapshot.objects.get(connection=arrange.connection())


def generations() -> set[Any]:
    here = arrange.connection()
    return set(KnownZone.objects.filter(connection=here).values_list("generation", flat=True)) | set(
        KnownAccount.objects.filter(connection=here).values_list("generation", flat=True)
    )


def test_a_reading_switches_over_whole_and_forgets_the_old_one(portal: None) -> None:
    before = present()
    SandboxZone.objects.filter(name="acme.example").delete()
    after = snapshots.refresh(arrange.connection())
    assert after.generation != before.generation
    assert generations() == {after.generation}
    assert (after.state, after.zones_read, after.zones_total, after.error) == ("ready", 31, 31, "")
    assert snapshots.zones_named(arrange.connection(), ["acme.example"]) == {}
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.outcome, event.details["zones"]) == ("snapshot.refreshed", "done", 31)


@pytest.mark.parametrize("fault", ["forbidden", "bad_gateway", "html", "refuse_connection", "truncate", "rate_limit", "huge"])
@pytest.mark.parametrize("path", ["/zones", "/accounts"])
def test_a_failure_leaves_the_old_one_and_says_why(portal: None, fault: str, path: str) -> None:
    before = present()
    faults.arm(fault, method="GET", path=path)
    after = snapshots.refresh(arrange.connection())
    assert after.state == "failed"
    assert after.error
    assert "cfat_" not in after.error
    assert generations() == {before.generation} == {present().generation}
    assert snapshots.size(arrange.connection()) == (1, 32)
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.outcome) == ("snapshot.refreshed", "failed")
    assert event.reason == after.error
    faults.clear()
    with clock.at(clock.now() + timedelta(minutes=1)):  # a rate limit is waited for
        assert snapshots.refresh(arrange.connection()).state == "ready"


def test_a_failure_in_the_middle_leaves_nothing_of_the_new_one(portal: None) -> None:
    call_command("sandbox_zones", "120")
    before = present()
    seen: list[tuple[int, int | None]] = []
    original = snapshots._tell

    def telling(snapshot: Snapshot, **values: Any) -> None:
        original(snapshot, **values)
        if "zones_total" in values and "groups" not in values:
            seen.append((values["zones_read"], values["zones_total"]))
            if len(seen) == 2:
                faults.arm("bad_gateway", method="GET", path="/zones")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "_tell", telling)
        patch.setattr(snapshots, "BATCH", 30)
        assert snapshots.refresh(arrange.connection()).state == "failed"
    assert [done for done, _ in seen] == [50, 100]
    assert present().zones_read == 100
    assert generations() == {before.generation}


def test_while_one_reads_another_does_not(portal: None) -> None:
    Snapshot.objects.filter(pk=arrange.connection().pk).update(
        state="reading", started_at=clock.now(), zones_read=7, zones_total=None
    )
    head = AuditEvent.objects.count()
    found = snapshots.refresh(arrange.connection())
    assert (found.state, found.zones_read) == ("reading", 7)
    assert AuditEvent.objects.count() == head
    page = arrange.signed_in("admin").get(f"/settings/connections/{arrange.connection().pk}/").content.decode()
    assert "Being read: 7 zones." in page
    assert "32 zones" in page
    assert 'hx-trigger="every 2s"' in page


def test_a_reading_that_was_killed_is_taken_over(portal: None) -> None:
    long_ago = clock.now() - timedelta(hours=1)
    Snapshot.objects.filter(pk=arrange.connection().pk).update(state="reading", started_at=long_ago)
    assert snapshots.refresh(arrange.connection()).state == "ready"


def test_a_reading_that_was_overtaken_ends_without_a_trace(portal: None) -> None:
    before, head = present(), AuditEvent.objects.count()
    original = cloudflare.Client.accounts

    def slow(self: cloudflare.Client) -> Any:
        Snapshot.objects.filter(pk=arrange.connection().pk).update(started_at=clock.now() + timedelta(seconds=1))
        return original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloudflare.Client, "accounts", slow)
        assert snapshots.refresh(arrange.connection()).state == "reading"
    assert generations() == {before.generation}
    assert AuditEvent.objects.count() == head


def test_what_cannot_be_recorded_does_not_switch_over(portal: None) -> None:
    before = present()

    def broken(record: Any) -> None:
        raise audit.AuditUnavailable("The audit cannot be written.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tokenportal.audit.chain.append", broken)
        with pytest.raises(audit.AuditUnavailable):
            snapshots.refresh(arrange.connection())
    after = present()
    assert (after.state, after.generation, after.error) == ("failed", before.generation, snapshots.BROKE_OFF)
    assert generations() == {before.generation}


def test_a_zone_that_comes_twice_is_kept_once(portal: None) -> None:
    original = cloudflare.Client.zones

    def twice(self: cloudflare.Client, progress: Any = None) -> Any:
        for zone in original(self, progress):
            yield zone
            yield zone

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloudflare.Client, "zones", twice)
        assert snapshots.refresh(arrange.connection()).state == "ready"
    assert snapshots.size(arrange.connection()) == (1, 32)


def test_the_catalogue_is_built_once_a_generation(portal: None, django_assert_num_queries: Any) -> None:
    first = snapshots.catalogue(arrange.connection())
    here = arrange.connection()
    with django_assert_num_queries(1):
        assert snapshots.catalogue(here) is first
    snapshots.refresh(here)
    assert snapshots.catalogue(here) is not first


def test_surroundings_hold_the_named_zones_and_counts(portal: None) -> None:
    here = arrange.connection("Acme user")
    [one] = arrange.zone_ids("acme.example", of="Acme user")
    found = snapshots.surroundings(here, [one, "0" * 32])
    assert list(found.zones) == [one]
    assert sorted(found.zone_counts.values()) == [12, 16, 32]
    assert sorted(found.accounts.values()) == ["Acme media", "Acme production", "Acme staging"]
    assert found.owner.kind == "user"


def test_zones_are_found_by_name_and_by_part_of_it(portal: None) -> None:
    here = arrange.connection()
    assert {zone.name for zone in snapshots.find_zones(here, " ACME-SHOP. ")} == {
        "acme-shop.example",
        "acme-shop.example.net",
        "acme-shop.example.org",
        "acme-shop.test",
    }  # fmt: skip
    assert len(snapshots.find_zones(here, limit=5)) == 5
    found = snapshots.zones_by_name(here, ["ACME.example.", "nowhere.example"])
    assert list(found) == ["acme.example"]


def test_of_two_zones_of_one_name_the_owner_s_own_comes_first(portal: None) -> None:
    here = arrange.connection()
    generation = present().generation
    [own] = arrange.zone_ids("acme.example")
    for letter, status in (("0", "active"), ("1", "pending")):
        KnownZone.objects.create(
            connection=here,
            generation=generation,
            zone_id=letter * 32,
            name="acme.example",
            account_id=letter * 32,
            status=status,
        )
    found = snapshots.zones_by_name(here, ["acme.example"])["acme.example"]
    assert [zone.id for zone in found] == [own, "0" * 32, "1" * 32]
    assert snapshots.zones_named(here, ["acme.example"]) == {"acme.example": own}


def names(found: list[KnownZone]) -> list[str]:
    return [zone.name for zone in found]


def many_zones(*given: str) -> None:
    """A new generation that holds just these zones, with ids 0, 1, 2 and so on."""
    SandboxZone.objects.all().delete()
    snapshots.refresh(arrange.connection())
    here = present()
    KnownZone.objects.bulk_create(
        KnownZone(
            connection=here.connection, generation=here.generation, zone_id=f"{number:032x}", name=name, account_id=f"{number:032x}"
        )
        for number, name in enumerate(given)
    )  # fmt: skip


def test_a_search_shows_zones_that_begin_with_the_text_first_and_counts_them_all(portal: None) -> None:
    many_zones("shop.example", "a-shop.example", "shop-b.example", "other.example", "z-shop.example", "shop-a.example")
    found, total = snapshots.search_zones(arrange.connection(), " SHOP ")
    assert (names(found), total) == (
        ["shop-a.example", "shop-b.example", "shop.example", "a-shop.example", "z-shop.example"],
        5,
    )
    found, total = snapshots.search_zones(arrange.connection(), "shop", limit=2)
    assert (names(found), total) == (["shop-a.example", "shop-b.example"], 5)


def test_a_zone_is_found_by_its_id_and_by_the_beginning_of_it(portal: None) -> None:
    many_zones("shop.example", "decade.example", "shop-b.example")
    here, id = arrange.connection(), f"{2:032x}"
    assert names(snapshots.search_zones(here, id)[0]) == ["shop-b.example"]
    assert names(snapshots.search_zones(here, id[:-1].upper())[0]) == ["decade.example", "shop-b.example", "shop.example"]
    assert snapshots.search_zones(here, "decade") == ([KnownZone.objects.get(name="decade.example")], 1)
    assert snapshots.zones_named(here, [id.upper(), "shop.example", "f" * 32]) == {id: id, "shop.example": f"{0:032x}"}


def test_a_search_for_nothing_lists_all_and_one_for_the_unknown_none(portal: None) -> None:
    many_zones("b.example", "a.example")
    here = arrange.connection()
    assert [zone.name for zone in snapshots.search_zones(here, "")[0]] == ["a.example", "b.example"]
    assert snapshots.search_zones(here, "")[1] == 2
    for text in ("nowhere", "example\na", "example\nb.", "_", "%", "a.example\n"):
        found, total = snapshots.search_zones(here, text)
        assert (names(found), total) == ((["a.example"], 1) if text.startswith("a.") else ([], 0)), text


def test_two_zones_of_one_name_are_both_found(portal: None) -> None:
    many_zones("shop.example", "shop.example")
    found, total = snapshots.search_zones(arrange.connection(), "shop")
    assert ([zone.zone_id for zone in found], total) == ([f"{number:032x}" for number in (0, 1)], 2)


@pytest.mark.parametrize(("count", "told"), [(99, 99), (100, 100), (101, None)])
def test_a_search_counts_to_a_hundred(portal: None, count: int, told: int | None) -> None:
    many_zones(*(f"z{number}.example" for number in range(count)))
    assert snapshots.search_zones(arrange.connection(), "example")[1] == told


def test_a_connection_that_was_never_read_has_no_zones(portal: None) -> None:
    here = arrange.connection()
    Snapshot.objects.filter(connection=here).delete()
    assert snapshots.search_zones(here, "shop") == ([], 0)
    assert snapshots.size(here) == (0, 0)


def test_a_keystroke_asks_the_database_twice_however_many_zones_there_are(portal: None, django_assert_num_queries: Any) -> None:
    here = arrange.connection()
    snapshots.search_zones(here, "")
    with django_assert_num_queries(2):
        snapshots.search_zones(here, "shop")
    many_zones(*(f"z{number}.example" for number in range(300)))
    snapshots.search_zones(here, "")
    with django_assert_num_queries(2):
        snapshots.search_zones(here, "z")


def test_a_snapshot_that_was_loaded_with_its_connection_is_not_asked_for_again(
    portal: None, django_assert_num_queries: Any
) -> None:
    here = Connection.objects.select_related("snapshot").get(pk=arrange.connection().pk)
    first = snapshots.catalogue(here)
    with django_assert_num_queries(0):
        assert snapshots.catalogue(here) is first
    snapshots.refresh(here)
    assert snapshots.catalogue(here) is not first
    Snapshot.objects.filter(connection=here).delete()
    unread = Connection.objects.select_related("snapshot").get(pk=here.pk)
    with django_assert_num_queries(1):
        assert len(snapshots.catalogue(unread)) == 0


def test_more_zones_than_are_read_never_look_like_all(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("sandbox_zones", "120")
    office, here = arrange.signed_in("admin"), arrange.connection()
    page = f"/settings/connections/{here.pk}/"
    monkeypatch.setattr("tokenportal.cloudflare.client.MAX_PAGES", 2)
    office.post(f"{page}refresh/")
    cut = present()
    assert (cut.state, cut.zones_read, cut.zones_complete) == ("ready", 100, False)
    assert "There are more zones than the portal reads" in office.get(page).content.decode()
    assert snapshots.surroundings(arrange.connection()).zone_counts == {}
    faults.arm("bad_gateway", method="GET", path="/zones")
    assert snapshots.refresh(arrange.connection()).state == "failed"
    assert "There are more zones than the portal reads" in office.get(page).content.decode()
    faults.clear()
    monkeypatch.setattr("tokenportal.cloudflare.client.MAX_PAGES", 1000)
    office.post(f"{page}refresh/")
    assert (present().zones_complete, snapshots.surroundings(arrange.connection()).zone_counts) == (True, {here.owner_id: 152})
    assert "more zones than" not in office.get(page).content.decode()
