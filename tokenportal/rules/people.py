"""What somebody may do as what they are: requester in a team, auditor, admin."""

from uuid import UUID

from tokenportal.models import Connection, User
from tokenportal.rules.verdicts import ALLOWED, Verdict


def is_requester(user: User, team_id: UUID | str) -> bool:
    return str(team_id) in user.requester_team_ids


def may_administer(user: User) -> Verdict:
    return ALLOWED if user.is_admin else Verdict("Only admins can do this. Ask an admin of this portal.")


def may_read_audit(user: User) -> Verdict:
    return ALLOWED if user.is_admin or user.is_auditor else Verdict("Only auditors and admins can read the audit log.")


def may_deactivate(user: User, person: User) -> Verdict:
    if not user.is_admin:
        return may_administer(user)
    if user == person:
        return Verdict("You cannot deactivate yourself. Ask another admin.")
    return ALLOWED


def may_start(user: User) -> Verdict:
    if user.requester_team_ids:
        return ALLOWED
    return Verdict("You are not a requester in any team. Ask an admin to make you one.")


def may_start_in(user: User, team_id: UUID | str) -> Verdict:
    if is_requester(user, team_id):
        return ALLOWED
    return Verdict("You are not a requester in that team.")


def may_use(connection: Connection, team_id: UUID | str) -> Verdict:
    if not connection.is_active:
        return Verdict(f"The connection {connection} is switched off. Choose another one.")
    if not connection.grants.filter(team_id=team_id).exists():
        return Verdict(f"The connection {connection} is not open to this team. Choose another one.")
    return ALLOWED


def may_sync(user: User) -> Verdict:
    """Reading a connection's tokens anew: admins and auditors, who see them all."""
    return ALLOWED if user.is_admin or user.is_auditor else Verdict("Only auditors and admins can read all tokens anew.")
