"""The demo's cast and their requests, in many states, all made through the real actions with the clock set back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from tokenportal import audit, clock
from tokenportal.actions import (
    commenting,
    drafts,
    guarding,
    issuing,
    people,
    reviewing,
    seeding,
    sharing,
    snapshots,
    syncing,
    team_templates,
)
from tokenportal.audit import Event
from tokenportal.models import Connection, Status, Team, TokenRequest, User
from tokenportal.policy.spec import AccessBlock, ClientIPs, TokenSpec, Validity, ZoneChoice

CAST = {
    "requester": {"Platform": ["requester"], "Web": ["requester"]},
    "teammate": {"Platform": ["requester"]},
    "approver": {"Platform": ["approver"], "Web": ["approver"]},
    "auditor": {},
    "admin": {"Platform": ["requester", "approver"]},
}
LEAVER = "leaver"
Change = Callable[[TokenSpec], TokenSpec]
Deed = tuple[int, Callable[[], object]]
"""Something that happened so many days ago."""


@dataclass(frozen=True)
class Wish:
    """A request of the demo: what it asks for and how many days ago it was made."""

    name: str
    purpose: str
    template: str
    days_ago: int
    zones: tuple[str, ...] = ()
    change: Change = lambda spec: spec
    connection: str = "Acme production"
    by: str = "requester"
    backup: str = "teammate"
    team: str = "Platform"


def lifetime(**values: object) -> Change:
    return lambda spec: replace(spec, validity=Validity(**values))  # type: ignore[arg-type]


def from_office(spec: TokenSpec) -> TokenSpec:
    return replace(spec, client_ips=ClientIPs(allow=("203.0.113.0/24", "2001:db8:40::/48")))


def named_zones(connection: Connection, count: int, skip: int = 0) -> tuple[str, ...]:
    return tuple(zone.name for zone in snapshots.find_zones(connection) if zone.account_id == connection.owner_id)[
        skip : skip + count
    ]


def cast(password: str) -> None:
    """People and teams; doing it again changes nothing."""
    seeding.seed(
        {
            "people": [
                {"name": name, "password": password, "admin": name == "admin", "auditor": name == "auditor"} for name in CAST
            ],
            "teams": [
                {
                    "name": team,
                    "members": [{"person": name, "roles": teams[team]} for name, teams in CAST.items() if team in teams],
                }
                for team in ("Platform", "Web")
            ],
        }
    )


def begin(wish: Wish) -> TokenRequest:
    """A saved draft for a wish."""
    by = User.objects.get(username=wish.by)
    connection = Connection.objects.get(name=wish.connection)
    token_request = drafts.start(by=by, team=Team.objects.get(name=wish.team), template=wish.template, connection=connection)
    copy = token_request.working_copy
    found = snapshots.zones_named(connection, wish.zones)
    first, *others = copy.spec.blocks
    first = replace(first, zones=replace(first.zones, zones=tuple(found.values()))) if wish.zones else first
    spec = wish.change(replace(copy.spec, name=wish.name, purpose=wish.purpose, blocks=(first, *others)))
    drafts.save(
        token_request, by=by, revision=copy.revision, spec=spec, connection=connection, owner=by,
        backup_owner=User.objects.filter(username=wish.backup if wish.backup != wish.by else "requester").first(),
    )  # fmt: skip
    return token_request


def create(wish: Wish) -> TokenRequest:
    """A request carried to Cloudflare's answer, whatever it was, as it would have been some days ago."""
    with clock.at(clock.now() - timedelta(days=wish.days_ago)):
        token_request = begin(wish)
        by = token_request.requester
        token_request = TokenRequest.objects.get(pk=token_request.pk)
        version = drafts.check(token_request, by=by, revision=token_request.working_copy.revision)
        if guarding.of_version(token_request, version).demands:
            send(token_request, wish.purpose)
            approve(token_request)
        issuing.issue(token_request, by=by, version=version.number, digest=version.digest)
    return token_request


def send(token_request: TokenRequest, reason: str) -> None:
    """Send the newest version for review."""
    version, digest = token_request.version, token_request.digest
    reviewing.send(token_request, by=token_request.requester, version=version, digest=digest, reason=reason)


