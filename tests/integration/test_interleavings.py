"""Two people at one draft in every order that chance finds: nothing typed is lost, and nothing is overwritten unseen.

Every value that somebody types is the only one of its kind, so that it can be followed: through the actions with many short
stories, and through the pages of a browser without script with a few.
"""

import re
from dataclasses import dataclass, field, replace
from html import unescape
from random import Random
from typing import Any

import pytest

from tests import arrange
from tests.integration.test_every_choice import Form
from tokenportal.actions import sharing, together
from tokenportal.models import TokenRequest, User, WorkingCopy
from tokenportal.policy.merge import Clash
from tokenportal.policy.spec import AccessBlock, TokenSpec, ZoneChoice, keyed

pytestmark = pytest.mark.django_db

Value = tuple[str, str]


def values(spec: TokenSpec) -> set[Value]:
    """Each thing in a spec, with the kind of its field."""
    found = {("name", spec.name), ("purpose", spec.purpose), ("starts", spec.validity.starts)}
    found |= {("allow", row) for row in spec.client_ips.allow}
    for block in spec.blocks:
        found |= {("label", block.label), *(("permissions", id) for id in block.permissions)}
        found |= {("zones", id) for id in block.zones.zones}
    return {(kind, value) for kind, value in found if value}


def values_of(side: Any, clash: Clash) -> set[Value]:
    """Everything that one side of a clash holds."""
    match side:
        case AccessBlock():
            return values(TokenSpec(blocks=(side,)))
        case ZoneChoice():
            return {("zones", id) for id in side.zones}
        case tuple():
            return {(clash.field.kind, item) for item in side}
        case str():
            return {(clash.field.kind, side)}
    return set()


@dataclass
class Editor:
    """Somebody with the draft open. ``shown`` is all that they have ever seen of it, ``typed`` what they added and have not
    saved yet."""

    name: str
    person: User
    request: TokenRequest
    revision: int = 0
    spec: TokenSpec = field(default_factory=TokenSpec)
    shown: set[Value] = field(default_factory=set)
    typed: set[Value] = field(default_factory=set)
    clash: together.Clashing | None = None

    def open(self) -> None:
        """As a page is opened; to leave behind what was typed and not saved is one's own doing."""
        self.see(WorkingCopy.objects.get(pk=self.request.pk))

    def see(self, copy: WorkingCopy) -> None:
        self.revision, self.spec, self.clash, self.typed = copy.revision, copy.spec, None, set()
        self.shown |= values(copy.spec)

    def edit(self, chance: Random, fresh: str) -> None:
        spec = self.spec
        at = chance.randrange(len(spec.blocks))
        block = spec.blocks[at]
        edited: dict[str, Any] = {
            "label": {"label": fresh}, "permissions": {"permissions": (*block.permissions[-2:], fresh)},
            "zones": {"zones": replace(block.zones, zones=(*block.zones.zones[1:], fresh))},
        }  # fmt: skip
        before = self.spec
        what = chance.choice(("name", "purpose", "starts", "allow", "label", "permissions", "zones", "add", "remove"))
        if what in ("name", "purpose"):
            self.spec = replace(spec, **{what: fresh})
        elif what == "starts":
            self.spec = replace(spec, validity=replace(spec.validity, starts=fresh))
        elif what == "allow":
            self.spec = replace(spec, client_ips=replace(spec.client_ips, allow=(*spec.client_ips.allow[1:], fresh)))
        elif what == "add":
            self.spec = replace(spec, blocks=(*spec.blocks, AccessBlock(key=fresh, label=fresh)))
        elif what == "remove":
            left = (*spec.blocks[:at], *spec.blocks[at + 1 :])
            self.spec = replace(spec, blocks=left or (AccessBlock(),))
        else:
            self.spec = replace(spec, blocks=(*spec.blocks[:at], replace(block, **edited[what]), *spec.blocks[at + 1 :]))
        self.typed |= values(self.spec) - values(before)

    def save(self, chance: Random) -> None:
        """Save, or choose where something is to be chosen, and hold what comes of it to what was promised."""
        here = TokenRequest.objects.select_related("working_copy").get(pk=self.request.pk)
        before = here.working_copy.spec
        entries: dict[str, Any] = {
            "by": self.person, "revision": self.revision, "spec": self.spec, "connection": here.working_copy.connection,
            "owner": here.working_copy.owner, "backup_owner": None,
        }  # fmt: skip
        waived: set[Value] = set()
        try:
            if self.clash:
                choices = {one.field.id: chosen(one, chance) for one in self.clash.merged.clashes}
                waived = self.waived(choices)
                saved = together.choose(here, seen=self.clash.copy.revision, choices=choices, **entries)
            else:
                saved = together.save(here, **entries)
        except together.Clashing as clash:
            assert WorkingCopy.objects.get(pk=here.pk).spec == before, "nothing is saved while something is to be chosen"
            self.clash, self.spec, self.revision = clash, keyed(clash.mine.spec), clash.mine.revision
            for one in clash.merged.clashes:
                self.shown |= values_of(one.base, one) | values_of(one.mine, one) | values_of(one.theirs, one)
            return
        after = values(WorkingCopy.objects.get(pk=here.pk).spec)
        assert values(before) - after <= self.shown, "overwritten by somebody who had not seen it"
        assert self.typed & values(self.spec) - waived <= after, "typed, saved, and not there"
        self.see(saved.copy)

    def waived(self, choices: dict[str, str]) -> set[Value]:
        """What is given up for theirs."""
        assert self.clash
        given_up = [one for one in self.clash.merged.clashes if choices[one.field.id] == "theirs"]
        return {value for one in given_up for value in values_of(one.mine, one) - values_of(one.theirs, one)}


