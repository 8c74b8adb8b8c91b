"""Fuzzing of what reads from others: `python -m benchmarks.fuzz logs|model --seconds 600`.

Coverage leads it (atheris, extra `fuzz`). A target may refuse its input by an error of the package;
any other exception is a finding: each is printed once, with where the input that caused it is kept
(`.fuzz/TARGET/`), and the exit code is 1.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import atheris
import click

with atheris.instrument_imports(include=["latentode"]):
    from latentode.data.reading.log import read_log
    from latentode.estimators import LatentODE
    from latentode.models.fitted.latent_ode import FittedModel
    from latentode.models.fitted.model_folder import sum_of

from latentode.data.synthetic import make
from latentode.errors import LatentODEError

_LONGEST = 4096  # bytes of an input
ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = (".csv", ".csv", ".csv", ".txt", ".tsv", ".json", ".jsonl", ".csv.gz", ".parquet")
STARTS = (  # what logs begin with; the shipped ones join them
    "time,level\n2024-01-01 00:00,1.5\n2024-01-01 01:00,2\n",
    "Zeit;Pegel\n01.02.2024 06:00;1,5\n02.02.2024 06:10;2,5\n",
    "device,ts,v\n007,1700000000,1\n7,1700000060,NA\n7,1700000120,1e3\n",
    '{"time": "2024-01-01T00:00:00Z", "a": 1}\n{"time": "2024-01-01T00:00:10Z", "a": 2}\n',
    "# station 5\ndate,time,a (m),a (mm)\n2024-01-01,23:59,1,2\n2024-01-02,00:00,1,2\n",
    "series,2024-01-01,2024-01-02\nx,1,2\ny,3,4\n",
    'time,channel,value\n"2024-03-31 02:30+01:00",a,"1,234.5"\n2024-03-31T03:30+02:00,b,ERR\n',
)
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 10**30, 1e308, float("nan"), "", "a", "os.system", "../x",
    [], [1], {}, {"a": 1}, [[[]]], "9" * 50,
)  # fmt: skip


class Findings:
    """Exceptions that are none of the package's, each place once.

    Args:
        kept: Folder that the inputs of findings are kept in.
    """

    def __init__(self, kept: Path) -> None:
        self.kept = kept
        self.places: set[tuple[str, str]] = set()
        self.inputs = 0

    @contextlib.contextmanager
    def watched(self, *files: Path) -> Iterator[None]:
        """Note what else a target raises, and keep the files that it was given."""
        self.inputs += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except LatentODEError:
            pass
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = (type(error).__name__, f"{last.filename}:{last.lineno}")
            if place not in self.places:
                self.places.add(place)
                kept = self.kept / f"{len(self.places)}"
                kept.mkdir(parents=True, exist_ok=True)
                for file in files:
                    shutil.copy(file, kept)
                click.echo(f"FINDING {place} {error}\n  input in {kept}")
                traceback.print_exc(limit=-6)


def logs(folder: Path, findings: Findings) -> Callable[[bytes], None]:
    """A file of any bytes as a log."""

    def one(data: bytes) -> None:
        suffix = SUFFIXES[data[0] % len(SUFFIXES)] if data else ".csv"
        path = folder / f"log{suffix}"
        path.write_bytes(data[1:])
        with findings.watched(path):
            read_log(path)

    return one


def model(folder: Path, findings: Findings) -> Callable[[bytes], None]:
    """A model's description with other values, its weights with other bytes, sums that fit."""
    log = make("toy_periodic", num_series=4, random_state=0).dataset
    made = LatentODE(latent_dim=2, max_time="2s", random_state=0)
    made.fit(log).save(folder / "model")
    description, weights = folder / "model" / "model.json", folder / "model" / "model.safetensors"
    whole, state = json.loads(description.read_text()), weights.read_bytes()

    def one(data: bytes) -> None:
        given = atheris.FuzzedDataProvider(data)
        meta, changed = copy.deepcopy(whole), bytearray(state)
        for _ in range(given.ConsumeIntInRange(0, 3)):
            change(meta, given)
        for _ in range(given.ConsumeIntInRange(0, 3)):
            place = given.ConsumeIntInRange(0, len(changed) - 1)
            within = 4096 if given.ConsumeBool() else len(changed)  # the header, or all
            changed[place % within] = given.ConsumeInt(1) % 256
        meta["sha256"] = hashlib.sha256(changed).hexdigest()
        meta.pop("checksum", None)
        description.write_text(json.dumps({**meta, "checksum": sum_of(meta)}))
        weights.write_bytes(changed)
        with findings.watched(description, weights):
            FittedModel.load(folder / "model", "cpu")

    return one


def change(tree: Any, given: Any) -> None:
    """Put another value, or none, into a place of a tree of JSON types."""
    while True:
        keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not keys:
            return
        key = keys[given.ConsumeIntInRange(0, len(keys) - 1)]
        if isinstance(tree[key], dict | list) and given.ConsumeIntInRange(0, 9):
            tree = tree[key]
            continue
        if isinstance(tree, dict) and not given.ConsumeIntInRange(0, 9):
            del tree[key]
        else:
            tree[key] = copy.deepcopy(VALUES[given.ConsumeIntInRange(0, len(VALUES) - 1)])
        return


def main() -> None:
    """Fuzz one target for some seconds."""
    target, seconds = sys.argv[1], int(sys.argv[3])
    logging.disable()
    findings = Findings(ROOT / ".fuzz" / target)
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one = {"logs": logs, "model": model}[target](folder, findings)
        corpus = folder / "corpus"
        corpus.mkdir()
        for path in (ROOT / "datasets").glob("*.csv"):
            (corpus / path.name).write_bytes(b"\0" + path.read_bytes()[:_LONGEST])
        for number, text in enumerate(STARTS):
            (corpus / str(number)).write_bytes(bytes([5 if text[0] == "{" else 0]) + text.encode())

        def until_then(data: bytes) -> None:
            if time.monotonic() > until:
                click.echo(f"{target}: {findings.inputs:,} inputs, {len(findings.places)} findings")
                sys.stdout.flush()
                shutil.rmtree(folder)
                os._exit(bool(findings.places))
            one(data)

        atheris.Setup(["fuzz", str(corpus), f"-max_len={_LONGEST}", "-verbosity=0"], until_then)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
