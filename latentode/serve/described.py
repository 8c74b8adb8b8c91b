"""Bodies and answers as the OpenAPI description has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_CELL = {"type": ["string", "number", "boolean", "null"]}
_RECORDS = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "object", "minProperties": 1, "additionalProperties": _CELL},
}
_ABOUT = {
    "readings": "The rows of a log, by the names of its columns.",
    "times": "Ids and times that are asked about, by the names of the columns of the log.",
    "plan": "What planned inputs will be, by the names of the columns of the log.",
    "events": "Events beside the log: ids, times and marks.",
}
_ERROR = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["kind", "message"],
                    "properties": {"kind": {"type": "string"}, "message": {"type": "string"}},
                }
            },
        }
    }
}
_FAILURES = {
    400: "Not JSON, or no valid request.",
    401: "The token is absent or another.",
    403: "Asked by a page of another site.",
    406: "Neither JSON nor CSV is accepted.",
    408: "Not received in time.",
    413: "The body is too large.",
    415: "The body is neither CSV nor JSON, or packed.",
    421: "Asked under another name.",
    422: "What is asked cannot be answered; the message says what to do.",
    500: "The model failed.",
    503: "All places are taken, or there was not enough time; see Retry-After.",
}


def body_schema(tables: Sequence[str]) -> dict[str, Any]:
    """The body of a question.

    Args:
        tables: Tables that have a use.
    """
    ids = {
        "type": "array",
        "minItems": 1,
        "items": {"type": "string"},
        "description": "Series of the training; without them, and without readings, all.",
    }
    properties = {name: {**_RECORDS, "description": _ABOUT[name]} for name in tables}
    if "plan" in properties:
        plans = {"type": "object", "minProperties": 1, "additionalProperties": _RECORDS}
        properties["plan"] = {"description": _ABOUT["plan"], "oneOf": [_RECORDS, plans]}
    table = {"type": "object", "properties": {"series": ids, **properties}}
    return {
        "required": False,
        "description": "A log; without one, what the model remembers of its training.",
        "content": {
            "application/json": {"schema": {**table, "additionalProperties": False}},
            "text/csv": {"schema": {"type": "string"}},
        },
    }


def successes(what: str) -> dict[int | str, dict[str, Any]]:
    """What is answered where all is well.

    Args:
        what: What is asked.
    """
    content: dict[str, Any] = {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["warnings"],
                "properties": {"warnings": {"type": "array", "items": {"type": "string"}}},
            }
        }
    }
    if what != "inspect":
        content["text/csv"] = {"schema": {"type": "string"}}
    return {200: {"description": "The answer.", "content": content}}


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What is answered where something is wrong.

    Args:
        *statuses: Which may come; all by default.
    """
    return {
        status: {"description": text, "content": _ERROR}
        for status, text in _FAILURES.items()
        if not statuses or status in statuses
    }
