"""The address that an event names is the browser's, as far as only a trusted proxy is believed."""

from typing import Any

import pytest
from django.test import Client

from tokenportal.actions import people
from tokenportal.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        ([], "203.0.113.9", "192.0.2.1"),
        (["198.51.100.0/24"], "203.0.113.9", "192.0.2.1"),
        (["192.0.2.0/24"], "203.0.113.9", "203.0.113.9"),
        (["192.0.2.0/24"], "10.0.0.1, 203.0.113.9", "203.0.113.9"),
        (["192.0.2.0/24"], "203.0.113.9, 192.0.2.7", "203.0.113.9"),
        (["192.0.2.0/24"], "2001:db8::1", "2001:db8::1"),
        (["192.0.2.0/24"], "=HYPERLINK()", "192.0.2.1"),
        (["192.0.2.0/24"], "", "192.0.2.1"),
    ],
)
def test_only_a_trusted_proxy_says_where_a_request_comes_from(
    client: Client, settings: Any, trusted: list[str], forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = trusted
    people.create_person(by=None, username="somebody", email="somebody@example.com", password="three quiet otters")
    sent = {"username": "somebody", "password": "wrong"}
    client.post("/sign-in/", sent, REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded)
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.outcome, event.address) == ("session.refused", "refused", address)


def test_a_session_that_is_older_than_its_name_is_called_by_its_key_s_hash(client: Client) -> None:
    person, _ = people.create_person(by=None, username="somebody", email="somebody@example.com", password="three quiet otters")
    client.force_login(person)
    client.post("/sign-out/")
    event = AuditEvent.objects.latest("number")
    assert (event.action, len(event.session), event.sign_in) == ("session.ended", 16, "")


def test_health_is_told_without_a_look_at_the_session(client: Client, django_assert_num_queries: Any) -> None:
    person, _ = people.create_person(by=None, username="somebody", email="somebody@example.com", password="three quiet otters")
    client.force_login(person)
    with django_assert_num_queries(0):
        assert client.get("/healthz").status_code == 200
