"""A model in one ONNX file: the graph, and in its metadata all else that predictions need."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from latentode.config import LatentODEConfig
from latentode.data.climatology import CLIMATOLOGY, Climatology
from latentode.data.dataset import Float64, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.errors import CheckpointError
from latentode.files.packages import optional_package
from latentode.models.copula_arrays import CopulaArrays
from latentode.models.fitted.context import PREFIXES, unpack
from latentode.runtime.bands import CalibrationArrays
from latentode.runtime.readings import ByKind, readings_of

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FORMAT = 1
#: Names of the metadata: JSON, and arrays as a safetensors file in base64.
ABOUT, ARRAYS = "latentode", "latentode.arrays"
CALIBRATION, COPULA, LIKELIHOOD = "calibration.", "copula.", "likelihood."
#: Numbers of steps that the graph is given at least: who follows a program takes fewer for special.
FEWEST_STEPS = 3
_SLACK = 1e-4  # in points: a path that ends on one up to rounding needs no further one
_BEGIN = b"\x08"  # the first field of an ONNX file: the version of its format


@dataclass(frozen=True)
class Steps:
    """How many numbers the graph is given, of steps to one side of the anchor.

    Attributes:
        distance: Model time from point to point of the path, or from knot to knot.
        each: Steps from point to point.
        first: Steps that are taken without being numbered.
    """

    distance: float
    each: int
    first: int

    def numbers(self, span: float) -> Float64:
        """Those of the steps over some model time."""
        points = math.ceil(span / self.distance - _SLACK)
        count = points * self.each - self.first
        # a loop of the graph has a few steps at least, up to a point of the path
        more = max(0, math.ceil((FEWEST_STEPS - count) / self.each))
        return np.arange(1.0, count + more * self.each + 1)


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """What `latentode.export` wrote; a `FittedModel` without its network and its training.

    Attributes:
        config: Settings that it was trained with.
        schema: What was learned about the data.
        context: The newest readings of every series.
        readings: What is read, given location and scale.
        calibration: What its bands are corrected by.
        copula: What is common to the noise of its readings.
        ahead: Steps of its latent path after the anchor.
        behind: Before it.
        sides: Readings to either side of a query that windows are widened to; 0 for the nearest
            row.
        session: Computes its graph.
    """

    config: LatentODEConfig
    schema: DataSchema
    context: TimeSeriesDataset
    readings: ByKind
    calibration: CalibrationArrays
    copula: CopulaArrays
    ahead: Steps
    behind: Steps
    sides: int
    session: InferenceSession

    @property
    def reach(self) -> float:
        """Longest path in model time, within the budget of the solver; see `SolverConfig.reach`."""
        steps = self.ahead
        changed = {
            "method": "ab4" if steps.first else "rk4",
            "step_size": steps.distance / steps.each,
            "substeps": steps.each,
        }
        return self.config.solver.model_copy(update=changed).reach

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read an exported file.

        Raises:
            CheckpointError: If it is none, or of another version.
        """
        session = _session(path)
        found = session.get_modelmeta().custom_metadata_map
        try:
            about, arrays = json.loads(found[ABOUT]), _arrays(found[ARRAYS])
            if about["format"] != FORMAT:
                raise CheckpointError(
                    f"{path}: expected an export of format {FORMAT}, got {about['format']!r}. "
                    "Export it with this version of latentode."
                )
            return cls._of(about, arrays, session)
        except (LookupError, TypeError, ValueError, binascii.Error) as error:
            raise CheckpointError(
                f"{path}: expected a model that `latentode export` wrote, got another ONNX file "
                f"({type(error).__name__}: {error})."
            ) from None

    @classmethod
    def _of(
        cls, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray], session: InferenceSession
    ) -> Self:
        schema = DataSchema.from_dict(about["data"])
        climatology = Climatology.unpack(_part(arrays, CLIMATOLOGY), len(schema.channels))
        schema = replace(schema, climatology=climatology)
        families = schema.families.scaled(schema.scaler)
        return cls(
            config=LatentODEConfig.from_dict(about["config"]),
            schema=schema,
            context=unpack(
                {name: a for name, a in arrays.items() if name.startswith(PREFIXES)},
                about["context_ids"],
                schema,
            ),
            readings=readings_of(families, _named(arrays, LIKELIHOOD)),
            calibration=CalibrationArrays(**_named(arrays, CALIBRATION)),
            copula=CopulaArrays(**_named(arrays, COPULA)),
            ahead=Steps(**about["ahead"]),
            behind=Steps(**about["behind"]),
            sides=about["sides"],
            session=session,
        )


def packed(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Metadata of a file.

    Args:
        about: JSON types.
        arrays: Arrays by name.
    """
    from safetensors.numpy import save

    blob = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    text = json.dumps({"format": FORMAT, **about}, allow_nan=False)
    return {ABOUT: text, ARRAYS: base64.b64encode(blob).decode()}


def _arrays(text: str) -> dict[str, np.ndarray]:
    from safetensors.numpy import load

    arrays: dict[str, np.ndarray] = load(base64.b64decode(text, validate=True))
    return arrays


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name: array for name, array in arrays.items() if name.startswith(prefix)}


def _named(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, Float64]:
    """Those whose names begin with a prefix, in double precision, without it."""
    return {
        name.removeprefix(prefix): array.astype(np.float64)
        for name, array in _part(arrays, prefix).items()
    }


def _session(path: Path) -> InferenceSession:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error}).") from None
    if not content.startswith(_BEGIN):
        raise CheckpointError(
            f"{path}: expected the folder of a run, or a file that `latentode export` wrote, got "
            "another file. `latentode train` makes a run of a log."
        )
    onnxruntime = optional_package("onnxruntime", "onnx", path)
    options = onnxruntime.SessionOptions()
    # looking for a faster graph takes longer than the forecast
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path}: not an ONNX file ({error}).") from None
    except Exception as error:  # the exceptions of onnxruntime share no public class
        if type(error).__module__.startswith("onnxruntime"):
            raise CheckpointError(f"{path}: not an ONNX file ({error}).") from None
        raise
