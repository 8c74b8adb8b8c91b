"""Write a fitted model as one file."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from latentode.errors import ConfigError
from latentode.export.path import first_steps
from latentode.export.refusals import check_exportable
from latentode.export.translations import translations
from latentode.export.window_graph import GraphInputs, GraphOutputs, WindowGraph
from latentode.files import atomic_write
from latentode.files.packages import optional_package
from latentode.models.decoders.smooth_kriging import DEPTH
from latentode.models.fitted.context import pack
from latentode.models.fitted.latent_ode import FittedModel
from latentode.models.likelihoods.student_t import StudentTLikelihood
from latentode.models.likelihoods.support import SinhArcsinhLikelihood
from latentode.runtime.exported import CALIBRATION, COPULA, FEWEST_STEPS, LIKELIHOOD, Steps, packed

#: Endings of files, and what each is for.
FORMATS = {".onnx": "onnxruntime, without torch", ".pt2": "torch.export.load"}
_OPSET = 20  # of ONNX: the first with all that the graph needs, which onnxruntime 1.17 has
_CONDENSED = 128  # rows that encoders read: the graph is of windows of more, padded where need be


def export(fitted: FittedModel, path: Path) -> None:
    """Write a model with all that it needs to predict, whole or not at all.

    Args:
        fitted: The model, on the CPU.
        path: File to write; its ending, one of `FORMATS`, says what.

    Raises:
        ConfigError: If the ending is none of them, or the model cannot be exported.
        ResourceError: If a package is absent, or the file cannot be written.
    """
    if path.suffix not in FORMATS:
        known = " or ".join(f"{suffix} (for {use})" for suffix, use in FORMATS.items())
        raise ConfigError(f"{path}: expected a file that ends in {known}, got {path.suffix!r}.")
    check_exportable(fitted)
    if path.suffix == ".onnx":
        optional_package("onnx", "onnx", path, doing="writing")
        table = translations(max(fitted.config.windows.max_rows, _CONDENSED + 1), path)
    with torch.no_grad(), _quiet():
        program, metadata = exported_program(fitted), packed(*described(fitted))
        if path.suffix == ".onnx":
            blob = _onnx_bytes(program, table, metadata)
        else:
            buffer = io.BytesIO()
            torch.export.save(program, buffer, extra_files=metadata)
            blob = buffer.getvalue()
    atomic_write(path, blob)


def _onnx_bytes(program: ExportedProgram, table: Any, metadata: dict[str, str]) -> bytes:
    translated = torch.onnx.export(
        program,
        dynamo=True,
        opset_version=_OPSET,
        custom_translation_table=table,
        output_names=list(GraphOutputs._fields),
        verbose=False,
        optimize=True,
    )
    assert translated is not None
    proto = translated.model_proto
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    blob: bytes = proto.SerializeToString()
    return blob


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporters of torch say of themselves."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def exported_program(fitted: FittedModel) -> ExportedProgram:
    """The graph of a model, for any number of windows, rows, queries and paths."""
    schema, model = fitted.schema, fitted.model.eval()
    rates = 2 * np.pi * schema.time_scale.unit_ns / schema.periods_ns.astype(np.float64)
    graph = WindowGraph(model, torch.from_numpy(rates)).eval()
    needed = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in needed:  # a loop that has gradients keeps more than ONNX has a place for
        parameter.requires_grad_(False)
    try:
        shapes = tuple(_shapes().values())
        return torch.export.export(graph, tuple(_example(fitted)), dynamic_shapes=shapes)
    finally:
        for parameter in needed:
            parameter.requires_grad_(True)


def _shapes() -> dict[str, dict[int, Dim]]:
    """Axes of every input of the graph that may be of any size."""
    windows = Dim("windows", min=1)
    rows = {0: windows, 1: Dim("rows", min=_CONDENSED + 1)}
    knots = {0: windows, 1: Dim("knots", min=1)}
    return {
        "times": rows,
        "values": rows,
        "mask": rows,
        "lengths": {0: windows},
        "query_times": {0: windows, 1: Dim("queries", min=1)},
        "phases": {0: windows},
        "knot_times": knots,
        "knot_values": knots,
        "static": {0: windows},
        "noise": {0: Dim("paths", min=1), 1: windows},
        "ahead": {0: Dim("steps_ahead", min=FEWEST_STEPS)},
        "behind": {0: Dim("steps_behind", min=FEWEST_STEPS)},
    }


def _example(fitted: FittedModel) -> GraphInputs:
    """Windows of sizes that stand for any."""
    schema, config = fitted.schema, fitted.model.config
    windows, rows, queries, knots, paths = 3, 150, 7, 5, 8
    channels = len(schema.channels)
    times = torch.linspace(-4.0, 0.0, rows).double().expand(windows, -1).contiguous()
    return GraphInputs(
        times=times,
        values=torch.zeros(windows, rows, channels),
        mask=torch.ones(windows, rows, channels, dtype=torch.bool),
        lengths=torch.full((windows,), rows),
        query_times=torch.linspace(0.1, 1.0, queries).double().expand(windows, -1).contiguous(),
        phases=torch.zeros(windows, len(schema.periods_ns)).double(),
        knot_times=torch.linspace(-4.0, 1.0, knots).double().expand(windows, -1).contiguous(),
        knot_values=torch.zeros(windows, knots, len(schema.input_channels)),
        static=torch.zeros(windows, len(schema.static_columns)),
        noise=torch.zeros(paths, windows, config.latent_dim),
        ahead=torch.arange(1.0, 13.0).double(),
        behind=torch.arange(1.0, 17.0).double(),
    )


def described(fitted: FittedModel) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What predictions need beside the graph: JSON types, and arrays by name."""
    schema, model = fitted.schema, fitted.model
    solver, knots = model.solver, model.shooting
    if knots is not None:
        solver = knots.between(solver)
    assert solver.step_size is not None
    first = first_steps(solver)
    ahead = Steps(solver.step_size * solver.substeps, solver.substeps, first)
    behind = ahead if knots is None else Steps(knots.spacing, 1, 0)
    about = {
        "config": fitted.config.to_dict(),
        "data": schema.to_dict(),
        "context_ids": list(fitted.context.series_ids),
        "ahead": vars(ahead),
        "behind": vars(behind),
        "sides": 0 if model.smooth is None else DEPTH,
    }
    arrays = pack(fitted.context)
    if schema.climatology is not None:
        arrays |= schema.climatology.pack()
    calibration = {name: getattr(fitted.calibration, name) for name in _CALIBRATION}
    arrays |= {CALIBRATION + name: tensor.numpy() for name, tensor in calibration.items()}
    arrays |= {COPULA + name: array for name, array in vars(fitted.copula.arrays()).items()}
    return about, arrays | {LIKELIHOOD + k: v.numpy() for k, v in _learned(fitted).items()}


_CALIBRATION = ("slopes", "log_leads", "knees")


def _learned(fitted: FittedModel) -> dict[str, Tensor]:
    """Numbers of the likelihoods, for all channels; those of channels without are of no effect."""
    found: dict[str, Tensor] = {}
    likelihood = fitted.model.likelihood
    channels = len(fitted.schema.channels)
    for name, module in likelihood.named_modules():
        if isinstance(module, StudentTLikelihood):
            numbers, key = module.df.detach(), "freedom"
        elif isinstance(module, SinhArcsinhLikelihood) and module.raw_tail is not None:
            numbers, key = module.tail(module.raw_tail.detach()), "tail"
        else:
            continue
        of = torch.arange(channels)
        if name:
            number = name.split(".")[1]  # parts.NUMBER...
            of = likelihood.get_buffer(f"channels_{number}")
        found[key] = torch.ones(channels).index_copy(0, of, numbers)
    return found
