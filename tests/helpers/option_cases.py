"""A world of small files and stand-ins in which every command runs in milliseconds, and what it was
asked is recorded: calls into the library, settings that were read, text and files.
"""

import hashlib
import importlib
import json
import os
import pkgutil
import re
import shutil
import types
from contextlib import nullcontext
from pathlib import Path

import click
import numpy as np
import pandas as pd
import xarray as xr
from click.testing import CliRunner
from event_cases import streams

import latentode
from latentode import results
from latentode.cli.app import root
from latentode.cli.commands.config import template
from latentode.cli.runs.job import HeadFiles
from latentode.cli.runs.provenance import fingerprint
from latentode.cli.session import Session
from latentode.config import LatentODEConfig
from latentode.config.base import Config
from latentode.data.dataset import Clock
from latentode.data.reading.formats.part_folder import MANIFEST
from latentode.data.reading.log import read_log
from latentode.files import atomic_write
from latentode.models.fitted.later_training import LaterTraining
from latentode.results.events import intensity_dataset, next_event_dataset
from latentode.scale import map_parts, model_file, write_parts

# a module that is first imported while a stand-in is in place would keep it
for _module in pkgutil.walk_packages(latentode.__path__, "latentode."):
    if not _module.name.endswith("__main__"):
        importlib.import_module(_module.name)

# log and events have a bad cell, and the log a repeated time: readers ask what to do with them
BAD_CELLS = {"LATENTODE_DATA__CELLS__ON_BAD_ROW": "nan", "LATENTODE_DATA__CELLS__MAX_BAD": "0.5"}
_STAMP = re.compile(r"\d{8}t\d{6}(-[0-9a-f]{4})?(-\d+)?")
_COMPARED = {".csv", ".json", ".toml", ".png"}
_VOLATILE = {"run.json", "config.toml", "log.jsonl", "data_report.json"}


def leaves(model=LatentODEConfig, prefix=""):
    """(class, field) of every setting, and its dotted name."""
    for name, field in model.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, Config):
            yield from leaves(nested, f"{prefix}{name}.")
        else:
            yield (model, name), prefix + name


_NAMES = dict(leaves())


class Recorder:
    """What one call of the program asked of the library.

    Attributes:
        calls: Name and arguments of each call.
        reads: Dotted names of the settings that Python code has read.
        errors: Errors that ended it.
    """

    def __init__(self):
        self.calls, self.reads, self.errors = [], set(), []

    def call(self, name, *arguments, **options):
        self.calls.append((name, _plain([arguments, options])))

    def patch(self, monkeypatch, world):
        """Put stand-ins for all that takes time, and listen."""
        plain = Config.__getattribute__

        def recorded(config, name):
            if (type(config), name) in _NAMES:
                self.reads.add(_NAMES[type(config), name])
            return plain(config, name)

        def fail(session, failure, error):
            self.errors.append(error)
            said(session, failure, error)

        said = Session.fail
        monkeypatch.setattr(Config, "__getattribute__", recorded, raising=False)
        monkeypatch.setattr(Session, "fail", fail)
        monkeypatch.setattr(os, "fsync", lambda _: None)
        monkeypatch.setattr("latentode.cli.runs.run_folder.circumstances", dict)
        monkeypatch.setattr("torch.set_num_threads", lambda n: self.call("threads", n))
        monkeypatch.setattr(
            "latentode.models.fitted.device.device_of", lambda name: self.call("device", name)
        )
        monkeypatch.setattr("latentode.estimators.LatentODE", _estimator(self, world))
        monkeypatch.setattr(
            "latentode.estimators.event_forecaster.EventForecaster", _forecaster(self)
        )
        monkeypatch.setattr("latentode.estimators.event_forecaster.streams_of", self._streams_of)
        monkeypatch.setattr("latentode.plot", _plots(self))
        for name in ("add_model", "add_events"):
            monkeypatch.setattr(f"latentode.report.{name}", lambda *_, **__: None)
        monkeypatch.setattr("latentode.serve.server.run", self._serve)
        model_file._loaded.cache_clear()  # it may hold the stand-in of another call
        monkeypatch.setattr("latentode.scale.engines.choice.Processes", self._processes)
        # how fast parts are done differs from call to call
        monkeypatch.setattr("latentode.cli.runs.part_runs.parts_display", lambda _: nullcontext())
        monkeypatch.setattr("latentode.data.reading.log.read_log", self._read_log)

    def _serve(self, pool, address, **options):
        self.call("serve", vars(pool.served), vars(pool.limits), pool.workers, vars(address))
        del options  # follow from the folder

    def _processes(self, workers):
        self.call("processes", workers)
        return map

    def _streams_of(self, _, *told, **options):
        self.call("streams_of", *told, **options)
        return streams([[1.0, 2.0]])

    def _read_log(self, path, config, **options):
        self.call("read_log", **options)  # what it reads of the settings is recorded otherwise
        return read_log(path, config, **options)


