"""Scores of paths against closed forms, loops, and what no order may change."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_series import HOUR

from latentode.data.targets import Targets
from latentode.evaluation import metrics, path_scores
from latentode.evaluation.path_scores import (
    ACROSS,
    FUNCTIONALS,
    LAGS,
    Runs,
    covered_share,
    energy_score,
    score_paths,
    variogram_score,
)
from latentode.evaluation.path_tally import PathTally

NAMES = ("a", "b")


def _summary(parts, names):
    return PathTally.of(parts, len(names)).summary(names)


SCALE, CENTER = np.array([2.0, 50.0]), np.array([-1.0, 300.0])


def _targets(values):
    """Targets of hourly paths (window, channel, time) in units of the log."""
    window, channel, hour = np.indices(values.shape).reshape(3, -1)
    values = (values * SCALE[:, None] + CENTER[:, None]).ravel()
    return Targets(window, hour * HOUR, channel, values)


def _parts(draws, truth, *, path_ns=None, seed=0):
    """Parts of scaled draws (draw, window, channel, time) and paths (window, channel, time)."""
    targets = _targets(truth)
    draws = (draws * SCALE[:, None] + CENTER[:, None]).reshape(len(draws), -1)
    return _scored(draws, targets, path_ns=path_ns, seed=seed)


def _scored(draws, targets, *, path_ns=None, seed=0):
    return score_paths(
        draws,
        targets,
        scale=SCALE,
        center=CENTER,
        path_ns=path_ns,
        generator=np.random.default_rng(seed),
    )


def _walks(shape, generator, correlation=0.8):
    """Random walks of two channels (..., channel, time) whose steps are correlated."""
    steps = generator.normal(size=(*shape, 2, 12))
    steps[..., 1, :] *= math.sqrt(1 - correlation**2)
    steps[..., 1, :] += correlation * steps[..., 0, :]
    return steps.cumsum(axis=-1)


@pytest.fixture(scope="module")
def honest():
    """Draws and 500 paths from one joint distribution: parts and their averages."""
    generator = np.random.default_rng(3)
    parts = _parts(_walks((99, 500), generator), _walks((500,), generator))
    return parts, _summary(parts, NAMES)


# ---- coverage of functionals ----


def test_draws_of_the_distribution_of_the_paths_cover_the_level_of_every_functional(honest):
    covered = honest[1]["model"]["coverage_90"]
    assert set(covered) == {*FUNCTIONALS, ACROSS}
    # 500 independent paths; channels and hours of a path help less than their number
    for name, share in covered.items():
        assert share == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / 500)), name


def test_shuffled_draws_of_a_path_miss_what_adds_up_and_what_moves(honest):
    model, shuffled = honest[1]["model"], honest[1]["shuffled"]
    covered = shuffled["coverage_90"]
    assert covered["largest step"] < 0.2  # steps between unrelated draws are far too large
    assert covered["mean over time"] < 0.7
    assert covered[ACROSS] < 0.85  # of channels whose errors are correlated
    assert shuffled["variogram"] > 1.3 * model["variogram"]
    assert shuffled["energy"] > 1.01 * model["energy"]


def test_channels_have_shares_of_their_own_of_which_the_overall_one_is_the_mean(honest):
    result = honest[1]
    for name in FUNCTIONALS:
        shares = [result["channels"][channel][name] for channel in NAMES]
        assert result["model"]["coverage_90"][name] == pytest.approx(np.mean(shares), rel=1e-12)
    assert result["num_paths"] == 500


@pytest.mark.parametrize("num_draws", [1, 5, 19, 40])
@pytest.mark.parametrize("rate", [0.02, 0.5, 3.0])
def test_share_of_tied_counts_has_the_level_as_its_expectation(num_draws, rate):
    rows = np.random.default_rng(1).poisson(rate, (20_000, 1 + num_draws)).astype(float)
    share = covered_share(rows)
    assert share.mean() == pytest.approx(0.9, abs=4 * share.std() / math.sqrt(20_000) + 1e-12)
    assert share.min() >= 0
    assert share.max() <= 1


def test_share_is_whether_the_interval_covers_where_nothing_ties():
    rows = np.random.default_rng(2).normal(size=(3_000, 200))
    inside = metrics.covered(
        rows[:, 1:].T, rows[:, 0], 0.9
    )  # bounds at the ranks 10 and 190 of 200
    np.testing.assert_allclose(covered_share(rows), inside, atol=1e-12)


def test_share_is_the_chance_of_a_randomised_rank():
    rows = np.random.default_rng(3).integers(0, 4, (6, 10)).astype(float)
    many = np.repeat(rows, 20_000, axis=0).T
    inside = np.abs(metrics.pit(many[1:], many[0], np.random.default_rng(4)) - 0.5) <= 0.45
    np.testing.assert_allclose(
        covered_share(rows), inside.reshape(6, -1).mean(axis=1), atol=4 * 0.5 / math.sqrt(20_000)
    )


def test_functionals_are_those_of_loops_over_uneven_runs():
    rows = np.random.default_rng(5).normal(size=(7, 14))
    path = np.repeat([0, 0, 1, 2], [3, 1, 6, 4])
    runs = Runs.of(path, np.repeat([0, 1, 0, 0], [3, 1, 6, 4]))
    assert runs.lengths.tolist() == [3, 1, 6, 4]
    assert runs.path.tolist() == [0, 0, 1, 2]
    loops = {
        "mean over time": lambda x: sum(x) / len(x),
        "maximum": max,
        "minimum": min,
        "last - first": lambda x: x[-1] - x[0],
        "largest step": lambda x: max((abs(b - a) for a, b in itertools.pairwise(x)), default=0),
    }
    assert set(loops) == set(FUNCTIONALS)
    ends = runs.starts + runs.lengths
    for name, loop in loops.items():
        expected = [
            [loop(row[a:b].tolist()) for a, b in zip(runs.starts, ends, strict=True)]
            for row in rows
        ]
        np.testing.assert_allclose(FUNCTIONALS[name](rows.T, runs).T, expected, rtol=1e-14)


# ---- energy score ----


def _energy_by_loops(rows):
    truth, draws = rows[0], rows[1:]
    count = len(draws)
    error = sum(np.linalg.norm(x - truth) for x in draws) / count
    spread = sum(np.linalg.norm(x - z) for x in draws for z in draws)
    return (error - spread / (2 * count * (count - 1))) / math.sqrt(rows.shape[1])


def test_energy_score_is_that_of_loops():
    rows = np.random.default_rng(6).normal(size=(12, 7))
    assert energy_score(rows.T) == pytest.approx(_energy_by_loops(rows), rel=1e-12)


def test_energy_score_of_one_reading_is_its_crps():
    rows = np.random.default_rng(7).normal(size=(30, 1))
    crps = metrics.crps_from_draws(rows[1:, 0], rows[0, 0])
    assert energy_score(rows.T) == pytest.approx(float(crps), rel=1e-12)


def test_energy_score_of_normal_draws_has_its_closed_form():
    r"""At the mean: E|X| = sqrt(2) G((d + 1) / 2) / G(d / 2), and sqrt(2) times that of X - X'."""
    size, count = 10, 1_500
    rows = np.random.default_rng(8).normal(size=(1 + count, size))
    rows[0] = 0.0
    norm = math.sqrt(2) * math.exp(math.lgamma((size + 1) / 2) - math.lgamma(size / 2))
    expected = norm * (1 - math.sqrt(0.5)) / math.sqrt(size)
    # |X| has a standard deviation of about sqrt(1 / 2)
    error = 4 * math.sqrt(0.5 / count / size)
    assert energy_score(rows.T) == pytest.approx(expected, abs=error)


