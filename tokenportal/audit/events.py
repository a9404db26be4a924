"""Every event that the portal knows, as ``noun.verb_past``, with the words that a page shows for it."""

from enum import StrEnum


class Event(StrEnum):
    words: str

    def __new__(cls, value: str, words: str) -> "Event":
        member = str.__new__(cls, value)
        member._value_ = value
        member.words = words
        return member

    PORTAL_SET_UP = "portal.set_up", "Set up the portal"
    PORTAL_SEEDED = "portal.seeded", "Seeded the portal from a file"
    SESSION_STARTED = "session.started", "Signed in"
    SESSION_REFUSED = "session.refused", "Was refused at sign-in"
    SESSION_CONFIRMED = "session.confirmed", "Confirmed who they are"
    SESSION_ENDED = "session.ended", "Signed out"
    PERSON_CREATED = "person.created", "Added a person"
    PERSON_CHANGED = "person.changed", "Changed a person"
    PERSON_DEACTIVATED = "person.deactivated", "Deactivated a person"
    PERSON_REACTIVATED = "person.reactivated", "Reactivated a person"
    PASSWORD_RESET = "password.reset", "Reset a password"
    PASSWORD_CHANGED = "password.changed", "Changed their password"
    TEAM_CREATED = "team.created", "Added a team"
    TEAM_RENAMED = "team.renamed", "Renamed a team"
    MEMBERSHIP_SET = "membership.set", "Set somebody's roles in a team"
    MEMBERSHIP_REMOVED = "membership.removed", "Took somebody out of a team"
    CONNECTION_CREATED = "connection.created", "Added a connection"
    CONNECTION_CHANGED = "connection.changed", "Changed a connection"
    CONNECTION_TESTED = "connection.tested", "Tested a connection"
    CONNECTION_GRANTED = "connection.granted", "Changed which teams may use a connection"
    CREDENTIAL_REPLACED = "credential.replaced", "Replaced a connection's credential"
    SNAPSHOT_REFRESHED = "snapshot.refreshed", "Read accounts and zones from Cloudflare"
    DRAFT_STARTED = "draft.started", "Began a draft"
    DRAFT_CHECKED = "draft.checked", "Opened the summary of a draft"
    DRAFT_REOPENED = "draft.reopened", "Took a request back to draft"
    DRAFT_DISCARDED = "draft.discarded", "Discarded a draft"
    DRAFT_SHARED = "draft.shared", "Shared a draft"
    DRAFT_UNSHARED = "draft.unshared", "Stopped sharing a draft"
    TOKEN_ISSUING = "token.issuing", "Began to create a token"
    TOKEN_ISSUED = "token.issued", "Created a token"
    TOKEN_ISSUE_FAILED = "token.issue_failed", "Could not create a token"
    TOKEN_UNCERTAIN = "token.uncertain", "Does not know whether a token was created"
    TOKEN_LOOKED_UP = "token.looked_up", "Looked a token up"
    TOKEN_TRIED = "token.tried", "Tried a token out"
    TOKEN_ADOPTED = "token.adopted", "Found the token that was created"
    TOKEN_CHANGING = "token.changing", "Began to change a token"
    TOKEN_CHANGED = "token.changed", "Changed a token"
    TOKEN_CHANGE_FAILED = "token.change_failed", "Could not change a token"
    TOKEN_ROLLING = "token.rolling", "Began to roll a token"
    TOKEN_ROLLED = "token.rolled", "Rolled a token"
    TOKEN_ROLL_FAILED = "token.roll_failed", "Could not roll a token"
    TOKEN_DISABLING = "token.disabling", "Began to disable a token"
    TOKEN_DISABLED = "token.disabled", "Disabled a token"
    TOKEN_DISABLE_FAILED = "token.disable_failed", "Could not disable a token"
    TOKEN_ENABLING = "token.enabling", "Began to enable a token"
    TOKEN_ENABLED = "token.enabled", "Enabled a token"
    TOKEN_ENABLE_FAILED = "token.enable_failed", "Could not enable a token"
    TOKEN_REVOKING = "token.revoking", "Began to revoke a token"
    TOKEN_REVOKED = "token.revoked", "Revoked a token"
    TOKEN_REVOKE_FAILED = "token.revoke_failed", "Could not revoke a token"
    TOKEN_TAKEN_OVER = "token.taken_over", "Adopted a token that the portal had not made"
    TOKEN_OWNER_SET = "token.owner_set", "Changed who owns a token"
    TOKEN_REMINDED = "token.reminded", "Reminded the owners of a token's end"
    TOKEN_FOUND = "token.found", "Found a token that the portal had not made"
    TOKEN_CHANGED_OUTSIDE = "token.changed_outside", "Found that a token was changed at Cloudflare"
    TOKEN_DRIFTED = "token.drifted", "Found that a token differs from what was agreed"
    TOKEN_DRIFT_ENDED = "token.drift_ended", "Found that a token is as agreed again"
    TOKEN_GONE = "token.gone", "Found that a token is gone from Cloudflare"
    TOKEN_EXPIRED = "token.expired", "Found that a token has expired"
    TOKENS_SYNCED = "tokens.synced", "Read the tokens from Cloudflare"
    TOKEN_ALARM = "token.alarm", "Raised an alarm about a token"
    ALARM_RESOLVED = "alarm.resolved", "Resolved an alarm about a token"


WORDS: dict[str, str] = {event.value: event.words for event in Event}
