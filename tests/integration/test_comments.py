"""Comments on a draft: who may say what, who is told, what is kept of it and what is not."""

import re
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection as database
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.integration.review_world import newcomer
from tokenportal import clock, rules, visible
from tokenportal.actions import commenting, drafts, mailing, people, sharing
from tokenportal.actions.invalid import Invalid
from tokenportal.models import AuditEvent, Comment, Notice, TokenRequest

pytestmark = pytest.mark.django_db
OUTBOX: dict[str, Any] = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}


@pytest.fixture
def draft(portal: None) -> TokenRequest:
    """A draft of the requester's, on which a teammate may comment."""
    made = arrange.draft(name="shop-dns")
    sharing.share(made, by=made.requester, colleague=arrange.person("teammate"), role="commenter")
    return made


def say(draft: TokenRequest, text: str = "Why edit?", *, by: str = "teammate", **more: Any) -> Comment:
    return commenting.comment(draft, by=arrange.person(by), text=text, **more)


def here(draft: TokenRequest, rest: str = "") -> str:
    return f"/requests/{draft.pk}/comments/{rest}"


def threads(web: Client, draft: TokenRequest) -> list[list[str]]:
    """The texts of each thread, as the page shows them."""
    page = web.get(here(draft)).content.decode()
    return [re.findall(r'class="said">(.*?)</p>', one, re.DOTALL) for one in page.split('data-testid="thread"')[1:]]


def test_each_page_of_a_draft_says_how_many_threads_are_open(draft: TokenRequest) -> None:
    say(draft)
    web = arrange.signed_in("requester")
    for rest in ("", "versions/", "comments/"):
        page = web.get(f"/requests/{draft.pk}/{rest}").content.decode()
        assert re.findall(r'data-testid="comments-tab">Comments <span class="count">(\d+)<', page) == ["1"], rest


def test_a_comment_is_kept_with_its_section_and_version_and_told_to_the_owner(draft: TokenRequest) -> None:
    web = arrange.signed_in("teammate")
    answer = web.post(here(draft), {"text": " Why edit?\r\nRead would do. ", "section": "access-1"})
    made = Comment.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, here(draft, f"#c-{made.pk}"))
    assert (made.text, made.section, made.version, made.by.username) == ("Why edit?\nRead would do.", "access-1", 0, "teammate")
    assert threads(web, draft) == [["Why edit?\nRead would do."]]
    [told] = Notice.objects.all()
    assert (told.user.username, told.sentence) == ("requester", "teammate commented on shop-dns: “Why edit? Read would do.”")
    event = AuditEvent.objects.get(action="comment.added")
    assert (event.by_name, event.trail, event.details) == ("teammate", draft.pk, {"section": "access-1"})
    assert "Why edit" not in str([event.changes, event.details, event.reason])


def test_the_page_of_comments_has_the_header_of_every_page(draft: TokenRequest) -> None:
    web = arrange.signed_in("teammate")

    def header(path: str) -> list[str]:
        nav = web.get(path).content.decode().split('<nav aria-label="Main">')[1].split("</nav>")[0]
        return re.findall(r'<a href="([^"]*)"', nav)

    assert header(here(draft)) == header("/drafts/") == ["/", "/drafts/", "/review/"]


def test_answers_stand_in_their_thread_and_are_told_to_those_who_take_part(draft: TokenRequest) -> None:
    first = say(draft, section="purpose")
    second = say(draft, "Because it writes.", by="requester", answers=first)
    third = say(draft, "I see.", answers=second)
    assert (second.answers, third.answers, third.section) == (first, first, "purpose")
    assert threads(arrange.signed_in("requester"), draft) == [["Why edit?", "Because it writes.", "I see."]]
    told = Notice.objects.order_by("at").values_list("user__username", "sentence")
    assert list(told) == [
        ("requester", "teammate commented on shop-dns: “Why edit?”"),
        ("teammate", "requester answered on shop-dns: “Because it writes.”"),
        ("requester", "teammate answered on shop-dns: “I see.”"),
    ]


