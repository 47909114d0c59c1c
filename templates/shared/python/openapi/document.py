"""The OpenAPI document, joined from the part that each feature keeps in its folder."""

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
METHODS = {"get", "post", "put", "patch", "delete"}


def read() -> dict[str, Any]:
    """Raises ValueError where two parts say different things of one place."""
    document: dict[str, Any] = {}
    for path in sorted(HERE.parent.glob("*/openapi.yaml")):
        _merge(document, yaml.load(path.read_bytes(), yaml.CSafeLoader), str(path))
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            operation = item[method]
            common = _common_responses(path, operation, document["components"]["parameters"])
            operation["responses"] = common | operation["responses"]
    return document


def _merge(into: dict[str, Any], part: dict[str, Any], place: str) -> None:
    for key, value in part.items():
        if key not in into:
            into[key] = value
        elif isinstance(value, dict):
            _merge(into[key], value, f"{place}/{key}")
        elif isinstance(value, list):
            into[key] += value
        elif into[key] != value:
            raise ValueError(f"{place}/{key}: another part says {into[key]}")


def _common_responses(
    path: str, operation: dict[str, Any], parameters: dict[str, Any]
) -> dict[str, dict[str, str]]:
    """What follows from an operation's path, access and input is not said by each again."""
    names = {"500": "InternalServerError"}
    if path.startswith("/v1/"):
        names |= {"400": "MalformedRequest", "429": "RateLimited", "503": "ServiceUnavailable"}
        if operation.get("security"):
            names |= {"401": "Unauthorized", "403": "Forbidden"}
        if "requestBody" in operation:
            names |= {"413": "ContentTooLarge", "415": "UnsupportedMediaType"}
        if "requestBody" in operation or _takes_query(operation, parameters):
            names["422"] = "ValidationFailed"
        if "{" in path:
            names["404"] = "NotFound"
    return {status: {"$ref": f"#/components/responses/{name}"} for status, name in names.items()}


def _takes_query(operation: dict[str, Any], parameters: dict[str, Any]) -> bool:
    named = (
        parameters[entry["$ref"].rpartition("/")[2]] if "$ref" in entry else entry
        for entry in operation.get("parameters", [])
    )
    return any(parameter["in"] == "query" for parameter in named)
