"""Checkpoint folders: whole or not at all, and every byte checked before it is used."""

import hashlib
import json
import os
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save, save_file
from sealing import sealed
from torch import nn
from training_cases import parts, same, weights_of

from latentode.errors import CheckpointError
from latentode.models.fitted.model_folder import (
    check_tensors,
    load_folder,
    load_weights,
    read_json,
    save_folder,
)
from latentode.training.optimizer import Learner
from latentode.training.state import Checkpoints, Progress

FIELDS = {"progress"}


class Run:
    """A checkpoint folder with one state in it, and the parts to load it into."""

    def __init__(self, root):
        self.root = root
        self.checkpoints = Checkpoints(root)
        self.checkpoints.states.prepare()
        self.model = parts().model
        self.learner = Learner(self.model, parts().config.train.optimizer)
        self.average = self.learner.average
        self.model.zero_grad()
        sum(p.square().sum() for p in self.model.parameters()).backward()
        self.learner.optimizer.step()
        self.average.update(self.model, 1)

    def save(self, progress):
        self.checkpoints.save(progress, self.learner)

    def restore(self):
        fresh = parts(train__seed=9)
        learner = Learner(fresh.model, fresh.config.train.optimizer)
        progress, best = self.checkpoints.restore(learner)
        return progress, best, fresh.model, learner.average

    @property
    def state(self):
        return self.root / "checkpoints" / "000007"


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    run.save(Progress(step=7, epoch=1, best_step=7, best_score=0.5, history=[{"epoch": 1.0}]))
    return run


def rewrite(state, tensors=None, **meta):
    """Change a state as someone would who knows that a checksum must fit."""
    if tensors is not None:
        save_file(tensors, state / "state.safetensors")
    values = json.loads((state / "state.json").read_text())
    values["sha256"] = hashlib.sha256((state / "state.safetensors").read_bytes()).hexdigest()
    (state / "state.json").write_text(json.dumps(sealed(values | meta)))


def test_a_state_comes_back_with_every_bit(run):
    progress, best, model, average = run.restore()
    assert progress == Progress(
        step=7, epoch=1, best_step=7, best_score=0.5, history=[{"epoch": 1.0}]
    )
    assert same(weights_of(model), weights_of(run.model))
    assert same(average.tensors, run.average.tensors)
    assert same(best, run.average.tensors)


def test_a_score_without_readings_comes_back_as_nan(run):
    run.save(Progress(step=8, history=[{"epoch": 1.0, "forecast_crps": float("nan")}]))
    (record,) = run.restore()[0].history
    assert record["forecast_crps"] != record["forecast_crps"]
    assert (run.root / "metrics.csv").read_text() == "epoch,forecast_crps\n1.0,nan\n"


def test_only_the_last_and_the_best_state_are_kept(run):
    for step in (8, 9):
        run.save(Progress(step=step, best_step=7))
    found = sorted(p.name for p in (run.root / "checkpoints").iterdir())
    assert found == ["000007", "000009", "best.json", "last.json"]


def test_the_best_state_is_found_by_number_if_its_pointer_is_ahead(run):
    expected = {k: v.clone() for k, v in run.average.tensors.items()}
    folder = run.root / "checkpoints"
    last = (folder / "last.json").read_bytes()
    run.average.update(run.model, 5)
    with pytest.MonkeyPatch.context() as patch:  # killed between the pointers
        states = run.checkpoints.states
        patch.setattr(states, "_point", stop_at_last(states._point))
        with pytest.raises(KeyboardInterrupt):
            run.save(Progress(step=9, best_step=9))
    assert read_json(folder / "best.json") == {"checkpoint": "000009"}
    assert (folder / "last.json").read_bytes() == last
    progress, best, *_ = run.restore()
    assert progress.step == 7
    assert same(best, expected)
    run.save(Progress(step=8, best_step=7))  # as after a signal, before the next best state
    assert same(run.restore()[1], expected)


def stop_at_last(point):
    def stopping(pointer, name):
        if pointer == "last":
            raise KeyboardInterrupt
        point(pointer, name)

    return stopping