def test_whoever_is_named_is_told_if_they_can_see_the_draft(draft: TokenRequest) -> None:
    sharing.share(draft, by=draft.requester, colleague=arrange.person("approver"), role="viewer")
    say(draft, "@approver, @admin and nobody@example.com: look. @Approver.", by="requester")
    assert list(Notice.objects.values_list("user__username", flat=True)) == ["approver"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (" \n", "Write what you want to say."),
        ("x" * 4001, "Shorten this to 4000 characters or fewer; it has 4001."),
        ("left\u202eright", "Take the invisible character U+202E out of the text."),
        ("red \x1b[31m", "Take the invisible character U+001B out of the text."),
        (
            "cfat_" + "x" * 40,
            "This holds what looks like a Cloudflare credential. Take it out: what you write here is kept and mailed.",
        ),
    ],
)
def test_what_cannot_be_said_is_told_and_stays_in_the_field(draft: TokenRequest, text: str, sentence: str) -> None:
    with pytest.raises(Invalid) as told:
        say(draft, text)
    assert told.value.sentences == (sentence,)
    web = arrange.signed_in("teammate")
    answer = web.post(here(draft), {"text": text})
    page = answer.content.decode()
    assert (answer.status_code, sentence in page, page.count("Error:")) == (422, True, 1)
    assert visible.in_page(text.strip()[:20]) in page
    assert not Comment.objects.exists()


def test_an_answer_that_cannot_be_said_stays_in_its_thread(draft: TokenRequest) -> None:
    first = say(draft)
    page = arrange.signed_in("teammate").post(here(draft), {"text": "a\u200bb", "answers": first.pk}).content.decode()
    assert re.search(rf'<textarea id="text-{first.pk}"[^>]*aria-invalid="true"[^>]*>\na⟦U\+200B⟧b</textarea>', page)
    assert f'href="#text-{first.pk}"' in page


def test_markup_and_formulas_are_text(draft: TokenRequest) -> None:
    say(draft, "<script>alert(1)</script> =HYPERLINK(1)")
    assert threads(arrange.signed_in("requester"), draft) == [["&lt;script&gt;alert(1)&lt;/script&gt; =HYPERLINK(1)"]]


def test_a_viewer_reads_and_says_nothing(draft: TokenRequest) -> None:
    first = say(draft)
    sharing.share(draft, by=draft.requester, colleague=arrange.person("approver"), role="viewer")
    web = arrange.signed_in("approver")
    page = web.get(here(draft)).content.decode()
    sentence = "You can look at this draft, not comment on it. Ask its owner for the right to comment."
    assert ("Why edit?" in page, sentence in page, 'data-testid="comment"' in page) == (True, True, False)
    for rest in ("", f"{first.pk}/resolve/", f"{first.pk}/reopen/"):
        answer = web.post(here(draft, rest), {"text": "No"})
        assert (answer.status_code, sentence in answer.content.decode()) == (403, True), rest
    assert Comment.objects.count() == 1


def test_outsiders_find_nothing_and_other_drafts_comments_are_not_reached(draft: TokenRequest) -> None:
    first = say(draft)
    other = arrange.draft(by="teammate")
    for name in ("admin", "auditor", "approver"):
        web = arrange.signed_in(name)
        assert [web.get(here(draft)).status_code, web.post(here(draft), {"text": "x"}).status_code] == [404, 404], name
    web = arrange.signed_in("teammate")
    for pk in (first.pk, "nonsense"):
        assert web.post(here(other), {"text": "x", "answers": pk}).status_code == 404
    assert web.post(here(other, f"{first.pk}/resolve/")).status_code == 404
    assert web.put(here(draft)).status_code == 405
    assert web.get(here(draft, f"{first.pk}/resolve/")).status_code == 405


