"""Fill an installation from a description: people, teams, roles, connections, guardrails. Doing it twice changes nothing more."""

from typing import Any

from tokenportal import audit, cloudflare, upstream
from tokenportal.actions import connections, described_rules, people, snapshots
from tokenportal.actions.invalid import Invalid
from tokenportal.actions.rulemaking import MovedOn
from tokenportal.audit import Event
from tokenportal.models import Connection, ConnectionGrant, Membership, Snapshot, Team, User
from tokenportal.models.people import normal_name
from tokenportal.secret import Secret

PARTS = ("people", "teams", "connections", "guardrails")


class BadSeed(ValueError):
    """The description cannot be read; the message names the place."""


class NoCredential(BadSeed):
    """A new connection comes without its credential, which was printed once and has been lost since."""


def ignored(description: dict[str, Any]) -> list[str]:
    """The parts of a description that this version has no use for."""
    return sorted(set(description) - set(PARTS))


def seed(description: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Make what is missing, and give back the ids by name for each of PARTS; a default guardrail's name and id are its slug.

    Raises BadSeed and connections.BadCredential; what stands before the bad place has been made by then.
    """
    if not isinstance(description, dict):
        raise BadSeed("The description is a JSON object with people, teams, connections and guardrails.")
    try:
        found = {
            "people": {row["name"]: str(_person(row).pk) for row in description.get("people", [])},
            "teams": {row["name"]: str(_team(row).pk) for row in description.get("teams", [])},
            "connections": {row["name"]: str(_connection(row).pk) for row in description.get("connections", [])},
            "guardrails": {_called(row): _guardrail(row) for row in description.get("guardrails", [])},
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise BadSeed(f"The description is not of the expected form: {error}.") from None
    except Invalid as error:
        raise BadSeed(str(error)) from None
    counts: dict[str, Any] = {name: len(rows) for name, rows in found.items()}
    audit.note(Event.PORTAL_SEEDED, by=None, **counts)
    return found


def _person(row: dict[str, Any]) -> User:
    found = User.objects.filter(username=normal_name(row["name"])).first()
    if found is None:
        found, _ = people.create_person(
            by=None, username=row["name"], email=row.get("email") or f"{normal_name(row['name'])}@example.com",
            password=row.get("password"), is_admin=_flag(row, "admin"), is_auditor=_flag(row, "auditor"),
        )  # fmt: skip
    return found


def _flag(row: dict[str, Any], name: str) -> bool:
    """True or false, as JSON has it: the text "false" would else make an admin. Raises BadSeed."""
    value = row.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadSeed(f"Say true or false for {name} of {row['name']!r}.")
    return value is True


def _roles(member: dict[str, Any], team: str) -> set[str]:
    """The roles of a member. Raises BadSeed for one that nobody knows: it would be left out, and look given."""
    roles = set(member.get("roles", []))
    if unknown := sorted(roles - {"requester", "approver"}):
        raise BadSeed(f"Nobody knows the role {unknown[0]!r} of {member['person']!r} in the team {team!r}.")
    return roles


def _team(row: dict[str, Any]) -> Team:
    team = Team.objects.filter(name=row["name"]).first() or people.create_team(by=None, name=row["name"])
    for member in row.get("members", []):
        person = User.objects.filter(username=normal_name(member["person"])).first()
        if person is None:
            raise BadSeed(f"There is no person {member['person']!r} for the team {row['name']!r}.")
        roles = _roles(member, row["name"])
        held = Membership.objects.filter(team=team, user=person).first()
        if held is None or set(held.roles) != roles:
            people.set_membership(
                by=None, team=team, person=person, is_requester="requester" in roles, is_approver="approver" in roles
            )
    return team


def _connection(row: dict[str, Any]) -> Connection:
    found = Connection.objects.filter(name=row["name"]).first()
    pasted = row.get("credential", "")
    if found is None and not pasted:
        raise NoCredential(f"The connection {row['name']!r} is new and comes without a credential.")
    teams = [Team.objects.filter(name=name).first() or people.create_team(by=None, name=name) for name in row.get("teams", [])]
    if found is None:
        found = connections.create(
            by=None, name=row["name"], kind=row["kind"], account_id=row.get("account_id", ""), pasted=pasted, teams=teams
        )
    elif pasted and not _holds(found, pasted):
        connections.replace_credential(found, by=None, pasted=pasted)
    elif Snapshot.objects.filter(connection=found, state=Snapshot.State.READY).exists():
        pasted = ""  # the same again, and it has been read: nothing to do
    _grant(found, teams)
    if pasted:
        connections.test(found, by=None)
        snapshots.refresh(found)
    return found


def _holds(connection: Connection, pasted: str) -> bool:
    try:
        return upstream.credential(connection) == Secret(pasted)
    except cloudflare.NeverSent:
        return False


def _grant(connection: Connection, teams: list[Team]) -> None:
    missing = [team for team in teams if not connection.grants.filter(team=team).exists()]
    if missing:
        with audit.recording(Event.CONNECTION_GRANTED, by=None, subject=connection) as record:
            for team in missing:
                record.add(ConnectionGrant(connection=connection, team=team))


def _called(row: dict[str, Any]) -> str:
    return row["slug"] if "slug" in row else row["title"]


def _guardrail(row: dict[str, Any]) -> str:
    """The id of the rule: the slug of a default, else that of its row."""
    try:
        return described_rules.make(row).rule.id
    except Invalid as error:
        raise BadSeed(f"The guardrail {_called(row)!r}: {error}") from None
    except MovedOn:
        raise BadSeed(f"The guardrail {_called(row)!r} was changed by somebody just now. Do it again.") from None
