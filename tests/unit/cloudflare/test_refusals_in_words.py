"""Each refusal that Cloudflare is known to give, as a sentence: status, code and message are read together."""

import json
from typing import Any

import pytest

from tests.unit.cloudflare.test_client import VALUE, Server, client, http, says, server
from tokenportal.cloudflare import Refused
from tokenportal.cloudflare.words import REFUSALS, explain

__all__ = ["server"]

NO_CREDENTIAL = "Cloudflare saw no credential with the call. Something between the portal and Cloudflare takes it away."
UNREADABLE = "Cloudflare cannot read the connection's credential: it does not have the form of a token."
NOT_ACCEPTED = "Cloudflare does not accept the connection's credential: it was revoked, rolled or has expired."
NOT_ALLOWED = (
    "Cloudflare says that the connection may not do this: a permission is missing, or what it is about is out of its reach."
)
NO_ROUTE = "Cloudflare does not know this address: an id in it is wrong, or has another form."
OTHER_KIND = "Cloudflare does not open this address to a credential of this kind: user and account-owned tokens have their own."
NO_ROOM = "There is no room for another token: an account may have 500 of them, a user 50. Revoke one that nobody uses."
BAD_NAME = "Cloudflare does not take the token's name: it is empty or too long. Choose another one."


@pytest.mark.parametrize(
    ("status", "codes", "message", "sentence"),
    [
        (400, (9106,), "Missing X-Auth-Key, X-Auth-Email or Authorization headers", NO_CREDENTIAL),
        (400, (1001,), 'Missing "Authorization" header', NO_CREDENTIAL),
        (400, (1001,), 'The "Authorization" header is missing.', NO_CREDENTIAL),
        (400, (6003, 6111), "Invalid request headers", UNREADABLE),
        (400, (6003,), "Invalid request headers", UNREADABLE),
        (401, (1000,), "Invalid API Token", NOT_ACCEPTED),
        (403, (1000,), "Another wording", NOT_ACCEPTED),
        (403, (9109,), "Invalid access token", NOT_ACCEPTED),
        (
            403, (9109,), "Cannot use the access token from location: 2001:db8::1",
            "Cloudflare refused the connection's credential, because of where the portal calls from.",
        ),
        (403, (9109,), "Unauthorized to access requested resource", NOT_ALLOWED),
        (403, (10000,), "Authentication error", NOT_ALLOWED),
        (400, (10000,), "Authentication error", NOT_ALLOWED),
        (401, (10001,), "Unable to authenticate request", NOT_ALLOWED),
        (404, (7003, 7000), "Could not route to /accounts/x/tokens, perhaps your object identifier is invalid?", NO_ROUTE),
        (400, (7003,), "Could not route to /x", NO_ROUTE),
        (404, (1003,), "Token not found", "Cloudflare does not know it (any more)."),
        (400, (400,), "Token name must have a length between 1 and 120 characters.", BAD_NAME),
        (400, (1001,), "permission group 0123 not found", "Cloudflare does not know one of the permissions."),
        (
            400, (1001,), "failed common permission check against resources for permission group DNS Write",
            "The connection cannot grant what this token asks for: it hands on only what it may do itself.",
        ),
        (403, (9106,), "Not allowed for this kind of token", OTHER_KIND),
        (400, (1001,), "The limit of 500 API tokens is reached.", NO_ROOM),
        (400, (1001,), "You have reached the maximum number of tokens", NO_ROOM),
        (400, (1001,), "Token quota exceeded", NO_ROOM),
        (409, (1,), "Conflict", "Cloudflare says that something else changed it at the same time."),
        (415, (1,), "Unsupported media type", "Cloudflare refused it (415)."),
        (422, (1,), "Unprocessable", "Cloudflare refused it (422)."),
    ],
)  # fmt: skip
def test_a_refusal_is_a_sentence_with_cloudflare_s_own_words(
    status: int, codes: tuple[int, ...], message: str, sentence: str
) -> None:
    assert explain(status, codes, (message,)) == f"{sentence} It said: “{message}”"


def test_without_words_of_cloudflare_s_there_is_our_sentence_alone() -> None:
    assert explain(404, (), ()) == "Cloudflare does not know it (any more)."
    assert (
        explain(429, (971,), ("Please consider throttling",)) == "Cloudflare takes no calls for now, because there were too many."
    )


def test_no_sentence_advises_to_widen_what_a_credential_may_do() -> None:
    for _, sentence in REFUSALS:
        assert not any(
            word in sentence.lower() for word in ("widen", "give it", "add the permission", "all zones", "all accounts")
        )


def test_many_long_messages_stay_short() -> None:
    assert len(explain(400, (1,), ("x" * 200, "y" * 200, "z" * 200))) < 350


def refused(server: Server, error: Any) -> Refused:
    server.script = says(http(403, json.dumps({"success": False, "errors": [error], "result": None}).encode()))
    with pytest.raises(Refused) as raised:
        client(server).create_token({})
    return raised.value


DOCS = "https://developers.cloudflare.com/api/resources/accounts/subresources/tokens/methods/create/"


def test_the_page_on_the_refused_operation_is_named(server: Server) -> None:
    found = refused(server, {"code": 10000, "message": "Authentication error", "documentation_url": DOCS})
    assert found.read_on == DOCS
    assert found.safe == f"{NOT_ALLOWED} It said: “Authentication error” Its page: {DOCS}"


@pytest.mark.parametrize(
    "address",
    [
        None, 7, "", DOCS.replace("https", "http"), "https://developers.cloudflare.com.example/api/", "javascript:alert(1)",
        "https://developers.cloudflare.com@example.com/", "https://example.com/api/", f"{DOCS}?a=b", f"{DOCS}\n", f"{DOCS}<b>",
        f"https://developers.cloudflare.com/{VALUE}", f"https://developers.cloudflare.com/{'x' * 200}",
    ],
)  # fmt: skip
def test_another_address_is_not_named(server: Server, address: Any) -> None:
    found = refused(server, {"code": 10000, "message": "Authentication error", "documentation_url": address})
    assert (found.read_on, found.safe) == ("", f"{NOT_ALLOWED} It said: “Authentication error”")


def test_what_stands_behind_an_error_counts_with_it(server: Server) -> None:
    chain = [{"code": 6111, "message": "Invalid format for Authorization header"}, "nonsense", {"code": "x"}]
    assert refused(server, {"code": 1, "message": "no", "error_chain": chain}).codes == (1, 6111)
    assert refused(server, {"code": 1, "message": "no", "error_chain": "nonsense"}).codes == (1,)