def test_every_single_flipped_bit_is_found(run):
    path = run.state / "state.safetensors"
    blob = bytearray(path.read_bytes())
    generator = torch.Generator().manual_seed(0)
    for place in torch.randint(len(blob) * 8, (64,), generator=generator).tolist():
        blob[place // 8] ^= 1 << place % 8
        path.write_bytes(blob)
        with pytest.raises(CheckpointError, match="changed or cut short"):
            run.restore()
        blob[place // 8] ^= 1 << place % 8


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
def test_a_file_that_was_cut_short_is_refused(run, name, share):
    path = run.state / name
    blob = path.read_bytes()
    path.write_bytes(blob[: int(share * len(blob))])
    with pytest.raises(CheckpointError, match=name):
        run.restore()


def test_tensors_of_equal_shape_that_changed_places_are_refused(run):
    tensors = load_file(run.state / "state.safetensors")
    shapes = {}
    for name, value in tensors.items():
        shapes.setdefault((tuple(value.shape), name.split(".")[0]), []).append(name)
    one, other = next(names for names in shapes.values() if len(names) > 1)[:2]
    tensors[one], tensors[other] = tensors[other], tensors[one]
    save_file(tensors, run.state / "state.safetensors")
    with pytest.raises(CheckpointError, match="sha256"):
        run.restore()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.pop(next(n for n in t if n.startswith("model."))), "missing"),
        (lambda t: t.pop(next(n for n in t if n.startswith("average."))), "missing"),
        (lambda t: t.update({"model.evil": torch.zeros(1)}), "'evil' is unknown"),
        (lambda t: t.update({"average.evil": torch.zeros(1)}), "'evil' is unknown"),
        (lambda t: t.update({"evil": torch.zeros(1)}), "unknown tensor 'evil'"),
        (lambda t: t.update({"optimizer.x.step": torch.zeros(1)}), "not a state of this run"),
        (lambda t: t.update({"optimizer.0.exp_avg": torch.zeros(1, 1, 1)}), "fits no weight"),
    ],
)
def test_tensors_that_are_not_those_of_the_model_are_refused_in_spite_of_a_good_checksum(
    run, change, match
):
    tensors = load_file(run.state / "state.safetensors")
    change(tensors)
    rewrite(run.state, tensors)
    with pytest.raises(CheckpointError, match=match):
        run.restore()


@pytest.mark.parametrize(
    "progress",
    [
        {"step": 7, "surprise": 1, "history": []},
        {"step": "7", "history": []},
        {"step": 7},
        {"step": 7, "history": [{"epoch": "one"}]},
        {"step": 7, "history": [3]},
        [],
        None,
    ],
)
def test_counters_that_are_not_those_of_a_run_are_refused(run, progress):
    rewrite(run.state, progress=progress)
    with pytest.raises(CheckpointError, match="not a state of this run"):
        run.restore()


@pytest.mark.parametrize("pointer", ["../../etc", "", 7, None, "٣", ["000007"]])
def test_a_pointer_is_the_number_of_a_step_and_never_a_path(run, pointer):
    path = run.root / "checkpoints" / "last.json"
    path.write_text(json.dumps({"checkpoint": pointer}))
    with pytest.raises(CheckpointError, match="expected the number of a step"):
        run.restore()


def folder_with(root, blob=None, **meta):
    tensors = {"a": torch.arange(3.0)}
    save_folder(root / "x", "state", tensors, {"progress": {}})
    path = root / "x" / "state.safetensors"
    if blob is not None:
        path.write_bytes(blob)
    rewrite(root / "x", **meta)
    return root / "x"


def header(entries, data=b"\0" * 12):
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


ENTRY = {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}
LYING = {
    "no header": b"",
    "header of 2^60 bytes": struct.pack("<Q", 2**60) + b"{}",
    "lying shape": header({"a": ENTRY | {"shape": [1 << 40]}}),
    "lying offsets": header({"a": ENTRY | {"data_offsets": [0, 1 << 40]}}),
    "overlap": header({"a": ENTRY, "b": ENTRY}),
    "unknown type": header({"a": ENTRY | {"dtype": "OBJECT"}}),
    "negative": header({"a": ENTRY | {"shape": [-3]}}),
    "not json": struct.pack("<Q", 4) + b"\xff\xfe{}",
    "pickle": b"\x80\x04\x95",
}


@pytest.mark.parametrize("name", LYING)
def test_a_file_that_lies_about_its_tensors_is_refused_in_spite_of_a_good_checksum(tmp_path, name):
    folder = folder_with(tmp_path, LYING[name])
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_folder(folder, "state", FIELDS)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "not JSON"),
        ("[]", "expected a JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"schema": 2}', "schema version 1, got 2"),
        ('{"schema": "1"}', "schema version 1, got '1'"),
        ("{}", "schema version 1, got None"),
        ('{"schema": 1, "sha256": "", "progress": 1, "class": "os.system"}', "'class' is unknown"),
        ('{"schema": 1, "sha256": ""}', "'progress' is missing"),
        ('{"schema": 1, "sha256": 7, "progress": 1}', "sha256"),
    ],
)
def test_a_description_of_another_kind_is_refused(tmp_path, text, match):
    folder = folder_with(tmp_path)
    (folder / "state.json").write_text(text)
    with pytest.raises(CheckpointError, match=match):
        load_folder(folder, "state", FIELDS)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_folder(tmp_path / "nowhere", "state", FIELDS)