def test_energy_score_keeps_its_digits_far_from_zero():
    rows = np.random.default_rng(9).integers(-100, 100, (9, 5)).astype(float)
    assert energy_score(rows.T + 2.0**40) == pytest.approx(energy_score(rows.T), rel=1e-12)


def test_energy_score_of_one_draw_is_its_distance():
    rows = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert energy_score(rows.T) == pytest.approx(5 / math.sqrt(2), rel=1e-15)


# ---- variogram score ----


def _variogram_by_loops(rows, run):
    truth, draws = rows[0], rows[1:]
    by_lag = []
    for lag in LAGS:
        brackets = []
        for i in range(len(truth) - lag):
            if run[i] == run[i + lag]:
                roots = np.sqrt(np.abs(draws[:, i + lag] - draws[:, i]))
                root = math.sqrt(abs(truth[i + lag] - truth[i]))
                brackets.append((root - roots.mean()) ** 2 - roots.var(ddof=1) / len(roots))
        if brackets:
            by_lag.append(np.mean(brackets))
    return np.mean(by_lag) if by_lag else math.nan


def test_variogram_score_is_that_of_loops_over_uneven_runs():
    rows = np.random.default_rng(10).normal(size=(15, 60)).cumsum(axis=1)
    path = np.repeat([0, 1, 1, 2], [40, 9, 10, 1])
    run = np.repeat([0, 1, 2, 3], [40, 9, 10, 1])
    found = variogram_score(rows.T, Runs.of(path, run), 3)
    expected = [_variogram_by_loops(rows[:, path == p], run[path == p]) for p in range(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert math.isnan(found[2])


def test_variogram_score_of_few_normal_draws_has_the_closed_form_of_many_as_its_mean():
    r"""Of independent normal values a and b at the truth 0: (E|a - b|^(1/2))^2, by any number."""
    draws = np.random.default_rng(11).normal(size=(3, 40_000))
    rows = np.concatenate([np.zeros((1, 40_000)), draws])
    runs = Runs.of(np.repeat(np.arange(20_000), 2), np.zeros(40_000, int))
    scores = variogram_score(rows.T, runs, 20_000)
    root = math.sqrt(2) ** 0.5 * 2**0.25 * math.gamma(0.75) / math.sqrt(math.pi)
    assert scores.mean() == pytest.approx(root**2, abs=4 * scores.std() / math.sqrt(20_000))


# ---- paths out of windows ----


def test_parts_are_the_scores_of_each_path():
    generator = np.random.default_rng(12)
    draws, truth = _walks((20, 3), generator), _walks((3,), generator)
    (part,) = _parts(draws, truth)
    rows = np.concatenate([truth[None], draws])  # (row, window, channel, time)
    for window in range(3):
        by_channel = rows[:, window].reshape(21, -1)
        by_time = rows[:, window].transpose(0, 2, 1).reshape(21, -1)
        assert part.model.energy[window] == pytest.approx(_energy_by_loops(by_channel), rel=1e-10)
        both = [
            _variogram_by_loops(by_channel, np.repeat([0, 1], 12)),
            _variogram_by_loops(by_time, np.repeat(np.arange(12), 2)),
        ]
        assert part.model.variogram[window] == pytest.approx(np.mean(both), rel=1e-9)
    np.testing.assert_array_equal(
        part.model.across, covered_share(np.moveaxis(rows.mean(axis=2), 0, -1)).ravel()
    )
    np.testing.assert_array_equal(part.channel, [0, 1] * 3)


def test_a_window_is_cut_into_pieces_from_its_first_target():
    generator = np.random.default_rng(13)
    draws, truth = _walks((20, 1), generator), _walks((1,), generator)
    (cut,) = _parts(draws, truth, path_ns=4 * HOUR)
    pieces = [_parts(draws[..., i : i + 4], truth[..., i : i + 4])[0] for i in (0, 4, 8)]
    for name in ("energy", "variogram", "covered"):
        joined = np.concatenate([getattr(piece.model, name) for piece in pieces], axis=-1)
        np.testing.assert_allclose(getattr(cut.model, name), joined, rtol=1e-9)
    (whole,) = _parts(draws, truth, path_ns=12 * HOUR)
    np.testing.assert_array_equal(whole.model.energy, _parts(draws, truth)[0].model.energy)


def test_channels_with_two_readings_and_times_with_one_channel_have_no_functionals():
    times = np.array([0, 1, 2, 3, 4]) * HOUR
    targets = Targets(np.zeros(5, int), times, np.array([0, 0, 0, 1, 1]), np.zeros(5))
    draws = np.random.default_rng(14).normal(size=(10, 5))
    parts = _scored(draws, targets)
    result = _summary(parts, NAMES)
    assert list(result["channels"]) == ["a"]
    assert math.isnan(result["model"]["coverage_90"][ACROSS])
    assert result["num_paths"] == 1
    short = _summary(_scored(draws[:, 3:], targets.select(slice(3, None))), NAMES)
    assert short["channels"] == {}
    assert all(math.isnan(share) for share in short["model"]["coverage_90"].values())
    assert math.isfinite(short["model"]["variogram"])


def test_targets_with_a_draw_that_is_not_finite_are_in_no_path():
    generator = np.random.default_rng(15)
    draws, targets = generator.normal(size=(10, 48)), _targets(_walks((2,), generator))
    draws[3, [0, 5]], draws[4, 20] = np.nan, np.inf
    keep = np.setdiff1d(np.arange(48), [0, 5, 20])
    expected = _summary(_scored(draws[:, keep], targets.select(keep)), NAMES)
    assert _summary(_scored(draws, targets), NAMES) == expected
    assert _summary(_scored(np.full((10, 48), np.nan), targets), NAMES) == {}


def test_blocks_of_targets_change_nothing(monkeypatch):
    generator = np.random.default_rng(16)
    draws, truth = _walks((30, 9), generator), _walks((9,), generator)
    whole = _parts(draws, truth)
    monkeypatch.setattr(path_scores, "_BLOCK", 50)
    blocks = _parts(draws, truth)
    assert (len(whole), len(blocks)) == (1, 4)
    assert _summary(blocks, NAMES) == _summary(whole, NAMES)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_targets_and_of_draws_changes_no_score(seed):
    generator = np.random.default_rng(seed)
    keep = np.flatnonzero(generator.random(72) < 0.7)  # uneven paths
    targets = _targets(_walks((3,), generator).round(1)).select(keep)  # with ties
    draws = _walks((20, 3), generator).round(1) * SCALE[:, None] + CENTER[:, None]
    draws = draws.reshape(20, -1)[:, keep]
    result = _summary(_scored(draws, targets), NAMES)
    mixed = generator.permutation(len(keep))
    assert _summary(_scored(draws[:, mixed], targets.select(mixed)), NAMES) == result
    turned = _summary(_scored(generator.permutation(draws, axis=0), targets), NAMES)
    for name in ("model", "channels"):
        _assert_near(turned[name], result[name])


def _assert_near(found, expected):
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected:
            _assert_near(found[name], expected[name])
    else:
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


def test_units_of_the_log_change_no_score():
    generator = np.random.default_rng(17)
    draws, truth = _walks((20, 3), generator), _walks((3,), generator)
    expected = _summary(_parts(draws, truth), NAMES)["model"]
    draws = draws.reshape(20, -1)
    targets = Targets(*vars(_targets(truth)).values()).select(slice(None))
    plain = Targets(targets.window, targets.times, targets.channel, truth.ravel())
    parts = score_paths(
        draws,
        plain,
        scale=np.ones(2),
        center=np.zeros(2),
        path_ns=None,
        generator=np.random.default_rng(0),
    )
    _assert_near(_summary(parts, NAMES)["model"], expected)
