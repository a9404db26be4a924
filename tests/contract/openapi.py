"""Cloudflare's schemas as jsonschema reads them.

data/openapi_tokens.json says where they come from and of what date they are. OpenAPI 3.0 differs from JSON Schema in two things
that matter here: `nullable`, and read-only properties, which a request may leave out even where they are required.
"""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FILE = Path(__file__).parent / "data" / "openapi_tokens.json"
DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
# Live answers carry codes below 1000 too (400 for a bad name, 971 over the rate limit), whatever the schema says.
for messages in ("iam_messages-2", "zones_messages", "dns-records_messages", "cache-purge_messages"):
    DOCUMENT["components"]["schemas"].get(messages, {}).get("items", {}).get("properties", {}).get("code", {}).pop(
        "minimum", None
    )


def read_only(schema: dict[str, Any]) -> bool:
    if schema.get("readOnly"):
        return True
    name = schema.get("$ref", "").rpartition("/")[2]
    return bool(name) and read_only(DOCUMENT["components"]["schemas"][name])


def converted(node: Any, *, request: bool) -> Any:
    if isinstance(node, list):
        return [converted(entry, request=request) for entry in node]
    if not isinstance(node, dict):
        return node
    changed = {key: converted(value, request=request) for key, value in node.items()}
    if node.get("nullable") is True and isinstance(node.get("type"), str):
        changed["type"] = [node["type"], "null"]
        if "enum" in node:
            changed["enum"] = [*node["enum"], None]
    if request and isinstance(node.get("required"), list):
        properties = node.get("properties", {})
        changed["required"] = [name for name in node["required"] if not read_only(properties.get(name, {}))]
    return changed


SCHEMAS = {
    request: {"components": {"schemas": converted(DOCUMENT["components"]["schemas"], request=request)}}
    for request in (True, False)
}


def problems(schema: dict[str, Any], instance: Any, *, request: bool) -> list[str]:
    """What is wrong with an instance, one line each; [] when it fits."""
    whole = {**converted(schema, request=request), **SCHEMAS[request]}
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in Draft202012Validator(whole).iter_errors(instance)
    ]


def response_schema(method: str, path: str, status: int) -> dict[str, Any]:
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    return responses["200" if status == 200 else "4XX"]["content"]["application/json"]["schema"]


def request_schema(method: str, path: str) -> dict[str, Any]:
    return DOCUMENT["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