def _plain(value):
    """What can be compared: arrays by their bytes, functions by nothing."""
    if isinstance(value, LatentODEConfig | Config):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return hashlib.sha256(value.tobytes()).hexdigest()
    if isinstance(value, pd.DataFrame):
        return value.to_csv()
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, Path):
        return str(value)
    return "" if callable(value) else type(value).__name__


ELAPSED = Clock("elapsed", None, "s")


def _prediction(kind="forecast", dim="channel", clock=ELAPSED, start=0):
    values = np.arange(12.0).reshape(2, 1, 3, 2)
    times = start + np.arange(3)[None] * 10**9
    names = None if dim == "latent" else ["x", "y"]
    reading = {"cells": {"on_bad_row": "nan", "max_bad": 0.5}} | (
        {} if clock.kind == "calendar" else {"time": {"unit": "s"}}
    )
    return results.to_dataset(
        values, times, series_ids=["log"], channels=names, clock=clock, kind=kind, dim=dim,
        attrs={"reading": reading},
    )  # fmt: skip


def _next_event():
    one = np.ones((1, 1))
    return next_event_dataset(
        np.ones((1, 3)), (0.05, 0.5, 0.95), one[0], one[0], one, one, np.ones((2, 1, 1), int),
        series_ids=["s0"], mark_names=["k0"], unit="s",
    )  # fmt: skip


def _intensity():
    return intensity_dataset(
        np.ones((1, 2, 1)), np.array([[0, 1]]), series_ids=["s0"], mark_names=["k0"],
        clock=Clock("elapsed", None, "s"), unit="s",
    )  # fmt: skip


_FIT = {"p_value": 1.0, "statistic": 1.0}
_TESTS = {"all": dict.fromkeys(("time_rescaling", "uniformity", "dispersion"), _FIT)}
_EVENT_SCORES = {"events": 1, "nats_per_event": 0.0, "gain_per_event": 0.0, "unit": "s"}


class _Asked:
    """Any method of it is recorded, and answered from a table."""

    def __init__(self, recorder, name, answers):
        self._recorder, self._name, self._answers = recorder, name, answers

    def __getattr__(self, name):
        if name not in self._answers:
            raise AttributeError(name)

        def method(*arguments, **options):
            self._recorder.call(f"{self._name}.{name}", *arguments, **options)
            return self._answers[name]()

        return method


def _schema():
    return types.SimpleNamespace(
        channels=("x", "y"),
        clock=Clock("elapsed", None, "s"),
        units=(),
        counters=types.SimpleNamespace(names=()),
        align=lambda log, **_: log,
        in_order=lambda log: log,
    )


def _fitted(has_events):
    space = types.SimpleNamespace
    return space(
        schema=_schema(),
        log=space(events=has_events or None),
        context=space(readings=space(num_rows=1)),
        later=(LaterTraining("update", "2024-05-18T00:00", 30, 3),),
    )


_ANSWERED_BY_NOTHING = (
    "evaluate", "score_forecasts", "update", "export", "describe", "set_far_readings",
)  # fmt: skip


