"""The portal's rows. Each model has said whether it is guarded (changes only inside an audit recording)."""

from tokenportal.models.audit_event import AuditEvent, AuditHead, Verification
from tokenportal.models.connection import Connection, ConnectionGrant
from tokenportal.models.draft import Comment, Presence, Version, WorkingCopy
from tokenportal.models.earlier import EarlierCopy
from tokenportal.models.guardrail import Guardrail
from tokenportal.models.notice import Notice, Reminder
from tokenportal.models.people import Membership, SetUpCode, SignInFailure, Team, User
from tokenportal.models.review import Answer, Demand, Review, ReviewAsked
from tokenportal.models.sharing import LinkGuest, Share, ShareLink, ShareRole
from tokenportal.models.snapshot import KnownAccount, KnownZone, Snapshot
from tokenportal.models.status import TRANSITIONS, WAITS_ON, Status
from tokenportal.models.team_template import TeamTemplate, TeamTemplateVersion
from tokenportal.models.token import Token
from tokenportal.models.token_request import Attempt, IllegalMove, MovedMeanwhile, TokenRequest
from tokenportal.models.upstream_state import TokenReading, UpstreamState

__all__ = [
    "TRANSITIONS",
    "WAITS_ON",
    "Answer",
    "Attempt",
    "AuditEvent",
    "AuditHead",
    "Comment",
    "Connection",
    "ConnectionGrant",
    "Demand",
    "EarlierCopy",
    "Guardrail",
    "IllegalMove",
    "KnownAccount",
    "KnownZone",
    "LinkGuest",
    "Membership",
    "MovedMeanwhile",
    "Notice",
    "Presence",
    "Reminder",
    "Review",
    "ReviewAsked",
    "SetUpCode",
    "Share",
    "ShareLink",
    "ShareRole",
    "SignInFailure",
    "Snapshot",
    "Status",
    "Team",
    "TeamTemplate",
    "TeamTemplateVersion",
    "Token",
    "TokenReading",
    "TokenRequest",
    "UpstreamState",
    "User",
    "Verification",
    "Version",
    "WorkingCopy",
]
