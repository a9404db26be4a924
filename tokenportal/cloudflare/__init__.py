"""Cloudflare's API, seen from here: one client, and failures named by what is known after them."""

from tokenportal.cloudflare.client import Client, Created
from tokenportal.cloudflare.deadline import new_session
from tokenportal.cloudflare.errors import CloudflareError, NeverSent, OutcomeUnknown, RateLimited, Refused
from tokenportal.cloudflare.shapes import Listing, NamedRecord, TokenRecord, Verified, ZoneRecord

__all__ = [
    "Client", "CloudflareError", "Created", "Listing", "NamedRecord", "NeverSent", "OutcomeUnknown", "RateLimited",
    "Refused", "TokenRecord", "Verified", "ZoneRecord", "new_session",
]  # fmt: skip