def test_a_description_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "big.json"
    with path.open("wb") as file:
        file.truncate((16 << 20) + 1)  # sparse: no disk is used
    with pytest.raises(CheckpointError, match="at most 16777216 bytes, got 16777217"):
        read_json(path)


def test_tensors_that_are_too_large_are_not_read(tmp_path):
    folder = folder_with(tmp_path)
    with (folder / "state.safetensors").open("r+b") as file:
        file.truncate((4 << 30) + 1)
    with pytest.raises(CheckpointError, match="at most 4294967296 bytes"):
        load_folder(folder, "state", FIELDS)


def test_saving_twice_gives_the_same_bytes():
    tensors = {"b": torch.ones(2), "a": torch.zeros(3)}
    assert save(tensors) == save(dict(reversed(tensors.items())))


def test_a_folder_holds_its_extra_files_and_views_are_saved_whole(tmp_path):
    base = torch.arange(6.0).reshape(2, 3)
    save_folder(tmp_path / "x", "m", {"t": base.T}, {"k": 1}, {"CARD.md": b"card"})
    tensors, meta = load_folder(tmp_path / "x", "m", {"k"})
    assert torch.equal(tensors["t"], base.T)
    assert meta["k"] == 1
    assert (tmp_path / "x" / "CARD.md").read_bytes() == b"card"


@pytest.mark.parametrize(
    ("tensor", "match"),
    [
        (torch.zeros(4), r"expected \(3,\) torch.float32, got \(4,\)"),
        (torch.zeros(3, dtype=torch.float64), "got \\(3,\\) torch.float64"),
        (torch.tensor([0.0, float("nan"), 0.0]), "not finite"),
        (torch.tensor([0.0, float("inf"), 0.0]), "not finite"),
    ],
)
def test_a_tensor_of_another_shape_type_or_without_a_value_is_refused(tmp_path, tensor, match):
    module = nn.Linear(2, 3)
    tensors = {"weight": torch.zeros(3, 2), "bias": tensor}
    with pytest.raises(CheckpointError, match=match):
        check_tensors(module, tensors, tmp_path)


def test_every_single_flipped_bit_of_a_description_is_found(run):
    path = run.state / "state.json"
    blob = bytearray(path.read_bytes())
    whole = json.loads(bytes(blob))
    generator = torch.Generator().manual_seed(0)
    for place in torch.randint(len(blob) * 8, (200,), generator=generator).tolist():
        blob[place // 8] ^= 1 << place % 8
        path.write_bytes(blob)
        try:
            run.restore()
        except CheckpointError:
            pass
        else:  # a blank of another kind between two fields says the same
            assert json.loads(bytes(blob)) == whole
        blob[place // 8] ^= 1 << place % 8


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(1 << 22, 1 << 22),  # 64 TiB
        lambda: nn.GRU(1 << 22, 1 << 22),
        lambda: nn.Embedding(1 << 40, 4),
        lambda: torch.zeros(1 << 20, 1 << 20),
        lambda: torch.empty(size=(1 << 40,)),
        lambda: torch.full((1 << 40,), 1.0),
        lambda: torch.linspace(0, 1, 1 << 40),
        lambda: torch.linspace(0, 1, steps=1 << 40),
        lambda: torch.arange(1 << 40),
        lambda: torch.arange(0.0, 1e12, 0.5),
        lambda: torch.eye(1 << 20),
        lambda: nn.ModuleList(nn.Linear(1000, 1000) for _ in range(1 << 20)),
    ],
)
def test_sizes_that_weights_do_not_have_are_refused_before_memory_is_taken(tmp_path, make):
    with pytest.raises(
        CheckpointError, match=r"got 6 numbers, where a tensor of [\d,]+ is described"
    ):
        load_weights(make, nn.Linear(2, 2).state_dict(), ("other.",), tmp_path)


def test_a_device_or_a_pipe_is_no_file_of_a_model(tmp_path):
    folder = folder_with(tmp_path)
    path = folder / "state.safetensors"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match="expected a regular file"):
        load_folder(folder, "state", FIELDS)
    with pytest.raises(CheckpointError, match="expected a regular file"):
        read_json(Path("/dev/zero"))


def test_a_link_that_leads_out_of_a_folder_is_refused(tmp_path):
    folder = folder_with(tmp_path)
    load_folder(folder, "state", FIELDS)
    (tmp_path / "elsewhere.json").write_bytes((folder / "state.json").read_bytes())
    (folder / "state.json").unlink()
    (folder / "state.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(CheckpointError, match=r"got a link to .*elsewhere\.json"):
        load_folder(folder, "state", FIELDS)