def test_a_thread_is_closed_and_opened_again_by_its_author_and_by_editors(draft: TokenRequest) -> None:
    first = say(draft)
    for name in ("teammate", "requester"):
        web = arrange.signed_in(name)
        for rest, by in (("resolve/", name), ("resolve/", name), ("reopen/", None), ("reopen/", None)):
            assert web.post(here(draft, f"{first.pk}/{rest}"))["Location"] == here(draft, f"#c-{first.pk}")
            first.refresh_from_db()
            assert (first.resolved_by.username if first.resolved_by else None) == by
    actions = AuditEvent.objects.filter(action__startswith="comment.re").order_by("number").values_list("action", flat=True)
    assert list(actions) == ["comment.resolved", "comment.reopened"] * 2


def test_two_who_close_a_thread_at_the_same_moment_close_it_once(draft: TokenRequest) -> None:
    say(draft)
    for one, name in [(Comment.objects.get(), "teammate"), (Comment.objects.get(), "requester")]:
        commenting.resolve(one, by=arrange.person(name))
    assert Comment.objects.get().resolved_by == arrange.person("teammate")
    assert AuditEvent.objects.filter(action="comment.resolved").count() == 1


def test_an_answer_is_neither_closed_nor_opened_by_itself(draft: TokenRequest) -> None:
    answer = say(draft, "Because.", answers=say(draft, by="requester"))
    web = arrange.signed_in("teammate")
    for rest in ("resolve/", "reopen/"):
        told = web.post(here(draft, f"{answer.pk}/{rest}"))
        sentence = "This is an answer. Close or open the thread that it stands in."
        assert (told.status_code, sentence in told.content.decode()) == (403, True)
    assert not AuditEvent.objects.filter(action__startswith="comment.re", outcome="done").exists()
    assert not Comment.objects.filter(resolved_at__isnull=False).exists()


def test_whoever_writes_while_the_draft_leaves_is_told_that_it_has(draft: TokenRequest) -> None:
    thread = say(draft)
    old = TokenRequest.objects.get(pk=draft.pk)
    thread.token_request = old
    arrange.issue(draft)
    for deed in (
        lambda: commenting.comment(old, by=old.requester, text="Late"),
        lambda: commenting.resolve(thread, by=old.requester),
    ):
        with pytest.raises(rules.NotAllowed, match="This is no longer a draft"):
            deed()
    assert Comment.objects.get().resolved_at is None


def test_a_commenter_does_not_close_somebody_else_s_thread(draft: TokenRequest) -> None:
    thread = say(draft, by="requester")
    with pytest.raises(rules.NotAllowed, match="Only who began this thread, or who can edit the draft"):
        commenting.resolve(thread, by=arrange.person("teammate"))
    assert 'data-testid="resolve"' not in arrange.signed_in("teammate").get(here(draft)).content.decode()


def test_resolved_threads_are_folded_and_not_counted(draft: TokenRequest) -> None:
    commenting.resolve(say(draft, section="purpose"), by=draft.requester)
    say(draft, "Still open", section="purpose")
    say(draft, "Also", section="access-9")
    web = arrange.signed_in("requester")
    page = web.get(here(draft)).content.decode()
    assert "1 resolved thread<" in page
    names = re.findall(r'data-testid="topic-([a-z0-9-]+)"', page)
    asked = re.findall(r'data-testid="topic-([a-z0-9-]+)"', web.get(here(draft, "?section=access-9")).content.decode())
    assert (names, asked) == (["purpose", "access-9"], ["access-9", "purpose"])
    assert "<h2>Access that is no longer there</h2></header>" in page
    builder = web.get(draft.get_absolute_url()).content.decode()
    assert re.findall(r'<span class="count">(\d+)<span class="hidden"> open( comment)?', builder) == [
        ("2", ""),
        ("1", " comment"),
    ]


def test_what_has_left_the_draft_is_read_and_not_added_to(draft: TokenRequest) -> None:
    first = say(draft)
    arrange.issue(draft)
    web = arrange.signed_in("requester")
    sentence = "This is no longer a draft. What was said about it can be read, and not added to."
    assert sentence in web.get(here(draft)).content.decode()
    assert threads(web, draft) == [["Why edit?"]]
    assert web.post(here(draft), {"text": "x"}).status_code == 403
    assert web.post(here(draft, f"{first.pk}/resolve/")).status_code == 403


