"""Labels of times: reading them, their likelihood, and their way from a log to the shell."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from model_cases import case, case_with_time_labels, noise_for, probabilities_of
from sealing import sealed
from torch.nn import functional

from latentode import LatentODE, LatentODEConfig
from latentode.cli.app import root
from latentode.config import CellsConfig, DataConfig
from latentode.data.batches.buckets import bucketed
from latentode.data.batches.event_batch import EventBatch
from latentode.data.labels import SeriesLabels, TimeLabels
from latentode.data.reading.labels import read_time_labels, spelled_as, time_column
from latentode.data.reading.log import read_log
from latentode.errors import CheckpointError, ConfigError, DataError
from latentode.evaluation.classification import area_under_curve, brier
from latentode.models.heads.base import StateSizes
from latentode.models.heads.classes import label_log_prob
from latentode.models.heads.time_labels import TimeLabelHead
from latentode.training.execution.graphs import can_be_captured

SECOND = 1_000_000_000
CONFIG = LatentODEConfig().updated(
    **{
        "data.time.unit": "s",
        "model.latent_dim": 3,
        "model.hidden_dim": 12,
        "windows.context": "12s",
        "windows.horizon": "4s",
        "windows.split": "time",
        "train.max_epochs": 6,
        "train.steps_per_epoch": 10,
        "train.batch_size": 16,
        "train.optimizer.lr": 1e-2,
    }
)
COLUMNS = {"id_column": "node", "time_column": "t"}


def log_and_labels(count=4, seed=0):
    """Noisy sinusoids, and whether they are above zero at times of their own."""
    rng = np.random.default_rng(seed)
    logs, labels = [], []
    for number in range(count):
        times = np.sort(rng.choice(100_000, 400, replace=False)) / 1000
        at = np.sort(rng.uniform(0, 100, 120)).round(3)
        rate, shift = rng.uniform(0.4, 0.6), rng.uniform(0, 6)
        values = np.sin(rate * times + shift) + 0.1 * rng.normal(size=400)
        logs.append(pd.DataFrame({"node": f"n{number}", "t": times, "x": values}))
        high = np.sin(rate * at + shift) > 0
        state = np.where(high, "up", "down")
        labels.append(pd.DataFrame({"node": f"n{number}", "t": at, "state": state}))
    return pd.concat(logs, ignore_index=True), pd.concat(labels, ignore_index=True)


@pytest.fixture(scope="module")
def fitted():
    log, labels = log_and_labels()
    return LatentODE(random_state=0, config=CONFIG).fit(log, labels=labels, **COLUMNS)


def test_windows_hold_the_labels_of_their_part_and_span():
    model, batch = case_with_time_labels()
    labels = batch.labels
    assert isinstance(labels, EventBatch)
    known = model.label_head.codes(batch) >= 0
    assert 0 < known.sum() < known.numel()
    times = labels.times[known]
    assert times.min() >= batch.lower
    assert times.max() <= batch.upper
    assert (times > 0).any()  # those of the horizon are learned from too


def test_the_likelihood_is_the_cross_entropy_of_torch_summed_over_the_times():
    model, batch = case_with_time_labels()
    codes = model.label_head.codes(batch)
    logits = 5 * torch.randn(2, *codes.shape, 3, dtype=torch.float64)
    expected = -functional.cross_entropy(
        logits.flatten(0, 2), codes.repeat(2, 1, 1).flatten(), ignore_index=-1, reduction="none"
    )
    found = label_log_prob(logits, codes)
    torch.testing.assert_close(
        found, expected.view(2, *codes.shape).sum(-1), rtol=1e-12, atol=1e-12
    )


def test_labels_add_their_weighted_log_likelihood():
    model, batch = case_with_time_labels()
    noise = noise_for(batch, draws=1)
    with torch.no_grad():
        bare = model(replace(batch, labels=None), noise)
        found = model(batch, noise, label_weight=3.0)
        probability = probabilities_of(model, batch, noise)
    assert probability.shape == (*batch.labels.times.shape, 3)
    codes = model.label_head.codes(batch)
    own = probability.gather(-1, codes.clamp(min=0)[..., None])[..., 0].log()
    gain = 3.0 * torch.where(codes >= 0, own, 0.0).sum(-1)
    torch.testing.assert_close(found[0][0] - bare[0][0], gain, rtol=1e-3, atol=1e-3)
    assert torch.equal(found[2], bare[2])


def test_padding_changes_nothing_and_such_a_step_is_not_captured():
    model, batch = case_with_time_labels()
    noise = noise_for(batch)
    padded = bucketed(batch, model.solver.step_size)
    torch.testing.assert_close(model(padded, noise)[0], model(batch, noise)[0])
    assert not can_be_captured(model)
    plain, _ = case()
    assert can_be_captured(plain)


def test_one_class_is_refused():
    with pytest.raises(ConfigError, match="num_classes: expected at least 2"):
        TimeLabelHead(1, StateSizes(2, 4, 1, 0, 5, 3, 0.0))


def test_labels_of_times_that_were_never_seen_are_found(fitted):
    log, labels = log_and_labels()
    assert "label_loss" in fitted.fitted_.history[0]
    scores = fitted.score_labels(log)
    starts, stops = fitted.fitted_.schema.split.bounds(fitted.fitted_.context, "test")
    own = {name: (a, b) for name, a, b in zip(("n0", "n1", "n2", "n3"), starts, stops, strict=True)}
    moments = (labels["t"] * SECOND).round().astype(np.int64)
    inside = [own[n][0] < t <= own[n][1] for n, t in zip(labels["node"], moments, strict=True)]
    # a label after the last reading of its series is left out
    assert scores["times"] == sum(inside) > 60
    assert scores["auc"] > 0.95
    assert scores["accuracy"] > 0.85
    assert fitted.score_labels(log, labels, split="all")["times"] > scores["times"]
    assert fitted.evaluate(log, max_windows=4, num_draws=4)["labels"]["times"] == scores["times"]


def test_the_scores_are_those_of_the_probabilities(fitted):
    log, labels = log_and_labels()
    mine = labels[labels["node"] == "n1"].iloc[30:60]
    found = fitted.classify(log, times=mine[["node", "t"]])
    assert list(found.columns) == ["down", "up"]
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)
    assert found.index.names == ["series", "time"]
    np.testing.assert_allclose(found.index.get_level_values("time"), mine["t"])
    up = (mine["state"] == "up").to_numpy()
    scores = fitted.score_labels(log, mine, split="all")
    assert scores["auc"] == pytest.approx(area_under_curve(found["up"], up))
    assert scores["brier"] == pytest.approx(brier(found["up"], up))
    # the answer at a time does not depend on what else is asked
    alone = fitted.classify(log, times=mine[["node", "t"]].iloc[[7]])
    np.testing.assert_allclose(alone.iloc[0], found.iloc[7], rtol=1e-4, atol=1e-6)
    assert len(fitted.classify(log)) == len(log.drop_duplicates(["node", "t"]))


def test_a_model_with_labels_of_times_comes_back_from_disk(fitted, tmp_path):
    log, labels = log_and_labels()
    fitted.save(tmp_path / "model")
    again = LatentODE.load(tmp_path / "model")
    assert isinstance(again.fitted_.log.labels, TimeLabels)
    assert again.score_labels(log) == fitted.score_labels(log)
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text("utf-8")
    assert "labels of times: down " in card
    path = tmp_path / "model" / "model.json"
    record = json.loads(path.read_text("utf-8"))
    record["labels"]["series_ids"] = ["m0", "n1", "n2", "n3"]
    path.write_text(json.dumps(sealed(record)), "utf-8")
    with pytest.raises(CheckpointError):
        LatentODE.load(tmp_path / "model")
    assert again.score_labels(log, labels)["times"] == fitted.score_labels(log)["times"]


def test_labels_of_another_kind_are_refused(fitted):
    log, labels = log_and_labels()
    with pytest.raises(DataError, match="expected labels of times, as in training, got no column"):
        fitted.score_labels(log, {"n0": "up", "n1": "down"})
    with pytest.raises(DataError, match="a labelled time that training has not seen"):
        fitted.score_labels(log, labels[labels["t"] < 50])
    config = CONFIG.updated(**{"train.max_epochs": 1, "train.steps_per_epoch": 1})
    other = LatentODE(config=config).fit(log, labels={"n0": "a", "n1": "b"}, **COLUMNS)
    # a date beside the label of a series does not make it one of a time
    dated = pd.DataFrame({"node": ["n0", "n2"], "time": [3.0, 4.0], "label": ["a", "b"]})
    assert other.score_labels(log, dated, split="all")["series"] == 2
    again = LatentODE(config=config).fit(log, labels=dated, **COLUMNS)
    assert isinstance(again.fitted_.log.labels, SeriesLabels)
    with pytest.raises(ConfigError, match="a model with labels of times, got one of series"):
        other.classify(log, times=labels[["node", "t"]])


def read(frame, **cells):
    columns = {"data.columns.id": "node", "data.columns.time": "t"}
    log, _ = log_and_labels()
    dataset, report = read_log(log, CONFIG.updated(**columns).data)
    data = report.pinned(CONFIG.updated(**columns).data)
    if cells:
        data = data.model_copy(update={"cells": CellsConfig(**cells)})
    return read_time_labels(frame, dataset, data)


def table(*rows, columns=("node", "t", "label")):
    return pd.DataFrame(list(rows), columns=list(columns))


def test_what_counts_as_a_label_of_a_time():
    found = read(table(("n0", 5.0, "a"), ("n1", 6.0, "b"), ("n9", 6.0, "z"), ("n1", 7.0, "")))
    assert found.classes == ("a", "b")  # what a series of another log has is not known
    assert found.counts() == {"a": 1, "b": 1}
    # whole numbers lose the point that a missing one brings in; one label twice is one
    rows = [("n0", 5.0, 0.0), ("n0", 6.0, 1.0), ("n0", 6.0, 1.0), ("n0", 7.0, np.nan)]
    assert read(table(*rows)).counts() == {"0": 1, "1": 1}
    rows = [("n0", 5.0, "a"), ("n0", 6.0, "b"), ("n0", 7.0, "?")]
    assert read(table(*rows), na=("?",)).counts() == {"a": 1, "b": 1}
    late = read(table(("n0", 5.0, "a"), ("n0", 6.0, "b"), ("n0", 500.0, "a"), ("n0", -9.0, "a")))
    assert len(late.streams.times) == 2
    kept = late.select([1, 0])
    assert kept.streams.series_ids == ("n1", "n0")
    assert late.aligned(["new", "n0"], late.streams.series_ids).counts() == {"a": 1, "b": 1}
    assert late.aligned(["new"], late.streams.series_ids).counts() == {"a": 0, "b": 0}


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table(("n0", 5.0, "a"), ("n0", 5.0, "b")), "one label at a time, got 'a' and 'b'"),
        (table(("n0", 5.0, "a"), ("n0", 6.0, "a")), "at least two classes"),
        (table(("m0", 5.0, "a"), ("m0", 6.0, "b")), "row with a label of a series of the log"),
        (table((5.0, "a"), (6.0, "b"), columns=("t", "label")), "no column .node."),
        (table(("n0", 5.0, 1, 2), columns=("node", "t", "u", "v")), "--label-column"),
        (
            table(("n0", "soon", "a"), ("n0", "late", "b")),
            "got 2 other cells .row 0: .soon.",
        ),
        (
            table(("n0", 5.0, ""), ("n0", 6.0, "")),
            "row with a label of a series of the log, got none",
        ),
    ],
)
def test_labels_of_times_that_cannot_be_used_say_why(frame, message):
    with pytest.raises(DataError, match=message):
        read(frame)


def test_known_classes_keep_their_spelling():
    written = np.array(["1.0", "2.0"], dtype=object)
    assert spelled_as(written, None).tolist() == ["1", "2"]
    assert spelled_as(written, ("1", "2", "3")).tolist() == ["1", "2"]
    assert spelled_as(written, ("1.0", "2.0", "idle")).tolist() == ["1.0", "2.0"]


def test_few_labels_of_validation_decide_nothing():
    log, labels = log_and_labels()
    config = CONFIG.updated(**{"train.max_epochs": 1, "train.steps_per_epoch": 1})
    held = labels["t"].between(68, 80) & (labels.index % 40 > 0)
    model = LatentODE(config=config).fit(log, labels=labels[~held], **COLUMNS)
    assert "label_loss" not in model.fitted_.history[0]


def test_a_label_may_stand_in_a_column_that_is_called_as_ids_are():
    log, labels = log_and_labels(1)
    config = CONFIG.updated(**{"train.max_epochs": 1, "train.steps_per_epoch": 1})
    named = labels.drop(columns="node").rename(columns={"state": "device"})
    model = LatentODE(config=config).fit(
        log.drop(columns="node"), labels=named, label_column="device", time_column="t"
    )
    assert model.fitted_.log.labels.classes == ("down", "up")


def test_a_log_of_one_series_needs_no_ids():
    log, labels = log_and_labels(1)
    config = CONFIG.updated(**{"train.max_epochs": 1, "train.steps_per_epoch": 1})
    model = LatentODE(config=config).fit(
        log.drop(columns="node"), labels=labels.drop(columns="node"), time_column="t"
    )
    assert sum(model.fitted_.log.labels.counts().values()) > 100
    assert time_column(labels, DataConfig()) is None  # "t" is no usual name of a time
    assert time_column(labels.rename(columns={"t": "Time"}), DataConfig()) == "Time"


def test_the_training_part_must_have_two_classes():
    log, labels = log_and_labels()
    labels.loc[labels["t"] < 75, "state"] = "up"
    with pytest.raises(DataError, match="two classes in the training part"):
        LatentODE(config=CONFIG).fit(log, labels=labels, **COLUMNS)


def test_the_shell_trains_with_labels_of_times_and_classifies(tmp_path):
    log, labels = log_and_labels()
    logs, path, run = tmp_path / "log.csv", tmp_path / "labels.csv", tmp_path / "run"
    log.to_csv(logs, index=False)
    labels.to_csv(path, index=False)
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.updated(**{"train.max_epochs": 2}).to_toml(), "utf-8")
    words = ["train", logs, "--config", config, "--labels", path, "--label-column", "state"]
    done = shell(*words, "--id-column", "node", "--time-column", "t", "--out", run)
    assert done.exit_code == 0, done.output
    done = shell("evaluate", run)
    assert done.exit_code == 0, done.output
    assert " times)" in done.stdout
    done = shell("--quiet", "classify", run, logs)
    assert done.exit_code == 0, done.output
    written = pd.read_csv(done.stdout.strip())
    assert list(written.columns) == ["series", "time", "label", "down", "up"]
    assert len(written) == len(log.drop_duplicates(["node", "t"]))
    asked = tmp_path / "asked.csv"
    asked.write_text("node,t\nn1,20.5\nn0,7\n", "utf-8")
    done = shell("classify", run, logs, "--times", asked, "-o", "-")
    assert done.exit_code == 0, done.output
    assert [line.split(",")[:2] for line in done.stdout.split()[1:]] == [
        ["n1", "20.5"],
        ["n0", "7.0"],
    ]


def shell(*words):
    return CliRunner().invoke(root, [str(word) for word in words])
