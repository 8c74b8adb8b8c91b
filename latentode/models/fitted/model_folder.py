"""Folders of tensors and JSON: no pickle, every byte checked before it is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from latentode.errors import CheckpointError
from latentode.files import atomic_folder, atomic_write
from latentode.files.regular import read_regular, refuse_links_out
from latentode.models.fitted.claimed_sizes import ClaimedSizes

Model = TypeVar("Model", bound=nn.Module)

SCHEMA_VERSION = 1
# a broken file must not fill the memory
_MAX_JSON_BYTES = 16 << 20
_MAX_TENSOR_BYTES = 4 << 30
_CHECKSUM = "checksum"  # of all other fields; absent in folders of version 0.2.0


def save_folder(
    folder: Path,
    stem: str,
    tensors: Mapping[str, Tensor],
    meta: Mapping[str, Any],
    extra: Mapping[str, bytes] | None = None,
) -> None:
    """Write ``folder/stem.safetensors`` and ``folder/stem.json``, whole or not at all.

    Args:
        folder: Folder to make; an old one of the same contents is replaced by rename.
        stem: File name without suffix.
        tensors: Tensors by name.
        meta: JSON types; "schema", "sha256" (of the tensors) and "checksum" (of all other fields)
            are added.
        extra: Other small files of the folder, by name.

    Raises:
        ResourceError: If the disk is full; an old folder is untouched.
    """
    blob = save({name: t.detach().cpu().contiguous() for name, t in tensors.items()})
    about = {"schema": SCHEMA_VERSION, "sha256": hashlib.sha256(blob).hexdigest(), **meta}
    text = json.dumps({**about, _CHECKSUM: sum_of(about)}, indent=1, allow_nan=False)
    with atomic_folder(folder) as fresh:
        atomic_write(fresh / f"{stem}.safetensors", blob)
        atomic_write(fresh / f"{stem}.json", text.encode())
        for name, content in (extra or {}).items():
            atomic_write(fresh / name, content)


def save_model(
    folder: Path,
    stem: str,
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    meta: Mapping[str, Any],
    card: str,
) -> None:
    """Write a model with what it needs to predict, and its ``MODEL_CARD.md``; see `save_folder`.

    Args:
        folder: Folder to make.
        stem: File name without suffix.
        model: Its weights are stored under names that begin with "model.".
        tensors: Other tensors by name.
        meta: JSON types.
        card: A page about the model.

    Raises:
        ResourceError: If the disk is full; an old folder is untouched.
    """
    weights = {f"model.{k}": v for k, v in model.state_dict().items()}
    save_folder(folder, stem, weights | dict(tensors), meta, {"MODEL_CARD.md": card.encode()})


@contextmanager
def description_of(what: str, path: Path) -> Iterator[None]:
    """Say that a JSON file describes no such thing, whatever fails while it is taken apart.

    Raises:
        CheckpointError: If something fails.
    """
    try:
        yield
    except CheckpointError:
        raise
    except (
        ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError
    ) as error:  # fmt: skip
        raise CheckpointError(
            f"{path}: not the description of {what} ({type(error).__name__}: {error})."
        ) from None


def load_weights(
    build: Callable[[], Model], tensors: Mapping[str, Tensor], others: tuple[str, ...], where: Path
) -> Model:
    """The model that `save_model` stored.

    Sizes that a description claims are believed only as far as the weights have them.

    Args:
        build: Makes the model that the JSON file describes.
        tensors: All tensors of the folder.
        others: What the names of those begin with that are not of the model. A name that belongs
            nowhere goes to the weights, which refuse it.
        where: Their file.

    Raises:
        CheckpointError: If no such model can be made, a name or shape disagrees, or a value is not
            finite.
    """
    mine = {k.removeprefix("model."): v for k, v in tensors.items() if not k.startswith(others)}
    # what is drawn for new weights is overwritten: whoever loads keeps the random numbers they had
    with (
        torch.random.fork_rng(devices=[]),
        description_of("a model", where),
        ClaimedSizes(mine.values(), where),
    ):
        model = build()
    shed_absent(model, mine)
    load_strictly(model, mine, where)
    return model


def shed_absent(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Take out of a model the parts that it is whole without, where a state is of before them."""
    for path in ("smooth", "direct", "label_head.additive"):
        owner, _, part = path.rpartition(".")
        module = getattr(model, owner, None) if owner else model
        if hasattr(module, part) and not any(name.startswith(f"{path}.") for name in tensors):
            setattr(module, part, None)


