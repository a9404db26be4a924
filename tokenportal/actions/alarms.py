"""Tokens that carry a request's reference and that nobody here answers for, and the alarm that says so."""

import re
from collections.abc import Iterable

from tokenportal import audit
from tokenportal.audit import Event
from tokenportal.cloudflare import TokenRecord
from tokenportal.models import Connection, Status, Token, TokenRequest, User
from tokenportal.models.token_request import REFERENCE_ALPHABET, REFERENCE_LENGTH

REFERENCE = re.compile(rf"\(([{REFERENCE_ALPHABET}]{{{REFERENCE_LENGTH}}})\)\Z")
STRAY = "A token with this request's reference exists at Cloudflare, and the portal did not count it as created."
DIFFERENT = "A token with this request's reference exists at Cloudflare, but it is not what was asked for."


def reference_of(token: TokenRecord) -> str:
    """The reference at the end of its name, or nothing."""
    found = REFERENCE.search(token.name)
    return found[1] if found else ""


def strays(token_request: TokenRequest, tokens: Iterable[TokenRecord]) -> list[TokenRecord]:
    """Those that carry this request's reference and are not accounted for: neither a team's, nor left alone by an admin."""
    carrying = [token for token in tokens if reference_of(token) == token_request.reference]
    accounted = set(token_request.accepted_strays)
    if carrying:
        # Whatever connection made them: two connections of one account list the same tokens.
        managed = Token.objects.managed().filter(cloudflare_id__in=[token.id for token in carrying])
        accounted |= set(managed.values_list("cloudflare_id", flat=True))
    return [token for token in carrying if token.id not in accounted]


def sound(token_request: TokenRequest, sentence: str, *, by: User | None) -> None:
    """Raise the alarm, once for each sentence: it stands until an admin resolves it."""
    if token_request.alarm == sentence:
        return
    with audit.recording(Event.TOKEN_ALARM, by=by, subject=token_request, trail=token_request.pk) as record:
        record.outcome, record.reason = "failed", sentence
        record.change(token_request, alarm=sentence)


def sound_all(connection: Connection, tokens: Iterable[TokenRecord]) -> int:
    """Raise the alarm of every settled request with a stray among these tokens of a connection; how many there are.

    What is not settled yet is settling's to judge.
    """
    tokens = tuple(tokens)
    references = {reference_of(token) for token in tokens} - {""}
    if not references:
        return 0
    settled = TokenRequest.objects.exclude(status__in=[Status.ISSUING, Status.UNCERTAIN])
    named = settled.filter(reference__in=references, versions__connection=connection).distinct()
    found = [token_request for token_request in named if strays(token_request, tokens)]
    for token_request in found:
        sound(token_request, token_request.alarm or STRAY, by=None)
    return len(found)
