"""A train that is refused for its log leaves nothing behind, and its name is free."""

import contextlib
import re
import shlex
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from random_logs import SEEDS, few, stamps, walk

from latentode.cli.app import root

NUMBER = 120
SMALL = ("--latent-dim", "2", "--hidden-dim", "6", "--epochs", "1", "--threads", "1",
         "--set", "train.steps_per_epoch=2", "--no-report")  # fmt: skip


def code(frame):
    frame.loc[::30, "t"] = -9999
    return frame


def far_stamp(frame):
    frame.loc[40, "time"] = pd.Timestamp("2099-12-31")
    return frame


def repeats(frame):
    return frame.assign(time=frame["time"].dt.floor("h"))


def words(frame):
    return frame.assign(u=np.where(np.arange(NUMBER) % 40 == 7, "ERR", frame["t"].astype(str)))


def open_dates(frame):
    return frame.assign(time=stamps(NUMBER, "1min").strftime("%d/%m/%Y %H:%M"))


def too_short(frame):
    return frame[:7]


def no_time(frame):
    return frame.drop(columns="time").assign(name="a")


def no_rows(frame):
    return frame[:0]


FAULTS = [code, far_stamp, repeats, words, open_dates, too_short, no_time, no_rows]


def log_of(fault, seed):
    frame = pd.DataFrame({"time": stamps(NUMBER), "t": walk(NUMBER, seed)})
    return fault(frame).to_csv(index=False)


def train(*options):
    return CliRunner().invoke(root, ["train", "log.csv", *options, *SMALL])


@few
@given(st.sampled_from(FAULTS), st.sampled_from([(), ("--out", "run"), ("--out", "a/b/run")]),
       SEEDS)  # fmt: skip
def test_a_refused_log_leaves_the_folder_as_it_was(fault, out, seed):
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("log.csv").write_text(log_of(fault, seed))
        result = train(*out)
        assert result.exit_code == 3, result.output
        assert [str(path) for path in Path().rglob("*")] == ["log.csv"]


@pytest.mark.parametrize("fault", [code, far_stamp])
def test_what_the_refusal_says_to_type_trains_into_the_same_folder(fault, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text(log_of(fault, 0))
    refused = train("--out", "run")
    assert refused.exit_code == 3
    advice = re.search(r"Pass (--\S+(?: [^-\s]\S*)?) (?:if|to)", refused.stderr)[1]
    assert train("--out", "run", *shlex.split(advice)).exit_code == 0
    assert (tmp_path / "run" / "model").is_dir()