def chosen(clash: Clash, chance: Random) -> str:
    """Any choice that is on offer, and now and then none."""
    return chance.choice(("mine", "mine", "theirs", "theirs", "both" if clash.both is not None else "mine", ""))


def shared_draft() -> TokenRequest:
    """A draft of the requester's that the teammate may edit."""
    draft = arrange.draft()
    sharing.share(draft, by=draft.requester, colleague=arrange.person("teammate"), role="editor")
    return draft


def story(shared: TokenRequest, chance: Random, steps: int = 100) -> int:
    """Let two people open, type, save and choose as chance has it; how often they were asked to choose."""
    editors = [Editor(name, arrange.person(name), shared) for name in ("requester", "teammate")]
    for editor in editors:
        editor.open()
    asked = 0
    for number in range(steps):
        editor, step = chance.choice(editors), chance.random()
        if step < 0.5 and not editor.clash:
            editor.edit(chance, f"{editor.name[0]}{number}")
        elif step < 0.95:
            editor.save(chance)
            asked += bool(editor.clash)
        else:
            editor.open()
    return asked


def test_through_the_actions_nothing_typed_is_lost_and_nothing_is_overwritten_unseen(portal: None) -> None:
    assert sum(story(shared_draft(), Random(seed)) for seed in range(12)) > 40


class Browser:
    """The same through the pages, without script: everything that came back was shown."""

    def __init__(self, name: str, url: str) -> None:
        self.name, self.url, self.web = name, url, arrange.signed_in(name)
        self.form = Form.__new__(Form)
        self.form.client, self.form.url = self.web, url
        self.seen, self.typed, self.choosing = "", {}, False
        self.open()

    def open(self) -> None:
        self.take(self.web.get(self.url).content.decode())

    def take(self, page: str) -> None:
        self.form.load(page)
        self.seen += unescape(page)
        self.page, self.typed = page, {}

    def edit(self, chance: Random, number: int) -> None:
        """Type something that nobody has typed before into one of five fields."""
        name = chance.choice(("name", "purpose", "allow", "b1-buckets", "until"))
        fresh = f"10.{number // 250}.{number % 250}.1" if name == "allow" else f"{self.name}-{number}"
        if name not in self.form.fields:
            return
        self.form.fields[name] = [*self.form.fields[name][1:], fresh] if name == "allow" else [fresh]
        self.typed[name] = fresh

    def save(self, chance: Random) -> None:
        before = stored(self.url)
        if self.choosing:
            offers = re.findall(r'name="(keep-[^"]+)" value="(\w+)"', self.page)
            picked = {name: chance.choice([value for one, value in offers if one == name]) for name, _ in offers}
            answer = self.web.post(self.url, {**self.form.fields, **picked, "do": "choose"})
        else:
            picked = {}
            answer = self.web.post(self.url, {**self.form.fields, "do": "save"})
        typed = self.typed
        self.choosing = answer.status_code == 409
        if self.choosing:
            assert stored(self.url) == before
            self.take(answer.content.decode())
            self.typed = typed
            fields = repr(self.form.fields)
            assert all(fresh in fields for name, fresh in typed.items() if picked.get(f"keep-{FIELDS[name]}") != "theirs")
            return
        after = stored(self.url)
        assert all(value in self.seen for value in before - after), "overwritten by somebody who had not seen it"
        gone = [name for name, fresh in typed.items() if fresh not in after]
        assert all(picked.get(f"keep-{FIELDS[name]}") == "theirs" for name in gone), "typed, saved, and not there"
        self.open()


FIELDS = {"name": "name", "purpose": "purpose", "allow": "allow", "b1-buckets": "buckets-1", "until": "ends"}


def stored(url: str) -> set[str]:
    """What the draft holds of what is typed here."""
    spec = WorkingCopy.objects.get(pk=url.split("/")[2]).spec
    typed = {spec.name, spec.purpose, spec.validity.until, *spec.client_ips.allow, *spec.blocks[0].buckets}
    return typed - {""}


def test_through_pages_without_script_nothing_typed_is_lost_and_nothing_is_overwritten_unseen(portal: None) -> None:
    chance, shared = Random(1), shared_draft()
    browsers = [Browser(name, shared.get_absolute_url()) for name in ("requester", "teammate")]
    asked = 0
    for number in range(120):
        browser = chance.choice(browsers)
        step = chance.random()
        if step < 0.6 and not browser.choosing:
            browser.edit(chance, number)
        elif step < 0.95:
            browser.save(chance)
            asked += browser.choosing
        elif not browser.choosing:
            browser.open()
    assert asked > 5