def approve(token_request: TokenRequest) -> None:
    """Let as many of the cast approve it as it takes."""
    for name in ("approver", "admin"):
        if token_request.status == Status.IN_REVIEW and name != token_request.requester.username:
            reviewing.approve(token_request, by=User.objects.get(username=name), **looked_at(token_request))


def looked_at(token_request: TokenRequest) -> dict[str, Any]:
    """What the page of its review posts with an answer."""
    number = token_request.reviews.count()
    return {"version": token_request.version, "digest": token_request.digest, "review_number": number}


def sent(wish: Wish) -> TokenRequest:
    """A request in review, sent some days ago."""
    with clock.at(clock.now() - timedelta(days=wish.days_ago)):
        begun = TokenRequest.objects.get(pk=begin(wish).pk)
        drafts.check(begun, by=begun.requester, revision=begun.working_copy.revision)
        send(begun, wish.purpose)
    return begun


def fill(arm_fault: Callable[[str], None], alter: Callable[[str, str], None]) -> None:
    """Requests in every state, and tokens that nobody here made.

    ``arm_fault(kind)`` makes the next creation meet that fault at the sandbox; ``alter(deed, name)`` does something to a
    token there behind the portal's back: one request stays uncertain with an alarm for it, one token drifts, one has expired.
    """
    production = Connection.objects.get(name="Acme production")
    one, two, three, four, five, six = named_zones(production, 6)

    def wish(days_ago: int, name: str, purpose: str, template: str, *rest: Any, fault: str = "", **more: Any) -> Deed:
        def made() -> None:
            if fault:
                arm_fault(fault)
            create(Wish(name, purpose, template, days_ago, *rest, **more))

        return days_ago, made

    never = lifetime(lifetime="never")
    played(
        wish(78, "api-cache-purge", "The deploy job purges the API's cache.", "wordpress", (), lifetime(lifetime="days", days=84)),
        wish(40, "billing-export", "Monthly export for the finance sheet.", "read-billing-info", (), never, by="teammate"),
        wish(26, "edge-logs-shipper", "Logs into the warehouse.", "read-analytics-and-logs", (four, five),
             lifetime(lifetime="days", days=30), by="teammate"),
        wish(20, "shop-dns-renewal", "certbot on web-1 renews the shop's certificates.", "edit-zone-dns", (one, two, three), from_office),
        wish(12, "nightly-plan", "Reads everything for the nightly plan.", "read-all-resources", (), from_office),
        wish(3, "token-minter", "Short tokens for build machines.", "create-additional-tokens", (), from_office, connection="Acme user"),
        wish(2, "find-and-edit", "Finds zones by name, edits the DNS of one.", "edit-zone-dns", (six,), two_blocks),
        *somebody_leaves(three),
        *reviews(),
        wish(0, "staging-workers", "Deploys the staging workers.", "workers-ai", fault="drop"),
        wish(0, "tunnel-connector", "The tunnel of the staging cluster reads its zone.", "read-analytics-and-logs", (two,), fault="drop"),
    )  # fmt: skip
    alter("widen", "tunnel-connector")
    played(
        wish(
            0,
            "image-uploader",
            "The media backend uploads pictures.",
            "read-and-write-to-cloudflare-stream-and-images",
            fault="forbidden",
        )
    )
    begin(Wish("radar-dashboard", "", "read-cloudflare-radar-data", 0))
    shared = begin(
        Wish("load-balancer-drill", "The failover drill switches pools.", "edit-load-balancing-configuration", 0, (one,))
    )
    teammate = User.objects.get(username="teammate")
    sharing.share(shared, by=shared.requester, colleague=teammate, role="editor")
    talk_about(shared, teammate)
    make_template(shared)
    for name in ("api-cache-purge", "edge-logs-shipper", "token-minter"):
        alter("copy", name)
    alter("widen", "find-and-edit")
    alter("expire", "old edge-logs-shipper")
    syncing.sync_all()


def played(*deeds: Deed) -> None:
    """The oldest first, so that the log of the demo runs in the order of its clock, as any log does."""
    for _, deed in sorted(deeds, key=lambda one: -one[0]):
        deed()


