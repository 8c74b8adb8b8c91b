"""`LatentODE` with labels of series, from a frame to probabilities and scores."""

import json
import math
import signal

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sealing import sealed

from latentode import LatentODE, LatentODEConfig
from latentode.cli.app import root
from latentode.config import CellsConfig, DataConfig
from latentode.data.reading.labels import read_labels
from latentode.data.reading.log import read_log
from latentode.errors import CheckpointError, ConfigError, DataError
from latentode.evaluation.classification import area_under_curve, brier, calibration_error
from latentode.training import Interrupted, Trainer

SETTINGS = {
    "data.time.unit": "s",
    "model.latent_dim": 4,
    "model.hidden_dim": 16,
    "model.knots": 0,
    "train.max_epochs": 8,
    "train.steps_per_epoch": 10,
    "train.batch_size": 16,
    "train.optimizer.lr": 1e-2,
    "train.objective.label_weight": 50.0,
}
COLUMNS = {"id_column": "node", "time_column": "t"}
CONFIG = LatentODEConfig().updated(**SETTINGS)


def log_and_labels(count=60, classes=("high", "low")):
    """Series around a level of their class, 12 readings each."""
    rng = np.random.default_rng(5)
    frames, labels = [], {}
    for number in range(count):
        kind = number % len(classes)
        labels[f"n{number}"] = classes[kind]
        times = np.sort(rng.uniform(0, 10, 12)).round(3)
        values = 2.0 * kind + rng.normal(0, 0.3, 12)
        frames.append(pd.DataFrame({"node": f"n{number}", "t": times, "x": values}))
    return pd.concat(frames, ignore_index=True), labels


@pytest.fixture(scope="module")
def events():
    return []


@pytest.fixture(scope="module")
def fitted(events):
    log, labels = log_and_labels()
    model = LatentODE(random_state=0, config=CONFIG)
    return model.fit(log, labels=labels, on_event=events.append, **COLUMNS)


def test_labels_of_series_that_were_never_seen_are_found(fitted):
    log, labels = log_and_labels()
    schema = fitted.fitted_.schema
    assert schema.split.kind == "series"  # a label is judged on others
    spans = log.groupby("node")["t"].agg(np.ptp)
    assert schema.lengths.context_ns == pytest.approx(1e9 * np.quantile(spans, 0.9), rel=2e-3)
    scores = fitted.score_labels(log)
    assert scores["series"] == sum(part == "test" for part in schema.split.members.values())
    assert scores["accuracy"] == 1.0
    assert scores["auc"] == 1.0
    assert scores["log_loss"] < 0.3
    assert fitted.score_labels(log, split="all")["series"] == len(labels)


def test_the_weights_that_are_kept_are_best_for_labels_of_validation(fitted, events):
    epochs = [event for event in events if event["event"] == "epoch"]
    losses = [record["label_loss"] for record in fitted.fitted_.history]
    assert losses == [event["label_loss"] for event in epochs]
    assert 0 < min(losses) < math.log(2)
    best = [event["label_loss"] for event in epochs if event["best"]]
    assert best == sorted(best, reverse=True)
    assert best[-1] == min(losses)


def test_probabilities_belong_to_the_series_whatever_else_is_asked(fitted):
    log, labels = log_and_labels()
    table = fitted.classify(log, num_draws=7)
    assert list(table.index) == list(labels)
    assert list(table.columns) == ["high", "low"]
    np.testing.assert_allclose(table.sum(axis=1), 1.0, rtol=1e-5)
    few = fitted.classify(log[log["node"].isin(["n3", "n17"])], num_draws=7)
    np.testing.assert_allclose(few, table.loc[["n3", "n17"]], rtol=1e-4)
    np.testing.assert_allclose(fitted.classify(num_draws=7), table, rtol=1e-4)


