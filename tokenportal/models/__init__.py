"""The portal's rows. Each model has said whether it is guarded (changes only inside an audit recording)."""

from tokenportal.models.audit_event import AuditEvent, AuditHead, Verification
from tokenportal.models.connection import Connection, ConnectionGrant
from tokenportal.models.draft import Share, Version, WorkingCopy
from tokenportal.models.notice import Notice, Reminder
from tokenportal.models.people import Membership, SetUpCode, SignInFailure, Team, User
from tokenportal.models.snapshot import KnownAccount, KnownZone, Snapshot
from tokenportal.models.status import TRANSITIONS, WAITS_ON, Status
from tokenportal.models.token import Token
from tokenportal.models.token_request import Attempt, IllegalMove, MovedMeanwhile, TokenRequest
from tokenportal.models.upstream_state import TokenReading, UpstreamState

__all__ = [
    "TRANSITIONS",
    "WAITS_ON",
    "Attempt",
    "AuditEvent",
    "AuditHead",
    "Connection",
    "ConnectionGrant",
    "IllegalMove",
    "KnownAccount",
    "KnownZone",
    "Membership",
    "MovedMeanwhile",
    "Notice",
    "Reminder",
    "SetUpCode",
    "Share",
    "SignInFailure",
    "Snapshot",
    "Status",
    "Team",
    "Token",
    "TokenReading",
    "TokenRequest",
    "UpstreamState",
    "User",
    "Verification",
    "Version",
    "WorkingCopy",
]
