"""The pages of caring for a token: each says what will happen, and does it once."""

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests import arrange
from tests.integration.care_world import NOT_ITS_OWNER, fault, fresh, issued, own_path, standing, works
from tokenportal import audit, clock
from tokenportal.actions import caring, people, syncing, taking
from tokenportal.audit import Event
from tokenportal.models import Token, TokenRequest
from tokenportal.sandbox.transport import SandboxAdapter
from tokenportal.secret import Secret

pytestmark = pytest.mark.django_db

SECRET = re.compile(r'data-testid="secret">([^<]+)<')
STEPS = ("roll", "disable", "enable", "revoke")


def page(answer: Any) -> str:
    """An answer's text, its tags left out."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


def here(token: Token, step: str) -> str:
    return f"/tokens/{token.pk}/{step}/"


def marker(web: Client, token: Token) -> dict[str, str]:
    found = re.search(r'name="seen" value="(\d+)"', web.get(here(token, "roll")).content.decode())
    assert found
    return {"seen": found[1]}


def ready(token: Token, step: str) -> Token:
    if step == "enable":
        caring.disable(token, by=arrange.person("requester"))
    return fresh(token)


def alerts(answer: Any) -> list[str]:
    """What the page's head says about the step before."""
    region = answer.content.decode().split('id="messages"')[1].split("</div>")[0]
    return [" ".join(re.sub(r"<[^>]*>", " ", one).split()) for one in re.findall(r"<span>(.*?)</span>", region, re.DOTALL)]


def test_rolling_shows_the_new_secret_once_and_says_that_the_old_one_is_dead(portal: None) -> None:
    made = issued()
    web = arrange.signed_in("requester")
    asked = web.get(here(made.token, "roll"))
    assert "The present one dies at once, and every program that uses it stops working until it has the new one." in page(asked)
    answer = web.post(here(made.token, "roll"), marker(web, made.token))
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store, no-transform, private, max-age=0")
    found = SECRET.search(answer.content.decode())
    assert found
    secret = Secret(found[1])
    assert (works(made.token, secret), works(made.token, made.secret)) == (True, False)
    assert "<title>Token rolled · Token Portal</title>" in answer.content.decode()
    assert "The old secret is dead. Every program that used it needs this one now." in page(answer)
    assert found[1] not in web.get(made.token.get_absolute_url()).content.decode()


def test_reloading_the_page_of_a_rolled_secret_rolls_nothing(portal: None) -> None:
    token = issued().token
    web = arrange.signed_in("requester")
    form = marker(web, token)
    found = SECRET.search(web.post(here(token, "roll"), form).content.decode())
    assert found
    for again in (form, {}, {"seen": "x"}, {"seen": "9" * 30}):
        answer = web.post(here(token, "roll"), again)
        assert (answer.status_code, SECRET.search(answer.content.decode())) == (409, None)
        assert taking.SOMEBODY_WAS_FIRST in page(answer)
    assert works(token, Secret(found[1]))


def test_a_back_up_owner_sees_the_secret_that_they_rolled_but_cannot_try_it(portal: None) -> None:
    token = issued().token
    with audit.recording(Event.TOKEN_OWNER_SET, by=None, subject=token) as record:
        record.change(token, backup_owner=arrange.person("teammate"))
    web = arrange.signed_in("teammate")
    answer = web.post(here(token, "roll"), marker(web, token))
    assert SECRET.search(answer.content.decode())
    assert 'data-testid="try"' not in answer.content.decode()


def test_a_roll_whose_answer_was_lost_leads_to_the_token_which_offers_it_again(portal: None) -> None:
    token = issued().token
    web = arrange.signed_in("requester")
    fault("drop", "PUT")
    answer = web.post(here(token, "roll"), marker(web, token), follow=True)
    assert answer.redirect_chain == [(token.get_absolute_url(), 302)]
    (said,) = alerts(answer)
    assert said.startswith("Its old secret may be dead, and nobody has the new one.")
    text = answer.content.decode()
    assert "Rolling gives it a new one, and may be repeated safely." in page(answer)
    assert f'<a href="{here(token, "roll")}" data-testid="roll-lost">Roll it</a>' in text
    assert "Nobody has its present one." in page(web.get(here(token, "roll")))
    assert "roll-lost" not in arrange.signed_in("teammate").get(token.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("step", "says", "status", "told"),
    [
        ("disable", "Cloudflare refuses every call that is made with it, until it is enabled again.", "disabled",
         "It is disabled. Cloudflare refuses every call that is made with it."),
        ("enable", "The secret that it had works again at once, wherever it is.", "active",
         "It is active. The secret that it had works again."),
        ("revoke", "This cannot be undone.", "revoked", "It is revoked: Cloudflare says that it does not exist any more."),
    ],
)  # fmt: skip
def test_each_step_says_what_will_happen_and_then_what_happened(
    portal: None, step: str, says: str, status: str, told: str
) -> None:
    token = ready(issued().token, step)
    web = arrange.signed_in("requester")
    asked = web.get(here(token, step))
    assert (asked.status_code, says in page(asked), token.name in page(asked)) == (200, True, True)
    assert fresh(token).status == token.status
    answer = web.post(here(token, step), follow=True)
    assert (answer.redirect_chain, alerts(answer), fresh(token).status) == ([(token.get_absolute_url(), 302)], [told], status)