def test_scores_are_those_of_the_last_of_two_classes(fitted):
    log, labels = log_and_labels()
    table = fitted.classify(log)
    truth = np.array([labels[name] == "low" for name in table.index])
    scores = fitted.score_labels(log, labels, split="all")
    probability = table["low"].to_numpy()
    assert scores["auc"] == area_under_curve(probability, truth)
    assert scores["brier"] == brier(probability, truth)
    assert scores["calibration_error"] == calibration_error(probability, truth)
    own = np.where(truth, probability, table["high"])
    assert scores["log_loss"] == pytest.approx(-np.log(own).mean())
    # a log of other series is judged by labels of its own
    other = log.assign(node="other-" + log["node"])
    own_labels = {f"other-{name}": label for name, label in labels.items()}
    assert fitted.score_labels(other, own_labels)["series"] == len(labels)


def test_a_model_with_labels_is_saved_and_read_again(fitted, tmp_path):
    log, _ = log_and_labels()
    fitted.save(tmp_path / "model")
    again = LatentODE.load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.classify(log), fitted.classify(log))
    assert again.score_labels(log) == fitted.score_labels(log)
    assert "labels of series: high 30, low 30" in again.describe()["card"]


@pytest.mark.parametrize("about", [{"classes": ["high"], "codes": [0] * 60}, {"classes": 3}, 7])
def test_a_broken_description_of_labels_is_refused(fitted, tmp_path, about):
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    meta = json.loads(path.read_text("utf-8"))
    meta["labels"] = about
    path.write_text(json.dumps(sealed(meta)), "utf-8")
    with pytest.raises(CheckpointError):
        LatentODE.load(tmp_path / "model")


def test_three_classes_some_unknown_and_a_forecast_beside_them():
    log, labels = log_and_labels(45, ("a", "b", "c"))
    some = {name: label for name, label in labels.items() if int(name[1:]) % 5}
    model = LatentODE(random_state=0, config=CONFIG.updated(**{"train.max_epochs": 3}))
    model.fit(log, labels=pd.Series(some), **COLUMNS)
    assert list(model.classify(log).columns) == ["a", "b", "c"]
    assert set(model.score_labels(log, labels)) == {
        "series", "accuracy", "log_loss", "auc", "brier", "calibration_error"
    }  # fmt: skip
    # what had no label in training is unseen, too
    assert model.score_labels(log, labels)["series"] > model.score_labels(log)["series"]
    assert model.forecast(log)["value"].notnull().any()


def test_the_future_of_labelled_series_is_no_test_of_their_labels():
    log, labels = log_and_labels()
    config = CONFIG.updated(**{"windows.split": "time", "train.max_epochs": 1})
    model = LatentODE(config=config).fit(log, labels=labels, **COLUMNS)
    with pytest.raises(DataError, match="a labelled series that training has not seen"):
        model.score_labels(log)


@pytest.mark.parametrize(
    ("labels", "column", "error", "message"),
    [
        ({"n1": "a", "n2": "a"}, None, DataError, "at least two classes"),
        ({"m1": "a", "m2": "b"}, None, DataError, "labels of the series of the log"),
        (pd.DataFrame({"node": ["n1", "n1"], "y": ["a", "b"]}), None, DataError, "one label for"),
        (pd.DataFrame({"node": ["n1"], "u": [1], "v": [2]}), None, DataError, "label_column"),
        (pd.DataFrame({"node": ["n1"], "u": [1]}), "w", DataError, "no column 'w'"),
        (pd.DataFrame({"what": ["n1"], "u": [1]}), None, DataError, "no column .node."),
        (pd.DataFrame({"node": ["n1"], "u": [1]}), "node", DataError, "a column of series ids"),
        (pd.Series(["a", "b"], index=["n1", "n1"]), None, DataError, "one label for series 'n1'"),
        ({}, None, DataError, "at least one, got none"),
        (None, "w", ConfigError, "expected labels that it describes"),
    ],
)
def test_labels_that_cannot_be_used_say_why(labels, column, error, message):
    log, _ = log_and_labels(6)
    with pytest.raises(error, match=message):
        LatentODE(config=CONFIG).fit(log, labels=labels, label_column=column, **COLUMNS)


