"""Cloudflare's API, seen from here: one client, and failures named by what is known after them."""

from tokenportal.cloudflare.call import Answer, Send
from tokenportal.cloudflare.client import Client, Created
from tokenportal.cloudflare.deadline import new_session
from tokenportal.cloudflare.errors import CloudflareError, HeldBack, NeverSent, OutcomeUnknown, RateLimited, Refused
from tokenportal.cloudflare.shapes import Listing, NamedRecord, TokenRecord, Verified, ZoneRecord
from tokenportal.cloudflare.words import time_of_day

__all__ = [
    "Answer", "Client", "CloudflareError", "Created", "HeldBack", "Listing", "NamedRecord", "NeverSent", "OutcomeUnknown",
    "RateLimited", "Refused", "Send", "TokenRecord", "Verified", "ZoneRecord", "new_session", "time_of_day",
]  # fmt: skip
