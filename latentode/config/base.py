"""What all settings share: frozen, validated; None where a value is chosen later."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WrapValidator, field_validator

from latentode.config.durations import exact_duration, parse_duration
from latentode.config.toml import NONE
from latentode.errors import ConfigError


def _check_duration(value: Any) -> Any:
    if value in (None, NONE):
        return None
    try:
        nanoseconds = parse_duration(value, "s")
    except ConfigError as error:
        raise ValueError(str(error).removeprefix("duration: ")) from None
    # settings are stored as text
    is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if is_text else exact_duration(nanoseconds)


# None passes, to be chosen from the data: types are those of a resolved config
CHOSEN: Any = None
UNLESS_CHOSEN = WrapValidator(lambda value, check: None if value in (None, NONE) else check(value))

Duration = Annotated[str | None, BeforeValidator(_check_duration)]


_GREATEST = 2**63 - 1  # what arrays, files of tensors and generators of random numbers hold


class Config(BaseModel):
    """A frozen, validated group of settings; an unknown name is an error."""

    # numbers are finite: neither JSON nor the reader of TOML would give an infinity back
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _fits(cls, value: Any) -> Any:
        if isinstance(value, int) and abs(value) > _GREATEST:
            raise ValueError(f"expected at most {_GREATEST:.0e} in size, got a larger number")
        return value