def test_labels_are_asked_of_a_model_that_has_them(fitted):
    log, _ = log_and_labels(12)
    config = CONFIG.updated(**{"train.max_epochs": 1})
    without = LatentODE(config=config).fit(log, **COLUMNS)
    for ask in (without.classify, without.score_labels):
        with pytest.raises(ConfigError, match="trained with labels"):
            ask(log)
    with pytest.raises(DataError, match="a class of the model"):
        fitted.score_labels(log, {"n1": "middling"}, split="all")
    with pytest.raises(ConfigError, match="'test' or 'all'"):
        fitted.score_labels(log, split="train")


def test_labels_are_one_head_more():
    log, labels = log_and_labels(30)
    config = CONFIG.updated(**{"train.max_epochs": 1, "windows.split": "series"})
    config = config.updated(**{"windows.context": "5s"})
    names = [
        set(LatentODE(config=config).fit(log, labels=given, **COLUMNS).fitted_.model.state_dict())
        for given in (None, labels)
    ]
    assert names[0] < names[1]
    assert {name.split(".")[0] for name in names[1] - names[0]} == {"label_head"}


def test_series_of_one_span_are_seen_whole():
    times = np.arange(5.0) * 3000.0
    frames = [pd.DataFrame({"node": f"n{i}", "t": times, "x": np.arange(5.0)}) for i in range(20)]
    labels = {f"n{i}": "ab"[i % 2] for i in range(20)}
    config = CONFIG.updated(**{"train.max_epochs": 1})
    model = LatentODE(config=config).fit(pd.concat(frames), labels=labels, **COLUMNS)
    assert (np.diff(model.fitted_.context.readings.series_starts) == 5).all()
    # what the encoder does not read need not be in the context
    config = config.updated(**{"windows.max_rows": 2})
    model = LatentODE(config=config).fit(pd.concat(frames), labels=labels, **COLUMNS)
    assert model.fitted_.schema.lengths.context_ns == pytest.approx(1e9 * 12000 * 2 / 5, rel=2e-3)


def test_few_labels_of_validation_decide_nothing():
    log, labels = log_and_labels()
    model = LatentODE(config=CONFIG.updated(**{"train.max_epochs": 1}))
    members = model.fit(log, labels=labels, **COLUMNS).fitted_.schema.split.members
    assert "label_loss" in model.fitted_.history[0]
    held = [name for name, part in members.items() if part == "validation"]
    fewer = {name: label for name, label in labels.items() if name not in held[2:]}
    model.fit(log, labels=fewer, **COLUMNS)
    assert "label_loss" not in model.fitted_.history[0]
    one = {name: "high" if members[name] == "train" else label for name, label in labels.items()}
    with pytest.raises(DataError, match="two classes in the training part"):
        model.fit(log, labels=one, **COLUMNS)


def test_a_log_without_labels_is_evaluated_without_them(fitted):
    log, labels = log_and_labels(6)
    other = log.assign(node="other-" + log["node"])
    for split in ("all", "test"):
        assert "labels" not in fitted.evaluate(other, split=split, max_windows=4, num_draws=2)
    trained = [n for n, part in fitted.fitted_.schema.split.members.items() if part == "train"]
    given, log = dict.fromkeys(trained, "high"), log_and_labels()[0]
    with pytest.raises(DataError, match="that training has not seen"):
        fitted.evaluate(log, labels=given, max_windows=4, num_draws=2)
    with pytest.raises(ConfigError, match="num_draws: expected at least 1, got 0"):
        fitted.classify(log, num_draws=0)
    # one class alone has no pairs to put in order, but is well or badly predicted
    scores = fitted.score_labels(other, {"other-n0": labels["n0"]})
    assert math.isnan(scores["auc"])
    assert scores["brier"] < 0.3