@pytest.mark.parametrize("step", STEPS)
def test_who_may_not_is_refused_with_the_reason_and_nothing_is_sent(portal: None, step: str) -> None:
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    token = ready(issued().token, step)
    before = standing(token)
    for who, status in (("teammate", 403), ("auditor", 403), ("outsider", 404)):
        web = arrange.signed_in(who)
        for answer in (web.get(here(token, step)), web.post(here(token, step), {"seen": "0"})):
            assert (answer.status_code, NOT_ITS_OWNER in page(answer)) == (status, status == 403)
    assert arrange.signed_in("admin").get(here(token, step)).status_code == 200
    assert Client().post(here(token, step)).status_code == 302
    assert arrange.signed_in("requester").delete(here(token, step)).status_code == 405
    assert standing(token) == before


@pytest.mark.parametrize("step", STEPS)
def test_a_sign_in_that_is_not_fresh_is_asked_for_on_the_page_before(portal: None, step: str) -> None:
    token = ready(issued().token, step)
    web = arrange.signed_in("requester")
    before = standing(token)
    form = marker(web, token)
    with clock.at(clock.now() + timedelta(minutes=11)):
        asked = web.get(here(token, step)).content.decode()
        assert f'href="/again/?next={here(token, step)}" data-testid="again"' in asked
        assert f'data-testid="{step}"' not in asked
        answer = web.post(here(token, step), form)
        assert (answer.status_code, standing(token)) == (403, before)
        assert "Open the page again and confirm that it is you. Nothing was sent." in page(answer)
        web.post("/again/", {"password": arrange.PASSWORD, "next": here(token, step)})
        assert f'data-testid="{step}"' in web.get(here(token, step)).content.decode()


def test_a_token_that_was_used_lately_is_warned_about(portal: None) -> None:
    made = issued()
    web = arrange.signed_in("requester")
    assert "Something still works with it." not in page(web.get(here(made.token, "revoke")))
    assert works(made.token, made.secret)
    syncing.sync(made.token.connection)
    for step in ("roll", "disable", "revoke"):
        assert "Something still works with it." in page(web.get(here(made.token, step)))
    with clock.at(clock.now() + timedelta(days=8)):
        web = arrange.signed_in("requester")
        assert "Something still works with it." not in page(web.get(here(made.token, "revoke")))


def test_what_was_not_done_is_told_as_a_warning(portal: None) -> None:
    token = issued().token
    web = arrange.signed_in("requester")
    fault("forbidden", "DELETE")
    answer = web.post(here(token, "revoke"), follow=True)
    (said,) = alerts(answer)
    assert said.startswith("It is not revoked: Cloudflare still has it.")
    assert 'class="banner warn"' in answer.content.decode().split('id="messages"')[1].split("</div>")[0]


def test_what_is_not_known_yet_can_be_asked_about(portal: None) -> None:
    token = issued().token
    web = arrange.signed_in("requester")
    # The deletion works and its answer is lost, and so is the answer to the question right behind it.
    fault("drop", "DELETE")
    fault("drop", "GET", own_path(token))
    answer = web.post(here(token, "revoke"), follow=True)
    text = answer.content.decode()
    assert 'data-doing="revoking"' in text
    assert "it is not known yet whether it worked. The portal asks again by itself." in page(answer)
    assert 'data-testid="to-roll"' not in text
    other = arrange.signed_in("teammate")
    assert 'data-testid="ask"' not in other.get(token.get_absolute_url()).content.decode()
    assert (other.post(here(token, "ask")).status_code, web.get(here(token, "ask")).status_code) == (403, 405)
    told = arrange.signed_in("admin").post(here(token, "ask"), follow=True)
    assert alerts(told) == ["It is revoked: Cloudflare says that it does not exist any more."]
    # Whoever found out, it was the requester who asked for it.
    assert "By requester, " in page(told)
    assert page(web.post(here(token, "ask"))).count("There is nothing to ask about") == 1


def test_while_something_is_being_done_the_page_says_so(portal: None) -> None:
    token = issued().token
    taking.begin(token, Token.Doing.DISABLING, Event.TOKEN_DISABLING, by=arrange.person("requester"))
    web = arrange.signed_in("requester")
    text = page(web.get(token.get_absolute_url()))
    assert "Being disabled Sent just now . Cloudflare’s answer is not here yet. The portal asks again by itself." in text
    answer = web.post(here(token, "revoke"))
    assert (answer.status_code, "Something is being done with this token just now." in page(answer)) == (403, True)


@pytest.mark.parametrize("step", STEPS)
def test_what_cannot_be_recorded_before_is_not_done(portal: None, settings: Any, tmp_path: Path, step: str) -> None:
    token = ready(issued().token, step)
    web = arrange.signed_in("requester")
    form, before = marker(web, token), standing(token)
    keys, settings.KEYS_DIR = settings.KEYS_DIR, tmp_path
    answer = web.post(here(token, step), form)
    settings.KEYS_DIR = keys
    assert answer.status_code in (409, 503)
    assert standing(token) == before


