"""The page on logs in parts runs as it is written, with less training."""

import re
import shlex

import pytest
from click.testing import CliRunner
from places import ROOT
from programs import python

from latentode.cli.app import root

TEXT = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
LESS = {
    "train": [
        *("--set", "train.max_epochs=1", "--set", "train.steps_per_epoch=2"),
        *("--latent-dim", "2", "--hidden-dim", "8", "--set", "solver.step_size=0.25"),
    ],
    "forecast": ["--samples", "4"],
    "evaluate": ["--samples", "4", "--rolling", "8"],
}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where the page is followed: its first block was typed there."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "datasets").mkdir()
    log = ROOT / "datasets" / "pump_station.csv"
    (folder / "datasets" / log.name).write_bytes(log.read_bytes())
    (folder / "runs").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in blocks("sh")[0].splitlines():
            assert line.startswith("python cli.py ")
            line = line.replace("--max-time 1min", "").replace("--workers 2", "")
            _, _, command, *words = shlex.split(line)
            result = CliRunner().invoke(root, [command, *words, *LESS.get(command, [])])
            assert result.exit_code == 0, result.output
    return folder


def test_four_lines_lead_from_a_log_to_forecasts_and_scores(home):
    runs = home / "runs"
    assert len(list((runs / "forecasts").glob("part-*.parquet"))) > 1
    assert (runs / "scores" / "metrics.json").exists()


@pytest.mark.slow
def test_processes_do_the_parts_from_a_program(home):
    program = home / "program.py"
    program.write_text(blocks("python")[0].replace("num_draws=200", "num_draws=4"))
    done = python(program, cwd=home)
    assert "part-00000.parquet" in done.stdout, done.stderr


def test_every_option_of_the_page_is_one_of_the_program():
    options = {
        option
        for command in ("partition", "train", "forecast", "evaluate")
        for parameter in root.get_command(None, command).params
        for option in parameter.opts
    }
    outside = {"--nnodes", "--nproc-per-node", "--max-restarts", "--nthreads", "--nworkers"}
    outside |= {"--head", "--port", "--array", "--cpus-per-task", "--mem", "--refit"}
    named = set(re.findall(r"--[a-z][a-z-]+", TEXT))
    assert named - outside <= options
