"""Cases that several test files share."""

import json

from click.testing import CliRunner

from latentode.cli.app import root

SMALL = (
    "--time-unit", "s",
    "--latent-dim", "3", "--hidden-dim", "8", "--batch-size", "8", "--threads", "1",
    "--set", "train.steps_per_epoch=3", "--set", "solver.step_size=0.25", "--no-report",
)  # fmt: skip


def run(*args):
    return CliRunner().invoke(root, [str(word) for word in args])


def answer_of(*args):
    result = run(*args, "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["ok"] is True
    return answer
