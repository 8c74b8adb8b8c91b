"""F40 to F45: folders, settings and names that come from somebody else."""

import csv
import io
import json
import os
import pickle
import re
import resource
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from cli_cases import SMALL, run
from programs import python
from safetensors.numpy import load_file, save_file
from sealing import sealed

import latentode
from latentode import LatentODE
from latentode.errors import CheckpointError

CLI = Path(__file__).parents[2] / "cli.py"


def refused(code, *args):
    """What a command says that fails with a code, in one line."""
    result = run(*args)
    assert result.exit_code == code, result.output
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert result.stderr.startswith("error: ")
    return result.stderr


def weights_of(folder):
    return folder / "model" / "model.safetensors"


def described(folder, change):
    """Change a model's description by a function, with a checksum that fits."""
    path = folder / "model" / "model.json"
    meta = json.loads(path.read_text())
    change(meta)
    path.write_text(json.dumps(sealed(meta)))


class Payload:
    """What a pickle runs that is loaded."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("name", ["model/model.safetensors", "model/model.json", "config.toml"])
def test_f40_a_pickle_under_another_name_is_not_run(run_folder, tmp_path, name):
    marker = tmp_path / "it-ran"
    (run_folder / name).write_bytes(pickle.dumps(Payload(marker)))
    for command in ("forecast", "evaluate", "info", "plot", "resume"):
        result = run(command, run_folder)
        # not every command reads each of them; what a checkpoint holds, `resume` writes anew
        assert result.exit_code in (0, 4, 5), result.output
    if name.startswith("model"):
        shutil.rmtree(run_folder / "checkpoints")
        refused(5, "forecast", run_folder)
    assert not marker.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta.update({"class": "os.system"}),
        lambda meta: meta.update(kind="os.system"),
        lambda meta: meta["config"]["model"].update(encoder="os.system"),
        lambda meta: meta["config"].update(hook="os.system"),
    ],
    ids=["class", "kind", "encoder", "unknown field"],
)
def test_f40_names_of_classes_are_looked_up_in_a_fixed_list(run_folder, change):
    described(run_folder, change)
    refused(5, "forecast", run_folder)


def test_f40_nothing_in_the_package_can_run_what_a_file_holds():
    unsafe = re.compile(r"\bimport pickle\b|torch\.load\(|(?<![.\w])eval\(|\bexec\(|extractall\(")
    package = Path(latentode.__file__).parent
    found = [
        f"{path.name}: {line}"
        for path in package.rglob("*.py")
        for line in path.read_text().splitlines()
        if unsafe.search(line) and not line.lstrip().startswith("#")
    ]
    assert not found


def broken(path, how):
    content = bytearray(path.read_bytes())
    if how == "truncated":
        content = content[: len(content) // 2]
    elif how == "header of 2**60 bytes":
        content[:8] = struct.pack("<Q", 2**60)
    elif how == "bit flip":
        content[-5] ^= 16
    elif how == "empty":
        content = b""
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "header of 2**60 bytes", "bit flip", "empty"])
@pytest.mark.parametrize("command", ["forecast", "evaluate"])
def test_f41_broken_weights(run_folder, how, command):
    broken(weights_of(run_folder), how)
    assert "model.safetensors" in refused(5, command, run_folder)


def test_f41_weights_that_changed_places_or_shape(run_folder):
    path = weights_of(run_folder)
    tensors = load_file(path)
    shapes = {}
    for name, values in tensors.items():
        shapes.setdefault((values.shape, values.dtype), []).append(name)
    first, second = next(names[:2] for names in shapes.values() if len(names) > 1)
    save_file({**tensors, first: tensors[second], second: tensors[first]}, path)
    assert "model.safetensors" in refused(5, "forecast", run_folder)


def test_f41_a_description_with_a_flipped_bit(run_folder):
    path = run_folder / "model" / "model.json"
    content = bytearray(path.read_bytes())
    place = content.index(b'"scale') + 1
    content[place] ^= 1
    path.write_bytes(content)
    assert "model.json" in refused(5, "forecast", run_folder)


def test_f41_sizes_that_are_declared_take_no_memory(run_folder):
    def grow(meta):
        meta["config"]["model"].update(latent_dim=50_000, hidden_dim=50_000)

    described(run_folder, grow)

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30,) * 2)  # one such matrix takes 10 GB

    done = python(CLI, "forecast", run_folder, preexec_fn=limit)
    assert done.returncode == 5, done.stderr


def places_of(tree):
    """All (container, key) below some JSON types, lists by their first item."""
    keys = tree if isinstance(tree, dict) else range(min(1, len(tree)))
    for key in list(keys):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from places_of(tree[key])


@pytest.mark.parametrize(
    "value", [None, "x", 7, -1, {}, [], [[1.0]], float("nan"), 10**30], ids=str
)
def test_f41_a_description_with_a_value_of_another_kind(run_folder, value):
    path = run_folder / "model" / "model.json"
    whole = json.loads(path.read_text())
    refusals = 0
    for tree, key in places_of({name: whole[name] for name in ("data", "config")}):
        before, tree[key] = tree[key], value
        path.write_text(json.dumps(sealed(whole)))
        try:
            LatentODE.load(run_folder / "model")
        except CheckpointError:
            refusals += 1
        tree[key] = before
    assert refusals > 10


@pytest.mark.parametrize("name", ["model/model.safetensors", "model/model.json", "config.toml"])
def test_f41_devices_are_no_files_of_a_run(run_folder, name):
    (run_folder / name).unlink()
    os.mkfifo(run_folder / name)
    assert run("evaluate", run_folder).exit_code in (4, 5)


@pytest.mark.parametrize(
    "text",
    [
        "seed = " + "[" * 100_000,
        "a" + ".a" * 40 + " = 1",
        "[train]\nepochs = 3\nepochs = 4\n",
        "a: !!python/object/apply:os.system ['true']\n",
        "seed = 10000000000000000000000000\n",
        "seed = nan\n",
    ],
    ids=["nested", "dotted", "duplicate", "YAML", "large", "nan"],
)
def test_f42_settings_that_are_none(log, tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    refused(4, "train", log, "--config", path, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_f42_a_file_of_settings_without_end(log, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("# nothing\n" * 5_000_000)
    refused(4, "train", log, "--config", path, "--out", tmp_path / "run")
    (tmp_path / "pipe.toml").unlink(missing_ok=True)
    os.mkfifo(tmp_path / "pipe.toml")
    refused(4, "train", log, "--config", tmp_path / "pipe.toml", "--out", tmp_path / "run")


HUGE = str(10**30)


@pytest.mark.parametrize(
    "options",
    [("--seed", HUGE), ("--epochs", HUGE), ("--batch-size", HUGE), ("--latent-dim", HUGE),
     ("--threads", HUGE), ("--lr", "1e400"), ("--lr", "nan"), ("--lr", "-1"), ("--seed", "1e400"),
     ("--epochs", "-1"), ("--max-time", "1e400s"), ("--set", "train.steps_per_epoch=" + HUGE),
     ("--set", "solver.step_size=nan"), ("--set", "train.patience=-3")],
    ids=" ".join,
)  # fmt: skip
def test_f42_options_out_of_range(log, tmp_path, options):
    result = run("train", log, *SMALL, *options, "--out", tmp_path / "run")
    assert result.exit_code in (2, 4), result.output
    assert "internal" not in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options",
    [("--samples", HUGE), ("--seed", HUGE), ("--horizon", "1e400s"), ("--horizon", "-3"),
     ("--horizon", "nan"), ("--every", "0s"), ("--levels", "2"), ("--levels", "nan")],
    ids=" ".join,
)  # fmt: skip
def test_f42_options_of_predictions_out_of_range(run_folder, options):
    result = run("forecast", run_folder, *options)
    assert result.exit_code in (2, 4, 7), result.output
    assert "internal" not in result.stderr


@pytest.mark.parametrize(
    "variables",
    [{"WORLD_SIZE": "abc"}, {"WORLD_SIZE": "2"}, {"WORLD_SIZE": HUGE},
     {"WORLD_SIZE": "2", "RANK": "7", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost",
      "MASTER_PORT": "29500"},
     {"LATENTODE_SEED": "abc"}, {"LATENTODE_TRAIN__EPOCHS": HUGE}],
    ids=str,
)  # fmt: skip
def test_f42_variables_of_the_environment(log, tmp_path, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    refused(4, "train", log, *SMALL, "--epochs", 1, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


HOSTILE = (
    "../../etc/x", "a/b", "n" * 300, "CON", "=cmd|' /C calc'!A0", "<script>alert(1)</script>",
    "+1+1", "-1-1", "@SUM(A1)", "\tx", "..", "~root", "$HOME", "x\u202ey",
)  # fmt: skip


@pytest.fixture(scope="module")
def hostile_log(tmp_path_factory):
    """A series under each hostile name, and a channel that begins a formula."""
    path = tmp_path_factory.mktemp("hostile") / "log.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["device", "time", "=1+1"])
        for number, name in enumerate(HOSTILE):
            for place in range(12):
                writer.writerow([name, 60 * place, f"{np.sin(number + place / 2):.3f}"])
    with path.with_name("labels.csv").open("w", newline="") as file:
        classes = ["=A1" if number % 2 else "@B" for number in range(len(HOSTILE))]
        csv.writer(file).writerows([("device", "class"), *zip(HOSTILE, classes, strict=True)])
    return path


@pytest.fixture(scope="module")
def hostile_run(hostile_log, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile-runs") / "run"
    options = ("--id-column", "device", "--labels", hostile_log.with_name("labels.csv"))
    result = run("train", hostile_log, *SMALL, *options, "--epochs", 1, "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


def cells_of(text):
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


def begins_a_formula(cell):
    return cell[:1] in set("=+-@\t\r") and not re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?|-inf", cell)


@pytest.mark.parametrize("command", ["forecast", "interpolate", "evaluate", "classify"])
def test_f43_names_become_no_paths_and_no_formulas(hostile_log, hostile_run, tmp_path, command):
    outside = {path for path in tmp_path.parent.iterdir()}
    output = tmp_path / "answer.csv"
    options = () if command == "evaluate" else ("-o", output)
    result = run(command, hostile_run, hostile_log, *options)
    assert result.exit_code == 0, result.output
    assert {path for path in tmp_path.parent.iterdir()} == outside
    for path in [*hostile_run.rglob("*.csv"), *tmp_path.rglob("*.csv")]:
        assert not list(filter(begins_a_formula, cells_of(path.read_text()))), path


def test_f43_pictures_of_hostile_names_stay_in_the_run(hostile_run):
    before = set(hostile_run.parent.rglob("*"))
    result = run("plot", hostile_run)
    assert result.exit_code == 0, result.output
    new = set(hostile_run.parent.rglob("*")) - before
    assert new
    for path in new:
        assert re.fullmatch(r"[\w.,=-]+", path.name), path
        if path.suffix in (".html", ".svg"):
            assert "<script>alert" not in path.read_text()


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(200), b"\x1f\x8b" + bytes(50), b""])
@pytest.mark.parametrize("suffix", [".zip", ".onnx", ".pt2"])
def test_f44_bundles_that_are_none(tmp_path, content, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    result = run("forecast", path)
    assert result.exit_code in (2, 5, 9), result.output
    assert "internal" not in result.stderr


@pytest.mark.parametrize("schema", [0, 10**6, "9", None])
def test_f45_a_model_of_another_schema(run_folder, schema):
    described(run_folder, lambda meta: meta.update(schema=schema))
    assert "version" in refused(5, "forecast", run_folder)


def test_f45_channels_are_matched_by_name(tmp_path):
    rows = [f"{60 * place},{np.sin(place / 3):.3f},{place % 5}.5" for place in range(60)]
    (tmp_path / "turned").mkdir()
    log, other = tmp_path / "log.csv", tmp_path / "turned" / "log.csv"
    log.write_text("time,level,flow\n" + "\n".join(rows) + "\n")
    turned = [",".join([row.split(",")[i] for i in (0, 2, 1)]) for row in rows]
    other.write_text("time,flow,level\n" + "\n".join(turned) + "\n")
    folder = tmp_path / "run"
    result = run("train", log, *SMALL, "--epochs", 1, "--out", folder)
    assert result.exit_code == 0, result.output
    answers = []
    for path in (log, other):
        answer = path.with_name("answer.csv")
        result = run("forecast", folder, path, "-o", answer)
        assert result.exit_code == 0, result.output
        answers.append(answer.read_text())
    assert answers[0] == answers[1]


def test_f45_another_unit_of_a_channel_is_told(tmp_path):
    rows = [f"{60 * place},{np.sin(place / 3):.3f}" for place in range(60)]
    log, other = tmp_path / "log.csv", tmp_path / "other.csv"
    log.write_text("time (s),level (m)\n" + "\n".join(rows) + "\n")
    other.write_text("time (s),level (mm)\n" + "\n".join(rows) + "\n")
    folder = tmp_path / "run"
    result = run("train", log, *SMALL[2:], "--epochs", 1, "--out", folder)
    assert result.exit_code == 0, result.output
    result = run("forecast", folder, other)
    assert result.exit_code == 0 or "level" in result.stderr
    assert result.exit_code or "mm" in result.stderr, "another unit was taken without a word"


def test_a_folder_of_a_run_is_not_changed_by_what_fails(run_folder, tmp_path):
    shutil.copytree(run_folder, tmp_path / "copy")
    broken(weights_of(run_folder), "truncated")
    before = {path: path.read_bytes() for path in run_folder.rglob("*") if path.is_file()}
    for command in ("forecast", "evaluate", "plot", "interpolate", "density"):
        run(command, run_folder)
    assert {path: path.read_bytes() for path in run_folder.rglob("*") if path.is_file()} == before