def test_what_counts_as_a_label(tmp_path):
    columns = {"data.columns.id": "node", "data.columns.time": "t"}
    dataset, _ = read_log(log_and_labels(4)[0], CONFIG.updated(**columns).data)

    def read(text, **cells):
        path = tmp_path / "labels.csv"
        path.write_text(text, "utf-8")
        found = read_labels(path, dataset, DataConfig(cells=CellsConfig(**cells)))
        return found.classes, found.codes.tolist()

    assert read("id,label\nn0,none\nn1,NA\nn3,\n") == (("NA", "none"), [1, 0, -1, -1])
    assert read("id,label\nn0,a\nn1,b\nn2,?\n", na=("?",))[1] == [0, 1, -1, -1]
    assert read("id,label\nn0,0.0\nn1,1.0\nn2,\n")[0] == ("0", "1")
    assert read("id,label\nn0,0.5\nn1,1.0\n")[0] == ("0.5", "1.0")
    with pytest.raises(DataError, match="line 3: expected 2 fields as in the header, got 3"):
        read("id,label\nn0,a\nn1,b,c\n")
    with pytest.raises(DataError, match="got none"):
        read("id,label\nn0,\n")


def test_the_shell_trains_with_labels_and_classifies(tmp_path):
    log, labels = log_and_labels()
    logs, table = tmp_path / "log.csv", tmp_path / "labels.csv"
    log.to_csv(logs, index=False)
    pd.DataFrame({"node": list(labels), "state": list(labels.values())}).to_csv(table, index=False)
    config, run = tmp_path / "config.toml", tmp_path / "run"
    config.write_text(CONFIG.updated(**{"train.max_epochs": 6}).to_toml(), "utf-8")
    words = ["train", logs, "--config", config, "--labels", table, "--label-column", "state"]
    done = shell(*words, "--id-column", "node", "--time-column", "t", "--out", run)
    assert done.exit_code == 0, done.output
    assert f"classify {run}" in done.output

    done = shell("--quiet", "classify", run)
    assert done.exit_code == 0, done.output
    written = pd.read_csv(done.stdout.strip())
    assert list(written.columns) == ["series", "label", "high", "low"]
    assert (written["label"] == written[["high", "low"]].idxmax(axis=1)).all()

    done = shell("evaluate", run, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["metrics"]["labels"]["auc"] > 0.9
    words = ["--labels", table, "--label-column", "state", "--split", "all"]
    done = shell("evaluate", run, logs, *words)
    assert done.exit_code == 0, done.output
    assert "labels (60 series)" in done.stdout
    done = shell("classify", run, "-o", run / "labels.csv")
    assert done.exit_code == 0, done.output
    assert shell("classify", run, "-o", run / "labels.csv").exit_code == 8
    assert shell("train", logs, "--label-column", "state").exit_code == 2


def test_a_run_with_labels_goes_on_to_the_same_bits_or_not_at_all(tmp_path, monkeypatch):
    log, labels = log_and_labels(30)
    logs, table, run = tmp_path / "log.csv", tmp_path / "labels.csv", tmp_path / "run"
    log.to_csv(logs, index=False)
    pd.DataFrame({"node": list(labels), "state": list(labels.values())}).to_csv(table, index=False)
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.updated(**{"train.max_epochs": 2}).to_toml(), "utf-8")
    words = ["train", logs, "--config", config, "--labels", table, "--id-column", "node"]
    words += ["--time-column", "t"]
    whole = shell(*words, "--out", tmp_path / "whole")
    assert whole.exit_code == 0, whole.output

    run_epoch = Trainer._run_epoch

    def stopped(self, *arguments):
        run_epoch(self, *arguments)
        raise Interrupted(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_run_epoch", stopped)
        assert shell(*words, "--out", run).exit_code == 143
    kept = table.read_text("utf-8")
    table.write_text(kept + "n99,high\n", "utf-8")
    done = shell("resume", run)
    assert done.exit_code == 3
    assert "the labels that this run was started on" in done.output
    table.write_text(kept, "utf-8")
    done = shell("resume", run)
    assert done.exit_code == 0, done.output
    weights = [p / "model" / "model.safetensors" for p in (run, tmp_path / "whole")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def shell(*words):
    return CliRunner().invoke(root, [str(word) for word in words])