def test_htmx_gets_the_threads_and_a_browser_the_page(draft: TokenRequest) -> None:
    first = say(draft)
    web = arrange.signed_in("requester")
    asked = {"HX-Request": "true", "HX-Target": "threads"}
    part = web.get(here(draft, "?section=purpose"), headers=asked).content.decode()
    assert ("<html" in part, "Why edit?" in part, '<option value="purpose" selected>' in part) == (False, True, True)
    for rest, fields in (("", {"text": "More", "section": "no such"}), (f"{first.pk}/resolve/", {}), ("", {"text": ""})):
        answer = web.post(here(draft, rest), fields, headers=asked)
        assert (answer.status_code, b"<html" in answer.content) == (422 if fields.get("text") == "" else 200, False)
    assert Comment.objects.get(text="More").section == ""


def test_notices_lead_to_the_comments_as_long_as_the_draft_can_be_seen(draft: TokenRequest) -> None:
    say(draft, "@teammate look", by="requester")
    web = arrange.signed_in("teammate")
    assert f'href="{here(draft)}"' in web.get("/notices/").content.decode()
    sharing.unshare(draft.shares.get(), by=draft.requester)
    page = web.get("/notices/").content.decode()
    assert f'href="{here(draft)}"' not in page
    assert re.findall(r"New</span> ([^<]+)</p>", page) == ["About a draft or request that is not open to you any more."]
    assert "shop-dns" not in page


def test_the_worker_mails_what_was_said_once(draft: TokenRequest, settings: Any) -> None:
    settings.MAILERS = OUTBOX
    say(draft, "Why edit?\nBcc: x@example.com")
    assert (mailing.send_due(), mailing.send_due()) == (1, 0)
    [letter] = mail.outbox
    assert (letter.to, letter.subject) == (
        ["requester@example.com"], "teammate commented on shop-dns: “Why edit? Bcc: x@example.com”",
    )  # fmt: skip
    assert f"{settings.PUBLIC_ORIGIN}{here(draft)}" in str(letter.body)


class WhileAnotherWorks(EmailBackend):
    """A mail server at whose every letter another worker takes all that is left."""

    def send_messages(self, messages: Any) -> int:
        Notice.objects.filter(mail_due=True).update(mail_due=False)
        return super().send_messages(messages)


def test_what_another_worker_took_meanwhile_is_not_sent_twice(draft: TokenRequest, settings: Any) -> None:
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.WhileAnotherWorks"}}
    say(draft, "First")
    say(draft, "Second")
    assert (mailing.send_due(), len(mail.outbox)) == (1, 1)


def test_nobody_who_lost_access_or_is_away_for_long_gets_mail(draft: TokenRequest, settings: Any) -> None:
    settings.MAILERS = OUTBOX
    say(draft, "@teammate look", by="requester")
    sharing.unshare(draft.shares.get(), by=draft.requester)
    assert mailing.send_due() == 0
    sharing.share(draft, by=draft.requester, colleague=arrange.person("teammate"), role="commenter")
    say(draft, "@teammate look again", by="requester")
    people.set_active(arrange.person("teammate"), by=arrange.person("admin"), active=False)
    assert mailing.send_due() == 0
    with clock.at(clock.now() - timedelta(days=2)):
        commenting.comment(draft, by=draft.requester, text="Old news for @requester")
        Notice.objects.create(user=draft.requester, token_request=draft, sentence="Old", at=clock.now(), mail_due=True)
    assert (mailing.send_due(), len(mail.outbox), Notice.objects.filter(mail_due=True).count()) == (0, 0, 0)


def test_many_comments_take_as_many_queries_as_one(draft: TokenRequest) -> None:
    web = arrange.signed_in("requester")

    def queries(path: str) -> int:
        web.get(path)
        with CaptureQueriesContext(
            database,
        ) as made:
            web.get(path)
        return len(made)

    first = say(draft, section="purpose")
    few = [queries(here(draft)), queries(draft.get_absolute_url())]
    for number in range(50):
        say(draft, f"Comment {number}", section="access-1")
        say(draft, f"Answer {number}", answers=first)
    assert [queries(here(draft)), queries(draft.get_absolute_url())] == few


