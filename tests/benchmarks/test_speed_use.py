"""Task speed-use: what its check and tables make of runs, and one that it does."""

import pytest
from click.testing import CliRunner

from benchmarks import speed_use
from benchmarks.__main__ import main
from benchmarks.use.builds import OURS, ROOT, JobFailedError, done

BEFORE = speed_use.PROTOCOL["before"][0]


def run(what, build, cpu, peak=100.0, **more):
    head = {"part": "pump-station", "model": build, "setting": what}
    return {**head, "cpu_s": cpu, "peak_mib": peak, **more}


def report(factor):
    """The earlier build takes `factor` times as long for everything, and the same memory."""
    runs = []
    for build, by in ((OURS, 1.0), (BEFORE, factor)):
        epochs = [[by, 0.5], [2 * by, 0.3005], [3 * by, 0.3], [4 * by, 0.31]]
        runs += [
            run("fit of 5 steps", build, 10.0 * by),
            run("fit of 30 steps", build, 15.0 * by),
            run("fit", build, 60.0 * by, epochs=epochs),
            *(run(what, build, cpu * by) for what in speed_use.ASKED for cpu in (5.0, 4.0)),
        ]
    protocol = speed_use.PROTOCOL
    return {"runs": runs, "rows": speed_use.summarise(runs), "protocol": protocol}


def test_a_step_is_the_difference_of_two_fits_and_the_least_round_counts():
    rows = {row["setting"]: row for row in report(1.0)["rows"] if row["model"] == OURS}
    assert rows["training step"]["cpu_s"] == pytest.approx(0.2)
    assert rows["evaluate"]["cpu_s"] == 4.0
    assert rows["fit to 1 % of the best validation CRPS"]["cpu_s"] == 2.0


def test_the_check_holds_measured_logs_to_their_floors():
    assert speed_use.check(report(6.5)) == []
    failures = speed_use.check(report(5.0))
    assert failures == ["pump-station: evaluate: expected at least 6, got 5."]
    assert "| pump-station: evaluate | 5 | 6 |" in speed_use.tables(report(5.0)).replace(".0", "")


def test_what_failed_is_named_and_missed():
    broken = report(9.0)
    for each in broken["runs"]:
        if each["model"] == OURS and each["setting"] == "evaluate":
            del each["cpu_s"]
            each["error"] = "KeyError: 'x'"
    broken["rows"] = speed_use.summarise(broken["runs"])
    assert any(
        "evaluate: expected at least 6, got no measurement" in line
        for line in speed_use.check(broken)
    )
    assert "Not measured: pump-station, evaluate, this build: KeyError: 'x'" in speed_use.tables(
        broken
    )


def test_short_series_have_times_of_their_own():
    frame = speed_use.many_series(3)
    assert frame.groupby("id")["time"].is_monotonic_increasing.all()
    assert frame["id"].value_counts().eq(50).all()


def test_a_job_that_fails_says_why(tmp_path):
    with pytest.raises(JobFailedError, match="gone"):
        done({"threads": 1, "log": str(tmp_path / "gone.parquet")}, ROOT)


@pytest.mark.slow
def test_a_smoke_run_measures_every_figure(tmp_path):
    words = ("speed-use", "--smoke", "--only", speed_use.MANY, "--out", str(tmp_path))
    result = CliRunner().invoke(main, [*words, "--check"], catch_exceptions=False)
    assert result.exit_code == 1  # without an earlier build no ratio is measured
    for what in (*speed_use.ASKED, "fit", "fit of 2 steps"):
        assert f"| {what} |" in result.output
    assert "Where `evaluate` spends its time: " in result.output
    assert "Not measured" not in result.output
