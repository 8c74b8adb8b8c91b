"""Values of netCDF variables: what is missing, and what stored numbers stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64

Bool = NDArray[np.bool_]

#: What the library of netCDF writes where nothing was written, by type.
DEFAULT_FILLS = {
    "i1": -127, "i2": -32_767, "i4": -2_147_483_647, "i8": -9_223_372_036_854_775_806,
    "u2": 65_535, "u4": 4_294_967_295, "u8": 18_446_744_073_709_551_614,
    "f4": 9.969209968386869e36, "f8": 9.969209968386869e36,
}  # fmt: skip
_QUALITY_NAMES = ("_qc", "_flag", "_flags", "_quality", "_quality_flag", "qartod")
_QUALITY_ATTRIBUTES = ("flag_values", "flag_masks", "flag_meanings")


def is_quality(name: str, attributes: Mapping[str, Any]) -> bool:
    """Whether a variable grades the readings of others."""
    return name.lower().endswith(_QUALITY_NAMES) or any(
        each in attributes for each in _QUALITY_ATTRIBUTES
    )


def stored_numbers(raw: NDArray[Any], attributes: Mapping[str, Any]) -> NDArray[Any]:
    """Numbers as they were meant: whole ones without a sign where ``_Unsigned`` says so."""
    raw = raw.astype(raw.dtype.newbyteorder("="), copy=False)
    if str(attributes.get("_Unsigned", "")).lower() == "true" and raw.dtype.kind == "i":
        return raw.view(f"u{raw.dtype.itemsize}")
    return raw


def missing_cells(stored: NDArray[Any], attributes: Mapping[str, Any]) -> dict[str, Bool]:
    """Where readings are missing, by the reason; a cell may have several.

    Args:
        stored: Numbers as stored.
        attributes: Of the variable.
    """
    reasons: dict[str, Bool] = {}
    for name in ("_FillValue", "missing_value"):
        if name in attributes:
            codes = _as_stored(attributes[name], stored)
            reasons[name] = np.isin(stored, codes)
    kind = stored.dtype.str[1:]
    if "_FillValue" not in attributes and kind in DEFAULT_FILLS:
        reasons["default fill"] = stored == stored.dtype.type(DEFAULT_FILLS[kind])
    compared = _compared(stored, attributes)
    for name, end in _valid_range(attributes).items():
        limit = _as_stored(end, stored)[0] if stored.dtype.kind == "u" else end
        reasons[name] = compared < limit if name == "valid_min" else compared > limit
    return reasons


def unpacked(stored: NDArray[Any], attributes: Mapping[str, Any]) -> Float64:
    """Readings: ``stored * scale_factor + add_offset``."""
    values = stored.astype(np.float64)
    scale, offset = (_number(attributes, name) for name in ("scale_factor", "add_offset"))
    if scale is not None:
        values = values * scale
    return values if offset is None else values + offset


def _number(attributes: Mapping[str, Any], name: str) -> float | None:
    """A number of the attributes; 0.01 of single precision is 0.01, not 0.00999999977."""
    if name not in attributes:
        return None
    value = np.asarray(attributes[name]).ravel()[0]
    return float(str(value)) if isinstance(value, np.floating) else float(value)


def _as_stored(codes: Any, stored: NDArray[Any]) -> NDArray[Any]:
    """Codes in the type of the numbers: of single precision, 1e20 is another number."""
    codes = np.atleast_1d(np.asarray(codes))
    if codes.dtype.kind in "SU":
        codes = np.array([float(code) for code in codes if _is_number(code)])
    if stored.dtype.kind == "u" and codes.dtype.kind == "i":
        return codes.astype(f"i{stored.dtype.itemsize}").view(stored.dtype)
    return codes.astype(stored.dtype) if stored.dtype.kind == "f" else codes


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _valid_range(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Ends of the range of valid numbers, by name."""
    names = ("valid_min", "valid_max")
    if "valid_range" in attributes:
        return dict(zip(names, np.asarray(attributes["valid_range"]).ravel(), strict=False))
    return {name: np.asarray(attributes[name]).ravel()[0] for name in names if name in attributes}


def _compared(stored: NDArray[Any], attributes: Mapping[str, Any]) -> NDArray[Any]:
    """Numbers that a valid range is of: stored ones, unless it has fractions and they have none."""
    packed = "scale_factor" in attributes or "add_offset" in attributes
    ends = _valid_range(attributes).values()
    of_readings = packed and stored.dtype.kind != "f" and any(end.dtype.kind == "f" for end in ends)
    return unpacked(stored, attributes) if of_readings else stored
