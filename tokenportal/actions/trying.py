"""Trying a token out with its secret, by whoever holds it: verified, then one harmless read. Nothing of the secret is kept."""

from dataclasses import dataclass
from typing import Literal

from tokenportal import audit, clock, cloudflare, rules, upstream
from tokenportal.actions import snapshots
from tokenportal.audit import Event
from tokenportal.cloudflare import RateLimited, Refused, Verified
from tokenportal.models import Token, User
from tokenportal.policy import moments
from tokenportal.policy.body import named_zones
from tokenportal.policy.harmless import Read, harmless_read
from tokenportal.policy.surroundings import Zone
from tokenportal.secret import Secret

State = Literal["active", "not yet", "blocked", "refused", "unknown"]


@dataclass(frozen=True)
class Trial:
    """What came of it: a state, and a sentence that says what it means and what to do."""

    state: State
    sentence: str


def try_out(token: Token, *, by: User, secret: Secret) -> Trial:
    """Ask Cloudflare about this secret, and use it once for reading. Raises NotAllowed and AuditUnavailable before it is used."""
    rules.require(rules.may_try(by, token))
    audit.note(Event.TOKEN_TRIED, by=by, subject=token, trail=token.trail)
    client = upstream.client(token.connection, secret=secret)
    try:
        verified = client.verify()
    except cloudflare.CloudflareError as error:
        if refuses(error):
            return Trial("refused", f"Cloudflare does not take this value. {error.safe}")
        return Trial("unknown", f"Cloudflare could not be asked, so nothing is known. {error.safe} Try again in a moment.")
    return _judged(token, verified) or _used(client, _read_for(token))


def refuses(error: cloudflare.CloudflareError) -> bool:
    """Whether it says something about the value that was tried: that there were too many calls does not."""
    return isinstance(error, Refused) and not isinstance(error, RateLimited)


def _judged(token: Token, verified: Verified) -> Trial | None:
    """What verifying alone decides."""
    if verified.id != token.cloudflare_id:
        return Trial("refused", "This is the value of another token.")
    if verified.status != "active":
        return Trial("refused", f"Cloudflare says that it is {verified.status or 'of no known status'}.")
    if verified.not_before and verified.not_before > clock.now():
        return Trial("not yet", f"Not yet active: it works from {moments.in_words(verified.not_before)} on.")
    return None


def _used(client: cloudflare.Client, read: Read | None) -> Trial:
    if read is None:
        return Trial("active", "Active. Nothing that it may do can be tried without changing something.")
    try:
        client.read(read.path)
    except cloudflare.CloudflareError as error:
        if not refuses(error):
            return Trial("unknown", f"Active, but reading {read.words} gave no clear answer. {error.safe}")
        if "from location" in error.safe:
            return Trial(
                "blocked",
                "Active, and blocked here by its own IP rule: the portal’s server is not among its networks. "
                "Try it from where it will be used.",
            )
        return Trial("refused", f"Active, but it could not read {read.words}. {error.safe}")
    return Trial("active", f"Active, and it works: it read {read.words}.")


def _read_for(token: Token) -> Read | None:
    around = snapshots.surroundings(token.connection, named_zones(token.body))
    some = snapshots.find_zones(token.connection, limit=5)
    zones = [*around.zones.values(), *(Zone(zone.zone_id, zone.name, zone.account_id) for zone in some)]
    return harmless_read(token.body, snapshots.catalogue(token.connection), around.owner, zones=zones, accounts=around.accounts)
