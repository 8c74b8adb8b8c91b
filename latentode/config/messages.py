"""Errors of settings in words: which one, and what was meant."""

from __future__ import annotations

import difflib

from pydantic import BaseModel, ValidationError


def explain(cls: type[BaseModel], error: ValidationError) -> str:
    """Write what a validation found, one sentence a setting, with the nearest known name.

    Args:
        cls: The settings that were to be read.
        error: What pydantic found wrong.
    """
    messages = []
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"]) or "settings"
        if item["type"] == "extra_forbidden":
            known = sorted(_known_keys(cls))
            near = difflib.get_close_matches(name, known, n=1) or [
                key for key in known if key.split(".")[-1] == name.split(".")[-1]
            ]
            hint = f' Did you mean "{near[0]}"?' if near else ""
            messages.append(f"{name}: unknown setting.{hint}")
        elif item["type"] == "value_error" and ", got " in item["msg"]:
            # a rule that says itself what it got
            messages.append(f"{name}: {item['msg'].removeprefix('Value error, ').rstrip('.')}.")
        else:
            messages.append(f"{name}: {item['msg']}, got {item['input']!r}.")
    return " ".join(messages)


def _known_keys(cls: type[BaseModel], prefix: str = "") -> list[str]:
    names = []
    for key, field in cls.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            names += _known_keys(nested, f"{prefix}{key}.")
        else:
            names.append(prefix + key)
    return names
