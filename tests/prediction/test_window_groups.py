"""Windows are answered in groups of bounded size, each by its own readings."""

import numpy as np
import pytest
from model_cases import EPOCH, HOUR, irregular_log, predictor_of

from latentode.prediction import window_groups
from latentode.prediction.window_solver import WindowSolver


def watched_groups(monkeypatch):
    """Sizes of the groups that are solved, as they come."""
    sizes, solved = [], WindowSolver.solved

    def watched(*arguments, **options):
        for part in solved(*arguments, **options):
            sizes.append(len(part.windows))
            yield part

    monkeypatch.setattr(WindowSolver, "solved", watched)
    return sizes


@pytest.mark.parametrize("wanted", ["readings", "latent", "densities"])
def test_groups_that_are_full_answer_each_series_with_its_own(monkeypatch, wanted):
    # windows grow and shrink from series to series, so that none stands in its place by size
    log = irregular_log((40, 12, 55, 20, 30, 8, 60, 16))
    predictor = predictor_of(log, num_draws=3)
    owner = np.repeat(np.arange(len(log)), [3, 1, 2, 9, 1, 4, 2, 5])
    order = np.random.default_rng(0).permutation(len(owner))
    owner = owner[order]
    times = EPOCH + (30 + 4 * np.arange(len(owner))) * HOUR
    values = 20.0 + np.arange(2.0 * len(owner)).reshape(-1, 2) / len(owner)
    sizes = watched_groups(monkeypatch)

    def answered(chosen):
        found = predictor.query(log, owner[chosen], times[chosen], values[chosen], wanted=wanted)
        shown = {"readings": found.draws, "latent": found.latent, "densities": found.log_prob[None]}
        return shown[wanted]

    alone = np.concatenate([answered([k]) for k in range(len(owner))], axis=1)
    assert set(sizes) == {1}
    for most in (2_000_000, 1_500, 600):
        monkeypatch.setattr(window_groups, "_MAX_ELEMENTS", most)
        sizes.clear()
        together = answered(np.arange(len(owner)))
        assert (len(sizes) == 1) == (most == 2_000_000)
        assert max(sizes) > 1
        # batches of other sizes are summed in another order
        np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-4)
