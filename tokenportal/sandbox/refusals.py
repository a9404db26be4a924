"""Cloudflare's refusals: HTTP status, code and gist. A handler raises one, the door turns it into an envelope.

Codes and statuses as public documentation and quoted live answers show them; where no source settles a status,
the likelier one is taken. The sentences are our own.
"""

from typing import Any


class Refusal(Exception):
    """A refused call: `status` is the HTTP status; `code`, `message` and `chain` go into the envelope's one error."""

    def __init__(
        self, status: int, code: int, message: str, *, chain: tuple[tuple[int, str], ...] = (), retry_after: int = 0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.chain = chain
        self.retry_after = retry_after

    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.chain:
            error["error_chain"] = [{"code": code, "message": message} for code, message in self.chain]
        return error


def no_credentials() -> Refusal:
    return Refusal(400, 9106, "The call carries no Authorization header.")


def no_credentials_on_verify() -> Refusal:
    return Refusal(400, 1001, 'The "Authorization" header is missing.')


def malformed_credentials() -> Refusal:
    return Refusal(400, 6003, "The request headers are invalid.", chain=((6111, "The Authorization header has the wrong form."),))


def unknown_token() -> Refusal:
    return Refusal(403, 9109, "Invalid access token.")


def unknown_token_on_verify() -> Refusal:
    return Refusal(401, 1000, "Invalid API Token.")


def wrong_address(address: str) -> Refusal:
    return Refusal(403, 9109, f"Cannot use the access token from location: {address}")


def unauthorized() -> Refusal:
    """For user, tokens, accounts and zones themselves."""
    return Refusal(403, 9109, "Unauthorized to access requested resource.")


def authentication_error() -> Refusal:
    """What most products answer, such as DNS records, settings and cache."""
    return Refusal(403, 10000, "Authentication error.")


def no_route(path: str) -> Refusal:
    return Refusal(
        404, 7003, f"Could not route to {path}: perhaps an identifier in it is wrong.", chain=((7000, "No route for that URI."),)
    )


def method_not_allowed(method: str) -> Refusal:
    return Refusal(405, 10405, f"Method {method} is not allowed here.")


def token_not_found() -> Refusal:
    return Refusal(404, 1003, "Token not found.")


def record_not_found() -> Refusal:
    return Refusal(404, 81044, "Record does not exist.")


def bad_json() -> Refusal:
    return Refusal(400, 6007, "The request body is not well-formed JSON.")


def bad_name() -> Refusal:
    return Refusal(400, 400, "Token name must have a length between 1 and 120 characters.")


def bad_body(message: str) -> Refusal:
    return Refusal(400, 1001, message)


def unknown_group(group_id: str) -> Refusal:
    return Refusal(400, 1001, f"Permission group {group_id} not found.")


def beyond_the_parent(group_name: str) -> Refusal:
    return Refusal(400, 1001, f"Failed common permission check against resources for permission group {group_name}.")


def quota_reached(limit: int) -> Refusal:
    return Refusal(400, 1001, f"The limit of {limit} API tokens is reached.")


def too_many_calls(seconds: int) -> Refusal:
    return Refusal(429, 971, "Too many calls: consider throttling them.", retry_after=seconds)
