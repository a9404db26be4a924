"""Reading something from Cloudflare before the intent is recorded: what is known where that does not succeed."""

from tokenportal import audit, upstream
from tokenportal.cloudflare import CloudflareError


def not_read(error: CloudflareError) -> str:
    """The sentence of what went wrong. Raises AuditUnavailable where the portal could not even count the call."""
    if isinstance(error, upstream.Uncounted):
        raise audit.AuditUnavailable from error
    return error.safe