def reviews() -> list[Deed]:
    """Requests that wait for a review, that somebody answered, and one that is approved and not created yet."""
    approver = User.objects.get(username="approver")
    found: list[Deed] = []

    def asked(wish: Wish, answer: Callable[[TokenRequest], object] | None = None) -> None:
        """Sent on its day, and answered on the next one."""
        began: list[TokenRequest] = []
        found.append((wish.days_ago, lambda: began.append(sent(wish))))
        if answer:

            def answered() -> None:
                with clock.at(clock.now() - timedelta(days=wish.days_ago - 1)):
                    answer(began[0])

            found.append((wish.days_ago - 1, answered))

    purge = "Empties the cache of every shop after a release."
    which = "Which zones does it touch? Name them, and nobody has to approve it."
    leak = "A token for each job, please: one leak would stop them all."
    asked(Wish("one-token-for-all", "One token for all jobs.", "wordpress", 4),
          lambda one: reviewing.deny(one, by=approver, comment=leak, **looked_at(one)))  # fmt: skip
    asked(Wish("settings-sweep", "Sets the same rules on every zone.", "wordpress", 3),
          lambda one: reviewing.request_changes(one, by=approver, comment=which, **looked_at(one)))  # fmt: skip
    asked(Wish("purge-everywhere", purge, "wordpress", 2, (), lifetime(lifetime="days", days=30)))
    asked(Wish("minter-for-previews", "Each preview gets a token of an hour.", "create-additional-tokens", 1, (), from_office,
               connection="Acme user", by="teammate"))  # fmt: skip
    settings = "Settings of all zones for the campaign."
    asked(Wish("campaign-settings", settings, "wordpress", 1, (), from_office, by="teammate"), approve)
    return found


def somebody_leaves(zone: str) -> list[Deed]:
    """Two tokens of a person who is deactivated: one has a back-up owner, for the other nobody answers any more."""
    admin = User.objects.get(username="admin")

    def comes() -> None:
        with clock.at(clock.now() - timedelta(days=79)):
            leaver, _ = people.create_person(by=admin, username=LEAVER, email=f"{LEAVER}@example.com")
            team = Team.objects.get(name="Platform")
            people.set_membership(by=admin, team=team, person=leaver, is_requester=True, is_approver=False)

    def leaves() -> None:
        with clock.at(clock.now() - timedelta(days=5)):
            people.set_active(User.objects.get(username=LEAVER), by=admin, active=False)

    preview = Wish("old-preview", "Deployed previews of the shop.", "workers-ai", 70, by=LEAVER, backup="")
    mail = Wish("mail-records", "Keeps the mail records in order.", "edit-zone-dns", 60, (zone,), from_office, by=LEAVER)
    return [(79, comes), (70, lambda: create(preview)), (60, lambda: create(mail)), (5, leaves)]


def talk_about(draft: TokenRequest, teammate: User) -> None:
    """A question that is open, and one that was answered and closed."""
    asked = commenting.comment(draft, by=teammate, text="Does the drill still need Monitors and Pools?", section="access-1")
    commenting.comment(draft, by=draft.requester, text="Yes: it creates a pool, and removes it at the end.", answers=asked)
    commenting.resolve(asked, by=teammate)
    remark = "The drill runs from the office only. @requester, could we restrict the addresses?"
    commenting.comment(draft, by=teammate, text=remark, section="restrictions")


def make_template(draft: TokenRequest) -> None:
    """A template of the team, in two versions."""
    for required in ((), ("purpose", "addresses", "end")):
        team_templates.save(
            draft, by=draft.requester, title="Failover drill", purpose="Switches pools of a load balancer for a while.", required=required
        )  # fmt: skip


def two_blocks(spec: TokenSpec) -> TokenSpec:
    """Read all zones, edit the DNS of one: what one access block cannot say."""
    catalogue = snapshots.catalogue(Connection.objects.get(name="Acme production"))
    zone_read = catalogue.named("Zone Read", "zone")
    block = AccessBlock(permissions=(zone_read.id,) if zone_read else (), zones=ZoneChoice(mode="all"))
    return replace(spec, blocks=(*spec.blocks, block))


def reset_passwords(password: str) -> None:
    """Give the cast this password where it differs, since the demo prints it at every start.

    Whatever it is: the rules for passwords guard what is worth guarding, and here they would end the start.
    """
    for person in User.objects.filter(username__in=CAST):
        if not person.check_password(password):
            with audit.recording(Event.PASSWORD_RESET, by=None, subject=person) as record:
                people.set_password(record, person, password, must_change=False)
