"""A seeded sandbox, and short ways to call it through either door."""

import json
from dataclasses import dataclass
from typing import Any

import requests
from django.test import Client

from tokenportal.sandbox import groups, seeding
from tokenportal.sandbox.transport import SandboxAdapter

BASE = "https://sandbox.invalid/client/v4"


def account_id(name: str = "Acme production") -> str:
    return seeding.stable_id("account", name)


def zone_id(name: str) -> str:
    return seeding.stable_id("zone", name)


USER_ID = seeding.stable_id("user", seeding.USER_EMAIL)


def group(name: str, scope: str = groups.ZONE) -> str:
    (found,) = groups.ids(scope, name)
    return found


def zone_key(name: str) -> str:
    return f"{groups.ZONE}.{zone_id(name)}"


def account_key(name: str = "Acme production") -> str:
    return f"{groups.ACCOUNT}.{account_id(name)}"


ALL_ZONES = f"{groups.ZONE}.*"
ALL_ACCOUNTS = f"{groups.ACCOUNT}.*"


def policy(resources: dict[str, Any], *names: str, scope: str = groups.ZONE, effect: str = "allow") -> dict[str, Any]:
    return {"effect": effect, "permission_groups": [{"id": group(name, scope)} for name in names], "resources": resources}


def on_zone(zone: str, *names: str, effect: str = "allow") -> dict[str, Any]:
    return policy({zone_key(zone): "*"}, *names, effect=effect)


@dataclass
class Reply:
    status: int
    body: Any
    headers: Any

    @property
    def result(self) -> Any:
        return self.body["result"]

    @property
    def error(self) -> tuple[int, int]:
        """Status and the first code, the two things that clients look at."""
        return self.status, self.body["errors"][0]["code"]


class World:
    def __init__(self, credentials: dict[str, str]) -> None:
        self.credentials = credentials
        self.client = Client(enforce_csrf_checks=True)
        self.session = requests.Session()
        self.session.mount("https://sandbox.invalid", SandboxAdapter())
        self.session.trust_env = False

    def call(
        self,
        method: str,
        path: str,
        credential: str | None = None,
        body: Any = None,
        *,
        address: str = "127.0.0.1",
        query: Any = None,
    ) -> Reply:
        """Through the HTTP door, as the Django test client opens it."""
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        response = self.client.generic(
            method,
            f"/sandbox/client/v4{path}",
            data=b"" if body is None else json.dumps(body),
            content_type="application/json",
            headers=headers,
            query_params=query,
            REMOTE_ADDR=address,
        )
        return Reply(response.status_code, response.json(), response.headers)

    def send(self, method: str, path: str, credential: str = "", **options: Any) -> requests.Response:
        """Through the in-process door."""
        headers = {"Authorization": f"Bearer {credential}", **options.pop("headers", {})}
        return self.session.request(
            method, f"{BASE}{path}", headers=headers, **{"allow_redirects": False, "timeout": 2, **options}
        )

    def parent(self, name: str = "Acme production") -> str:
        return self.credentials[name]

    def tokens_path(self, owner: str = "Acme production") -> str:
        return "/user/tokens" if owner == "Acme user" else f"/accounts/{account_id(owner)}/tokens"

    def create(
        self, *policies: dict[str, Any], owner: str = "Acme production", by: str = "", name: str = "made", **fields: Any
    ) -> Reply:
        body = {"name": name, "policies": list(policies), **fields}
        return self.call("POST", self.tokens_path(owner), by or self.parent(owner), body)

    def token(self, *policies: dict[str, Any], owner: str = "Acme production", **fields: Any) -> Any:
        """A token that was created, with its value."""
        reply = self.create(*policies, owner=owner, **fields)
        assert (reply.status, reply.body["errors"]) == (200, [])
        return reply.result


def new_world() -> World:
    return World({parent.name: parent.credential for parent in seeding.seed()})