def _estimator(recorder, world):
    """Stands for `LatentODE`."""
    index = pd.Index(["log"], name="series")
    answers = {
        "forecast": _prediction,
        "interpolate": lambda: _prediction("interpolation"),
        "classify": lambda: pd.DataFrame([[0.3, 0.7]], index, columns=["a", "b"]),
        "surprise": lambda: _prediction("surprise"),
        "score": lambda: xr.Dataset(
            {
                "log_prob": ("series", [1.0]),
                "standard_error": ("series", [1.0]),
                "num_readings": ("series", [1]),
            },
            {"series": ["log"]},
        ),
        "usual_step": lambda: "1h",
        **dict.fromkeys(_ANSWERED_BY_NOTHING, dict),
    }
    blocks = types.SimpleNamespace(
        summary=lambda: _EVENT_SCORES | {"tests": _TESTS}, rescaled_quantiles=lambda: ([1], [1])
    )
    views = {
        "blocks": lambda: blocks,
        "next_event": _next_event,
        "intensity": _intensity,
        "read": lambda: streams([[1.0, 2.0]]),
    }
    parts = types.SimpleNamespace
    plane = parts(exact=True, components=(0, 1), prior=parts(), encoded=parts(), later=parts())

    class Estimator(_Asked):
        def __init__(self, config=None, has_events=False):
            super().__init__(recorder, "LatentODE", answers)
            self.config, self.config_ = config, world.pinned
            self.fitted_ = _fitted(has_events)
            self.fitted_.save = lambda folder: recorder.call("save", folder)
            self.events = _Asked(recorder, "events", views)
            self.events.unit = "s"
            self.latent = _Asked(recorder, "latent", {"plane": lambda: plane})

        def fit(self, dataset, **options):
            recorder.call("fit", self.config, dataset, **options)

        @classmethod
        def load(cls, path, device):
            recorder.call("load", path, device)
            return cls(has_events="events" in (path / "model.json").read_text())

    return Estimator


def _forecaster(recorder):
    """Stands for `EventForecaster`."""
    answers = {
        "goodness_of_fit": dict,
        "score": lambda: dict(_EVENT_SCORES),
        "rescaled_quantiles": lambda: ([1], [1]),
        "long_horizon": dict,
        "next_event": _next_event,
        "intensity": _intensity,
    }

    class Forecaster(_Asked):
        def __init__(self, **arguments):
            super().__init__(recorder, "EventForecaster", answers)
            self.arguments, self.steps = arguments, arguments.get("steps", 0)
            self.losses_, self.max_time, self.random_state = [0.0] * self.steps, None, 0
            data = LatentODEConfig().data
            self.fitted_ = types.SimpleNamespace(unit="s", unit_ns=10**9, data=data)

        def fit(self, streams, **options):
            told = {name: value for name, value in self.arguments.items() if name != "data"}
            parts = (streams.series_ids, streams.mark_names, streams.times, streams.windows)
            recorder.call("fit", *parts, told, **options)

        @classmethod
        def load(cls, path, device):
            recorder.call("load", path, device)
            return cls()

    return Forecaster


def _plots(recorder):
    """Stands for `latentode.plot`."""

    def save(axes, path):
        recorder.call("save", axes, path)
        Path(path).write_bytes(b"picture")
        return Path(path)

    module = types.ModuleType("latentode.plot")
    names = ("forecast", "interpolation", "latent_trajectory", "training_curves", "calibration")
    for name in (*names, "readings", "intensity", "rescaled_gaps", "densities"):
        setattr(module, name, lambda *a, _name=name, **b: recorder.call(f"plot.{_name}", *a, **b))
    module.save = save
    return module