def test_a_comment_that_names_many_takes_as_many_queries_as_one_that_names_one(draft: TokenRequest) -> None:
    names = [newcomer(f"mate-{number}", "Platform").username for number in range(12)]
    sharing.share(draft, by=draft.requester, colleague=arrange.team(), role="viewer")

    def queries(text: str) -> int:
        with CaptureQueriesContext(database) as made:
            say(draft, text, by="requester")
        return len(made)

    few = queries(f"Look, @{names[0]}.")
    assert queries(" ".join(f"@{name}" for name in names)) == few
    told = Notice.objects.values_list("user__username", flat=True)
    assert sorted(told) == sorted([names[0], *names])


def with_blocks(draft: TokenRequest, *labels: str) -> TokenRequest:
    """With just these access blocks: of those that are there the ones of these names, and after them new ones."""
    copy = TokenRequest.objects.get(pk=draft.pk).working_copy
    kept = [block for block in copy.spec.blocks if block.label in labels]
    new = [
        replace(copy.spec.blocks[0], key=f"of-{one}", label=one) for one in labels if one not in {block.label for block in kept}
    ]
    drafts.save(
        draft, by=draft.requester, revision=copy.revision, spec=replace(copy.spec, blocks=(*kept, *new)),
        connection=copy.connection, owner=copy.owner, backup_owner=copy.backup_owner,
    )  # fmt: skip
    return TokenRequest.objects.get(pk=draft.pk)


def heads(web: Client, draft: TokenRequest) -> list[tuple[str, str, str]]:
    """Of each section of the page: what tests call it, its name, and where its link leads."""
    page = web.get(here(draft)).content.decode()
    found = re.findall(r'data-testid="topic-([^"]+)">\s*<header><h2>([^<]+)</h2>(?:<a [^>]*href="([^"]+)")?', page)
    return [(slug, name, link.rpartition("/")[2]) for slug, name, link in found]


def test_what_is_said_about_an_access_block_stays_with_it(draft: TokenRequest) -> None:
    draft, web = with_blocks(draft, "First", "Second", "Third"), arrange.signed_in("requester")
    shown = re.findall(r'<option value="(access-[^"]+)"[^>]*>([^<]+)<', web.get(here(draft)).content.decode())
    assert shown == [
        ("access-of-First", "Access 1: First"), ("access-of-Second", "Access 2: Second"), ("access-of-Third", "Access 3: Third"),
    ]  # fmt: skip
    assert web.post(here(draft), {"text": "Far too wide.", "section": "access-of-Second"}).status_code == 302
    assert AuditEvent.objects.get(action="comment.added").details == {"section": "access-2"}
    assert heads(web, draft) == [("access-2", "Access 2: Second", "#access-2")]
    draft = with_blocks(draft, "Second", "Third")
    assert heads(web, draft) == [("access-1", "Access 1: Second", "#access-1")]
    builder = web.get(draft.get_absolute_url()).content.decode()
    heads_shown = re.findall(r'<summary><h2>(Access[^<]+?) ?(?:<span class="count">(\d)|<)', builder)
    assert heads_shown == [("Access 1: Second", "1"), ("Access 2: Third", "")]
    assert re.findall(r'href="[^"]+\?section=(access[^"]+)"', builder) == ["access-of-Second", "access-of-Third"]
    draft = with_blocks(draft, "Third")
    assert heads(web, draft) == [("access-of-Second", "Access that is no longer there", "")]


def test_what_was_said_about_a_place_of_an_older_version_goes_to_the_block_that_stands_there(draft: TokenRequest) -> None:
    draft = with_blocks(draft, "First", "Second")
    for section in ("access-2", "access-9", "purpose", ""):
        say(draft, section=section)
    import_module("tokenportal.migrations.0042_comments_stay_with_their_block").fill(
        MigrationLoader(database).project_state().apps, None
    )
    found = Comment.objects.order_by("at").values_list("section", flat=True)
    assert list(found) == ["access-of-Second", "access-9", "purpose", ""]
