"""How later logs are read: as the log of training was, whatever little of it they show."""

import json
import re
import shutil
import tomllib

import pytest
from click.testing import CliRunner

from latentode.cli.app import root
from latentode.cli.runs.models import config_for
from latentode.config import LatentODEConfig

SMALL = (
    "--latent-dim", "2", "--hidden-dim", "6", "--batch-size", "4", "--epochs", "1",
    "--threads", "1", "--set", "train.steps_per_epoch=2", "--no-report",
)  # fmt: skip


def run(*args):
    return CliRunner().invoke(root, [str(word) for word in args])


def write_log(path, rows, columns="pump,elapsed_min,flow,heat"):
    """A log of two pumps, told apart by a column that only repeated times give away."""
    body = [
        f"{pump},{0.5 * row},{(3 * row) % 7 + shift},{(5 * row) % 11 - shift}"
        for row in range(rows)
        for pump, shift in (("a", 0), ("b", 1))
    ]
    path.write_text("\n".join([columns, *body]) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pinned")
    log = write_log(folder / "pumps.csv", 40)
    result = run("train", log, *SMALL, "--out", folder / "run")
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_what_was_detected_is_pinned_in_run_and_model(trained):
    data = tomllib.loads((trained / "config.toml").read_text())["data"]
    assert data["layout"] == "wide"
    assert data["columns"] == {
        "time": "elapsed_min", "id": "pump", "channels": ["flow", "heat"],
        "static": [], "future": [], "pairs": [],
    }  # fmt: skip
    assert data["time"]["unit"] == "min"
    model = json.loads((trained / "model" / "model.json").read_text())
    learned = LatentODEConfig.from_dict(model["config"])
    asked = LatentODEConfig.from_toml(trained / "config.toml")
    # the model has the step that training has come to and sizes, the settings what was asked for
    settled = asked.model_copy(update={"model": asked.model.resolved()})
    assert learned.model_copy(update={"solver": asked.solver}) == settled
    assert learned.solver.step_size is not None


def test_one_row_is_read_as_the_log_of_training_was(trained, tmp_path):
    log = tmp_path / "short.csv"
    log.write_text("id,flow,heat,elapsed_min,pump,time\n9,1,2,20,b,77\n")
    result = run("forecast", trained, log, "--every", "0.5", "--samples", "3", "-o", "-")
    assert result.exit_code == 0, result.output
    rows = result.stdout.splitlines()
    assert rows[1].startswith("b,20.5,flow,")
    assert not any(",time," in row for row in rows[1:])
    assert "column(s) left out: id, time" in result.stderr


def test_missing_channel_is_refused_unless_allowed(trained, tmp_path):
    log = tmp_path / "half.csv"
    log.write_text("pump,elapsed_min,flow\n" + "".join(f"a,{m},{m % 3}\n" for m in range(30)))
    refused = run("forecast", trained, log)
    assert refused.exit_code == 3
    assert "heat" in refused.stderr
    words = ("--allow-missing-channels", "--samples", "3", "-o", "-")
    done = run("forecast", trained, log, *words)
    assert done.exit_code == 0, done.output
    assert {row.split(",")[2] for row in done.stdout.splitlines()[1:]} == {"flow", "heat"}
    assert "channels that this log does not have: heat" in done.stderr
    done = run("interpolate", trained, log, *words)
    assert done.exit_code == 0, done.output
    done = run("evaluate", trained, log, "--split", "all", "--rolling", "4", *words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["forecast"]["channels_without_targets"] == ["heat"]


def test_log_without_any_channel_is_refused_even_if_some_may_miss(trained, tmp_path):
    log = tmp_path / "other.csv"
    log.write_text("pump,elapsed_min,other\na,1,2\na,2,3\n")
    result = run("forecast", trained, log, "--allow-missing-channels")
    assert result.exit_code == 3
    assert "flow" in result.stderr


def test_missing_channel_of_a_long_log_is_refused_unless_allowed(trained, tmp_path):
    log = tmp_path / "long.csv"
    lines = [f"a,{minute},flow,{minute % 3}\n" for minute in range(30)]
    log.write_text("pump,elapsed_min,channel,value\n" + "".join(lines))
    words = ("forecast", trained, log, "--layout", "long", "--samples", "2", "-o", "-")
    assert run(*words).exit_code == 3
    done = run(*words, "--allow-missing-channels")
    assert done.exit_code == 0, done.output


def test_options_outweigh_what_was_pinned(trained, tmp_path):
    log = tmp_path / "renamed.csv"
    log.write_text("machine,seconds,flow,heat\na,60,1,2\na,120,2,3\na,180,2,4\n")
    assert run("forecast", trained, log).exit_code == 3
    words = ("--id-column", "", "--time-column", "seconds", "--time-unit", "s")
    done = run("forecast", trained, log, *words, "--samples", "2", "-o", "-")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].startswith("a,4.0,flow,")


def test_another_layout_is_detected_anew_but_for_the_channels():
    trained = LatentODEConfig().updated(
        **{"data.layout": "wide", "data.columns.id": "pump", "data.columns.channels": ["x"]}
    )
    data = config_for(trained, {"data.layout": "long"}).data
    assert data.columns.id is None
    assert data.columns.channels == ("x",)
    assert config_for(trained, {"data.layout": "wide"}) == trained


@pytest.mark.parametrize("command", ["forecast", "interpolate", "evaluate"])
@pytest.mark.parametrize("device", ["cuda:77", "gpu"])
def test_device_that_is_not_there_exits_4(trained, command, device):
    log = trained.parent / "pumps.csv"
    result = run(command, trained, log, "--device", device, "-o", "-")
    assert result.exit_code == 4
    assert device in result.stderr
    assert "Traceback" not in result.stderr


def stamped(path, days, *extra):
    """A log of whole days from 2024-03-01, every half hour, day first."""
    stamps = [
        f"{day:02}/03/2024 {half // 2:02}:{30 * (half % 2):02}"
        for day in days
        for half in range(48)
    ]
    lines = [f"{stamp},{k % 7}\n" for k, stamp in enumerate(stamps)]
    path.write_text("time,x\n" + "".join([*lines, *extra]))
    return path


FAR = "31/12/2099 00:00,3\n"


@pytest.fixture(scope="module")
def bounded(tmp_path_factory):
    """A run on a log with a stamp far from all others, which --end leaves out."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("bounded")
    log = stamped(folder / "log.csv", range(11, 15), FAR)
    refused = run("train", log, *SMALL, "--out", folder / "run")
    assert refused.exit_code == 3
    assert not (folder / "run").exists()
    advised = re.search(r"Pass (--end \S+) to leave", refused.stderr)[1]
    done = run("train", log, *SMALL, *advised.split(), "--out", folder / "run")
    assert done.exit_code == 0, done.output
    return folder


def test_bounds_of_the_log_of_training_hold_for_it_alone(bounded, tmp_path):
    end = tomllib.loads((bounded / "run" / "config.toml").read_text())["data"]["time"]["end"]
    assert end == "2024-03-15"
    model = json.loads((bounded / "run" / "model" / "model.json").read_text())
    assert model["config"]["data"]["time"]["end"] is None
    own = run("evaluate", bounded / "run", "--samples", "2", "-o", "-")
    assert own.exit_code == 0, own.output
    later = stamped(tmp_path / "later.csv", range(20, 22))
    words = ("--every", "1h", "--samples", "2", "-o", "-")
    done = run("forecast", bounded / "run", later, *words)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].split(",")[1].startswith("2024-03-22")


def test_the_order_of_dates_is_not_asked_again(bounded, tmp_path):
    short = tmp_path / "short.csv"
    short.write_text("time,x\n05/04/2024 10:00,1\n05/04/2024 10:30,2\n")
    assert run("inspect", short).exit_code == 3
    done = run("forecast", bounded / "run", short, "--every", "1h", "--samples", "2", "-o", "-")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].split(",")[1].startswith("2024-04-05 11:00")


@pytest.mark.parametrize("command", ["forecast", "interpolate", "evaluate", "density"])
def test_stamps_far_from_all_others_are_asked_about_by_every_command(bounded, tmp_path, command):
    later = stamped(tmp_path / "later.csv", range(20, 22), FAR)
    refused = run(command, bounded / "run", later)
    assert refused.exit_code == 3
    advised = re.search(r"Pass (--end \S+) to leave", refused.stderr)[1]
    assert advised == "--end 2024-03-22"
    if command == "forecast":
        done = run(command, bounded / "run", later, *advised.split(), "--samples", "2", "-o", "-")
        assert done.exit_code == 0, done.output
        assert done.stdout.splitlines()[1].split(",")[1].startswith("2024-03-2")


def test_codes_in_a_later_log_are_warned_of(bounded, tmp_path):
    later = stamped(tmp_path / "later.csv", range(20, 22))
    text = re.sub(r",6\n", ",-9999\n", later.read_text())
    later.write_text(text)
    words = ("--every", "1h", "--samples", "2", "-o", "-")
    done = run("forecast", bounded / "run", later, *words)
    assert done.exit_code == 0, done.output
    assert "warning: " in done.stderr
    assert "--na=-9999 if that means missing" in done.stderr
    settled = run("forecast", bounded / "run", later, "--na=-9999", *words)
    assert "warning: " not in settled.stderr


def test_an_interrupted_run_reads_its_log_within_its_bounds(bounded, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(bounded / "run", copy)
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(record | {"status": "interrupted"}))
    done = run("resume", copy)
    assert done.exit_code == 0, done.output
    config = tomllib.loads((copy / "config.toml").read_text())
    assert config["data"]["time"]["end"] == "2024-03-15"
