"""Setting up, signing in and out, being asked again, one's own account."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import hashers
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from tokenportal import clock, keys
from tokenportal.actions import people, sessions
from tokenportal.audit import chain
from tokenportal.models import AuditEvent, SetUpCode, SignInFailure, User

pytestmark = pytest.mark.django_db

PASSWORD = "three quiet otters"


def someone(username: str = "ada", **roles: bool) -> User:
    person, _ = people.create_person(by=None, username=username, email=f"{username}@example.com", password=PASSWORD, **roles)
    return person


def sign_in(client: Client, username: str = "ada", password: str = PASSWORD, **more: str):
    return client.post("/sign-in/", {"username": username, "password": password, **more})


@pytest.fixture
def ada(client: Client) -> User:
    person = someone()
    assert sign_in(client).status_code == 302
    return person


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("number").values_list("action", flat=True))


def test_before_anybody_exists_every_page_leads_to_setting_up(client):
    for address in ("/", "/sign-in/", "/audit/"):
        assert client.get(address).headers["Location"] == "/set-up/"
    assert client.get("/set-up/").status_code == 200
    assert client.get("/healthz").status_code == 200


def test_the_code_makes_the_first_admin_once(client, capsys):
    call_command("set_up_code")
    code = capsys.readouterr().out.split()[-1]
    assert code not in SetUpCode.objects.get().hash
    data = {"code": code, "username": "Ada", "email": "Ada@Example.com", "password": PASSWORD}
    wrong = client.post("/set-up/", data | {"code": "0" * 32})
    assert wrong.status_code == 422
    assert b"This is not the code" in wrong.content
    assert b'value="Ada@Example.com"' in wrong.content
    short = client.post("/set-up/", data | {"password": "short"})
    assert short.status_code == 422
    assert SetUpCode.objects.exists()
    assert client.post("/set-up/", data).headers["Location"] == "/settings/connections/"
    ada = User.objects.get()
    assert (ada.username, ada.email, ada.is_admin) == ("ada", "ada@example.com", True)
    assert not SetUpCode.objects.exists()
    assert actions()[0] == "portal.set_up"
    assert Client().post("/set-up/", data | {"username": "eve"}).headers["Location"] == "/sign-in/"
    with pytest.raises(CommandError):
        call_command("set_up_code")


def test_signing_in_starts_a_session_under_a_new_key(client):
    someone()
    client.get("/sign-in/")
    answer = sign_in(client, "ADA", next="/drafts/")
    assert answer.headers["Location"] == "/drafts/"
    assert client.session["signed_in_at"] == pytest.approx(clock.now().timestamp(), abs=5)
    assert actions()[-1] == "session.started"


def test_nobody_is_led_to_another_site(client):
    someone()
    assert sign_in(client, next="https://elsewhere.example/").headers["Location"] == "/"
    assert sign_in(client, next="//elsewhere.example/").headers["Location"] == "/"


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(client):
    someone()
    gone = someone("gone")
    people.set_active(gone, by=someone("root", is_admin=True), active=False)
    pages = [sign_in(client, "ada", "wrong"), sign_in(client, "nobody", "wrong"), sign_in(client, "gone")]
    assert {page.status_code for page in pages} == {422}
    assert all(b"The name or the password is wrong" in page.content for page in pages)
    assert all(b"<title>Error: Sign in" in page.content for page in pages)
    assert b'value="nobody"' in pages[1].content
    assert actions()[-1] == "session.refused"


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_a_guess_costs_one_hash_whether_or_not_the_name_is_known(client, monkeypatch, name):
    someone()
    computed = []
    encode = hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", lambda self, *args: computed.append(1) or encode(self, *args))
    sign_in(client, name, "wrong")
    assert len(computed) == 1


def test_after_ten_failures_even_the_right_password_waits(client):
    someone()
    start = datetime(2026, 11, 5, 12, tzinfo=UTC)
    with clock.at(start):
        for _ in range(10):
            assert sign_in(client, "ada", "wrong").status_code == 422
        refused = sign_in(client)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) == 600
        assert b"12:10 UTC" in refused.content
        assert sign_in(client, "somebody-else", "wrong").status_code == 422
    with clock.at(start + timedelta(minutes=9)):
        assert sign_in(client).status_code == 429
    with clock.at(start + timedelta(minutes=10)):
        assert sign_in(client).status_code == 302


def test_an_address_is_limited_whatever_names_it_tries(client):
    someone()
    for number in range(50):
        sign_in(client, f"guess{number}", "wrong")
    assert sign_in(client).status_code == 429
    assert not SignInFailure.objects.filter(key__contains="127.0.0.1").exists()
    assert client.post("/sign-in/", {"username": "ada", "password": PASSWORD}, REMOTE_ADDR="192.0.2.9").status_code == 302


def test_signing_out_ends_the_session_and_takes_a_post(client, ada):
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").status_code == 302
    assert client.get("/account/").status_code == 302
    assert actions()[-1] == "session.ended"


def test_a_stranger_is_led_to_the_sign_in_page(client):
    someone()
    for address in ("/account/", "/again/", "/settings/people/"):
        assert client.get(address).headers["Location"].startswith("/sign-in/")


def test_confirming_makes_the_sign_in_fresh_again(client, ada, settings):
    session = client.session
    session[sessions.SIGNED_IN_AT] = clock.now().timestamp() - settings.FRESH_SIGN_IN_SECONDS - 1
    session.save()
    assert client.get("/again/?next=/drafts/").status_code == 200
    assert client.post("/again/", {"password": "wrong"}).status_code == 422
    assert client.post("/again/", {"password": PASSWORD, "next": "/drafts/"}).headers["Location"] == "/drafts/"
    assert client.session["signed_in_at"] > clock.now().timestamp() - 5
    assert actions()[-1] == "session.confirmed"


def test_changing_the_password_keeps_this_session_and_ends_the_others(client, ada):
    other = Client()
    sign_in(other)
    data = {"part": "password", "current_password": PASSWORD, "new_password": "four loud badgers"}
    assert client.post("/account/", data | {"current_password": "no"}).status_code == 422
    bad = client.post("/account/", data | {"new_password": "password"})
    assert bad.status_code == 422
    assert b"too short" in bad.content
    assert client.post("/account/", data).status_code == 302
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302
    assert "password.changed" in actions()


def test_a_time_zone_is_chosen_from_the_list(client, ada):
    assert client.post("/account/", {"part": "time-zone", "time_zone": "Moon/Crater"}).status_code == 422
    assert client.post("/account/", {"part": "time-zone", "time_zone": "Europe/Berlin"}).status_code == 302
    ada.refresh_from_db()
    assert ada.time_zone == "Europe/Berlin"


def test_a_form_without_its_token_changes_nothing():
    someone()
    strict = Client(enforce_csrf_checks=True)
    answer = sign_in(strict)
    assert answer.status_code == 403
    assert b"Nothing was changed" in answer.content


def test_readiness_says_nothing_secret(client):
    answer = client.get("/readyz")
    assert answer.json() == {
        "ready": True, "checks": {"database": True, "audit": True, "upstream": None, "chain": None, "checkpoints": True}, "append_only": False,
        "paused": {"silent": 0, "blocked": 0},
    }  # fmt: skip


def test_readiness_writes_an_event_and_leaves_none(client):
    someone()
    before = list(AuditEvent.objects.values_list("number", "hash"))
    assert client.get("/readyz").status_code == 200
    assert list(AuditEvent.objects.values_list("number", "hash")) == before
    assert chain.verify() == (len(before), None)


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_a_database_that_only_reads_is_alive_and_not_ready(client, vendor):
    if connection.vendor != vendor:
        pytest.skip(f"the database is not {vendor}")
    on, off = {
        "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
        "postgresql": ("SET transaction_read_only = on", "SELECT 1"),
    }[vendor]
    someone()
    with connection.cursor() as cursor:
        cursor.execute(on)
    try:
        answer = client.get("/readyz")
    finally:
        with connection.cursor() as cursor:
            cursor.execute(off)
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["checks"] == {"database": True, "audit": False, "upstream": None, "chain": None, "checkpoints": True}


def test_nobody_signs_in_while_the_audit_cannot_be_written(client, settings, tmp_path):
    someone()
    settings.KEYS_DIR = tmp_path
    settings.KEYS_ARE_MADE_ON_DEMAND = False
    answer = sign_in(client)
    assert answer.status_code == 503
    assert b"Nothing was changed" in answer.content
    assert client.get("/account/").status_code == 302
    assert client.get("/readyz").status_code == 503


def test_keys_are_made_once(tmp_path):
    call_command("make_keys", str(tmp_path / "keys"))
    before = {name: keys.load(tmp_path / "keys", name).current_key for name in keys.NAMES}
    with pytest.raises(CommandError):
        call_command("make_keys", str(tmp_path / "keys"))
    assert before == {name: keys.load(tmp_path / "keys", name).current_key for name in keys.NAMES}
