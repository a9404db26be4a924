"""Generated calls to every token operation: whatever comes in, the answer keeps to Cloudflare's schema, and nothing falls over."""

import copy
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.contract import openapi
from tests.sandbox.world import BASE, World, account_id, new_world

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def token_operations() -> dict[str, Any]:
    document = copy.deepcopy(openapi.DOCUMENT)
    document["paths"] = {path: item for path, item in document["paths"].items() if "/tokens" in path}
    document["security"] = []
    return document


schema = schemathesis.openapi.from_dict(token_operations())


@pytest.fixture
def world(db: None, settings: Any) -> World:
    settings.SANDBOX_CALLS_PER_WINDOW = 10**6
    return new_world()


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_a_generated_call_is_answered_by_the_schema(case: Any, world: World) -> None:
    owner = "Acme user" if case.path.startswith("/user") else "Acme production"
    if "account_id" in case.path_parameters:
        case.path_parameters["account_id"] = account_id()
    response = case.call(base_url=BASE, session=world.session, headers={"Authorization": f"Bearer {world.parent(owner)}"})
    case.validate_response(response, checks=CHECKS)