class World:
    """Logs, events, labels, results and runs in a folder that no call changes.

    Attributes:
        folder: Where they lie.
        pinned: Settings of the stored models, as their log was read.
    """

    def __init__(self, folder):
        self.folder = folder
        days = [f"2024/05/{day} {hour}:00" for day in range(13, 18) for hour in range(0, 24, 4)]
        rows = [f"{day},{n / 4},{n},Good" for n, day in enumerate(days)]
        rows[3] = f"{days[3]},spoiled,3,Good"
        rows.append(rows[-1])
        self._write("log.csv", "time,x,y,quality", *rows)
        happened = (f"s1,{day},hot" for day in [*days, "spoiled"])
        self._write("token", "a-token-of-more-than-sixteen-signs")
        self._write("events.csv", "id,time,mark", *happened)
        self._write("windows.csv", "id,start,end", "s1,2024/05/13 0:00,2024/05/18 0:00")
        self._write("labels.csv", "id,label", "log,a")
        self._write("times.csv", "time", "2024/05/19 0:00")
        self._write("settings.toml", "[train]", "max_epochs = 3")
        self._write("encoder.toml", "[model]", 'encoder = "ode_rnn"')
        self._write("usual.toml", template())
        self._write("data.toml", "[data]", "min_obs = 40")
        taken = [
            f"taken.{suffix}" for suffix in ("csv", "toml", "png", "nc", "json", "onnx", "html")
        ]
        for name in (*taken, "forecast.png", "latent.png", "dated.png"):
            self._write(name, "taken")
        results.write(_prediction(), folder / "forecast.nc")
        results.write(_prediction("latent_trajectory", "latent"), folder / "latent.nc")
        last = int(np.datetime64("2024-05-18", "ns").astype(np.int64))
        dated = _prediction(clock=Clock("calendar"), start=last)
        results.write(dated, folder / "dated.nc")
        base = LatentODEConfig().updated(
            **{"data.cells.on_bad_row": "nan", "data.cells.max_bad": 0.5}
        )
        dataset, report = read_log(folder / "log.csv", base.data)
        self.pinned = base.model_copy(update={"data": report.pinned(base.data)})
        self._run("done", "done", self.pinned)
        self._run("stopped", "interrupted", self.pinned)
        self._run("both", "done", self.pinned, model='{"events": 1}')
        usual = {"train.steps_per_epoch": 3, "model.latent_dim": 2, "model.hidden_dim": 3}
        alone, heads = base.updated(**usual), HeadFiles(events=folder / "events.csv")
        facts = {"kind": "events", **heads.record()}
        self._run("stopped-events", "interrupted", alone, **facts)
        self._run("done-events", "done", alone, **facts)
        self._run("old-events", "interrupted", base, **facts)
        self._run("stopped-early", "interrupted", self.pinned)
        shutil.rmtree(folder / "stopped-early" / "model")
        model = folder / "done-events" / "model"
        (model / "model.json").rename(model / "events.json")
        parts = write_parts(dataset, folder / "parts", 2)
        # results of another request
        map_parts(_nothing, parts, folder / "taken", suffix=".txt")
        write_parts(dataset, folder / "taken-parts", 2)
        self._original = self._contents()
        self._folders = {path for path in folder.rglob("*") if path.is_dir()}

    def _write(self, name, *lines):
        (self.folder / name).write_text("\n".join(lines) + "\n")

    def _run(self, name, status, config, *, model="{}", **facts):
        folder = self.folder / name
        (folder / "model").mkdir(parents=True)
        (folder / "model" / "model.json").write_text(model)
        (folder / "config.toml").write_text(config.to_toml())
        record = {"schema": 1, "status": status, "log": fingerprint(self.folder / "log.csv")}
        (folder / "run.json").write_text(json.dumps(record | facts))
        report = {"left_out": [{"column": "y", "reason": "not chosen"}]}
        (folder / "data_report.json").write_text(json.dumps(report))

    def call(self, words, monkeypatch, environment=BAD_CELLS):
        """Run the program in the folder, and put back what it changed.

        Returns:
            What was recorded, and what there was to see of it: the code, the text, the calls and
            the files that are new or others.
        """
        recorder = Recorder()
        with monkeypatch.context() as patch:
            patch.chdir(self.folder)
            recorder.patch(patch, self)
            done = CliRunner().invoke(root, [*words], env=environment | BAD_CELLS)
        texts = (done.stdout, done.stderr, json.dumps(recorder.calls))
        return recorder, (
            done.exit_code,
            *(_STAMP.sub("", text) for text in texts),
            self._restore(),
        )

    def _contents(self):
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def _restore(self):
        """Undo what a call did, and return it."""
        now, changes = self._contents(), {}
        for path in now.keys() | self._original.keys():
            before, after = self._original.get(path), now.get(path)
            if before != after and path.name not in _VOLATILE:
                changes[_STAMP.sub("", str(path))] = _compared(path, after)
            if before is None:
                path.unlink()
            elif before != after:
                path.write_bytes(before)
        for path in self.folder.rglob("*"):
            if path.is_dir() and path not in self._folders:
                shutil.rmtree(path, ignore_errors=True)
        return changes


def _nothing(_parts, _index, file):
    atomic_write(file, b"")
    return {}


def _compared(path, content):
    """Content of a file, where it is compared; of how a call was typed nothing is."""
    if path.name == MANIFEST and content is not None:
        return {**json.loads(content), "command": None}
    return content if path.suffix in _COMPARED else b""


def commands(group=root, words=()):
    """Words and command of every command of the program, groups entered."""
    context = click.Context(group)
    for name in group.list_commands(context):
        each = group.get_command(context, name)
        if isinstance(each, click.Group):
            yield from commands(each, (*words, name))
        else:
            yield (*words, name), each