@pytest.mark.parametrize("step", [*STEPS, "ask"])
def test_what_cannot_be_recorded_after_is_not_called_unchanged(
    portal: None, monkeypatch: Any, settings: Any, tmp_path: Path, step: str
) -> None:
    token = ready(issued().token, step)
    web = arrange.signed_in("requester")
    form = marker(web, token)
    if step == "ask":
        fault("drop", "DELETE")
        fault("drop", "GET", own_path(token))
        web.post(here(token, "revoke"))
    answered = SandboxAdapter.send

    def send(adapter: SandboxAdapter, request: Any, **options: Any) -> Any:
        answer = answered(adapter, request, **options)
        if request.method != "GET" or step == "ask":
            settings.KEYS_DIR = tmp_path
        return answer

    monkeypatch.setattr(SandboxAdapter, "send", send)
    answer = web.post(here(token, step), form)
    assert answer.status_code == 503
    assert "It may have been done" in page(answer)
    assert "Nothing was changed" not in page(answer)
    assert not re.search("cf[au]t_", answer.content.decode())


def test_a_dead_token_shows_its_end_instead_of_actions(portal: None) -> None:
    token = issued().token
    caring.revoke(token, by=arrange.person("admin"))
    web = arrange.signed_in("requester")
    text = web.get(token.get_absolute_url()).content.decode()
    assert "Revoked By admin, " in page(web.get(token.get_absolute_url()))
    assert not re.findall(r'data-testid="to-(roll|disable|enable|revoke)"', text)
    assert web.get(here(token, "roll")).status_code == 403
    gone = issued().token
    call_command("sandbox_alter", "delete", "a-token")
    caring.disable(gone, by=arrange.person("requester"))
    assert "Gone from Cloudflare Since " in page(web.get(gone.get_absolute_url()))


@pytest.mark.parametrize(
    ("who", "offered", "refused"),
    [("requester", ["roll", "disable", "revoke", "duplicate"], 0), ("teammate", ["duplicate"], 1), ("auditor", [], 1)],
)
def test_the_page_of_a_token_offers_what_one_may_do_and_says_once_why_not(
    portal: None, who: str, offered: list[str], refused: int
) -> None:
    token = issued().token
    text = arrange.signed_in(who).get(token.get_absolute_url()).content.decode()
    assert (re.findall(r'data-testid="to-([a-z]+)"', text), text.count(NOT_ITS_OWNER.replace("'", "&#x27;"))) == (
        offered,
        refused,
    )


def test_what_an_unmanaged_token_allows_is_offered_and_the_rest_says_why(portal: None) -> None:
    token = issued().token
    with audit.recording(Event.TOKEN_FOUND, by=None, subject=token) as record:
        record.change(token, team=None, owner=None, backup_owner=None, token_request=None, approved=None)
    text = arrange.signed_in("admin").get(token.get_absolute_url()).content.decode()
    assert re.search(r'<button class="btn mini" type="button" disabled aria-describedby="about-roll"', text)
    assert "Nobody answers for this token yet. Adopt it first." in text
    assert f'href="{here(token, "revoke")}"' in text


# Duplicating


def test_a_duplicate_is_a_new_draft_in_the_team_that_was_chosen(portal: None) -> None:
    token = issued().token
    web = arrange.signed_in("requester")
    asked = web.get(here(token, "duplicate"))
    assert "A new draft of yours that asks for what the token holds now" in page(asked)
    answer = web.post(here(token, "duplicate"), {"team": str(arrange.team().pk)})
    made = TokenRequest.objects.get(status="draft")
    assert (answer.status_code, answer["Location"]) == (302, made.get_absolute_url())
    assert made.working_copy.spec.name == "Copy of a-token"
    assert web.get(answer["Location"]).status_code == 200


def test_a_duplicate_in_a_team_that_is_not_one_s_own_is_refused(portal: None) -> None:
    token = issued().token
    web = arrange.signed_in("teammate")
    answer = web.post(here(token, "duplicate"), {"team": str(arrange.team("Web").pk)})
    assert (answer.status_code, "You are not a requester in that team." in page(answer)) == (403, True)
    assert arrange.signed_in("auditor").get(here(token, "duplicate")).status_code == 403
    assert web.post(here(token, "duplicate")).status_code == 302


def test_a_token_that_a_draft_cannot_say_is_told_about(portal: None) -> None:
    token = issued().token
    with audit.recording(Event.TOKENS_SYNCED, by=None, subject=token) as record:
        record.change(token, body={**token.body, "condition": {"moon": {"phase": "full"}}})
    answer = arrange.signed_in("requester").post(here(token, "duplicate"), {"team": str(arrange.team().pk)})
    assert (answer.status_code, "A draft could not say the same, so there is none." in page(answer)) == (422, True)
    assert "<title>Error: Duplicate" in answer.content.decode()
    assert not TokenRequest.objects.filter(status="draft").exists()