def load_folder(
    folder: Path, stem: str, fields: Set[str], optional: Set[str] = frozenset()
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_folder` wrote.

    Args:
        folder: The folder.
        stem: File name without suffix.
        fields: Names in the JSON file besides "schema" and "sha256".
        optional: Names that may be there too.

    Returns:
        Tensors by name, and what the JSON file holds.

    Raises:
        CheckpointError: If a file is missing, too large, truncated, of another schema, has other
            fields, or was changed after it was written.
    """
    refuse_links_out(folder)
    meta = read_json(folder / f"{stem}.json")
    if meta.get("schema") != SCHEMA_VERSION:
        raise CheckpointError(
            f"{folder}: expected schema version {SCHEMA_VERSION}, got {meta.get('schema')!r}. "
            "Use the version of latentode that wrote it."
        )
    odd = sorted((set(meta) - optional - {_CHECKSUM}) ^ {"schema", "sha256", *fields})
    if odd:
        raise CheckpointError(
            f"{folder / stem}.json: expected the fields {', '.join(sorted(fields))}, {odd[0]!r} is "
            f"{'unknown' if odd[0] in meta else 'missing'}."
        )
    _check_sum(folder / f"{stem}.json", meta)
    path = folder / f"{stem}.safetensors"
    blob = read_regular(path, _MAX_TENSOR_BYTES)
    digest = hashlib.sha256(blob).hexdigest()
    if digest != meta.get("sha256"):
        raise CheckpointError(
            f"{path}: expected sha256 {meta.get('sha256')}, got {digest}. The file was changed or "
            "cut short after it was written; take another checkpoint."
        )
    try:
        return load(blob), meta
    except (SafetensorError, ValueError, KeyError) as error:  # KeyError: an unknown dtype
        raise CheckpointError(f"{path}: not a safetensors file ({error}).") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of at most 16 MiB.

    Raises:
        CheckpointError: If it is missing, too large or no JSON object.
    """
    blob = read_regular(path, _MAX_JSON_BYTES)
    try:
        values = json.loads(blob)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not JSON ({error}).") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: expected a JSON object, got {type(values).__name__}.")
    return values


def as_tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Tensors of the same numbers."""
    # torch warns of an array that is read-only, as windows that all series share are
    return {name: torch.from_numpy(np.require(a, None, ["C", "W"])) for name, a in arrays.items()}


def as_arrays(
    tensors: Mapping[str, Tensor], prefix: str | tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Arrays of the tensors whose names begin with a prefix."""
    return {name: t.numpy() for name, t in tensors.items() if name.startswith(prefix)}


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], where: Path) -> None:
    """Load every tensor of a module, all names and shapes agreeing.

    Args:
        module: The module.
        tensors: Its state.
        where: Their file.

    Raises:
        CheckpointError: If a name or shape disagrees, or a value is not finite.
    """
    check_tensors(module, tensors, where)
    module.load_state_dict(dict(tensors))


def check_tensors(module: nn.Module, tensors: Mapping[str, Tensor], where: Path) -> None:
    """Refuse tensors that are not a finite state of a module.

    Args:
        module: The module.
        tensors: What is to be its state.
        where: Their file.

    Raises:
        CheckpointError: If a name or shape disagrees, or a value is not finite.
    """
    expected = module.state_dict()
    names = sorted(set(expected) ^ set(tensors))
    if names:
        raise CheckpointError(
            f"{where}: expected the tensors of the model that its JSON describes, {names[0]!r} is "
            f"{'missing' if names[0] in expected else 'unknown'} ({len(names)} differences)."
        )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape or tensor.dtype != expected[name].dtype:
            raise CheckpointError(
                f"{where}: tensor {name!r}: expected {tuple(expected[name].shape)} "
                f"{expected[name].dtype}, got {tuple(tensor.shape)} {tensor.dtype}."
            )
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{where}: tensor {name!r} has values that are not finite.")


def sum_of(meta: Mapping[str, Any]) -> str:
    """Sum of what a JSON file says, however it is laid out."""
    text = json.dumps(meta, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _check_sum(path: Path, meta: dict[str, Any]) -> None:
    if _CHECKSUM in meta and meta.pop(_CHECKSUM) != sum_of(meta):
        raise CheckpointError(
            f"{path}: expected what was written, got other fields or numbers: the file was changed "
            "afterwards. Take another copy of the folder."
        )
