"""Sums of normal numbers of many names."""

import numpy as np
import pytest
from scipy import stats

from latentode.prediction.noise import hashed
from latentode.prediction.normal_table import FIELDS, WIDTH, NormalSums

NAMES = hashed(np.arange(300, dtype=np.uint64), np.zeros(1, np.uint64))[:, None]
ONES = np.ones(NAMES.shape)


def test_numbers_of_names_are_normal_and_those_of_other_names_others():
    numbers = NormalSums.of(NAMES, ONES).drawn(WIDTH)
    assert numbers.shape == (300, WIDTH)
    assert stats.kstest(numbers.ravel(), "norm").pvalue > 0.01
    apart = np.corrcoef(numbers)[np.triu_indices(300, 1)]
    # a few of 44,850 pairs share a row, as 8,192 rows have either sign
    shared = np.abs(apart) > 0.99
    assert shared.sum() < 20
    assert np.abs(apart[~shared]).max() < 5.5 / WIDTH**0.5
    assert abs(apart.mean()) < 4 / (len(apart) * WIDTH) ** 0.5


def test_every_draw_has_variance_one_over_all_rows():
    names = hashed(np.arange(200_000, dtype=np.uint64), np.zeros(1, np.uint64))[:, None]
    numbers = NormalSums.of(names, np.ones(names.shape)).drawn(3)
    np.testing.assert_allclose(numbers.var(axis=0), 1.0, atol=4 * (2 / 200_000) ** 0.5)
    np.testing.assert_allclose(numbers.mean(axis=0), 0.0, atol=4 / 200_000**0.5)


def test_fields_of_a_name_are_independent():
    fields = [NormalSums.of(NAMES, ONES, field).drawn(WIDTH).ravel() for field in range(FIELDS)]
    assert np.abs(np.corrcoef(fields) - np.eye(FIELDS)).max() < 4.5 / fields[0].size ** 0.5


def test_rows_and_signs_of_all_fields_of_a_name_are_independent():
    names = hashed(np.arange(4000, dtype=np.uint64), np.zeros(1, np.uint64))[:, None]
    bits = []
    for field in range(FIELDS):
        sums = NormalSums.of(names, np.ones(names.shape), field)
        bits.append(sums.factors[:, 0] > 0)
        bits += [sums.rows[:, 0] >> bit & 1 for bit in range(13)]  # 8,192 rows
    assert np.abs(np.corrcoef(bits) - np.eye(len(bits))).max() < 4.5 / 4000**0.5


@pytest.mark.parametrize("draws", [1, 7, 100])
def test_a_number_belongs_to_name_and_draw(draws):
    whole = NormalSums.of(NAMES, ONES).drawn(WIDTH)
    np.testing.assert_array_equal(
        NormalSums.of(NAMES[3:5], ONES[3:5]).drawn(draws), whole[3:5, :draws]
    )


def test_a_sum_is_that_of_its_numbers():
    factors = np.random.default_rng(0).normal(size=(2, *NAMES.shape))
    parts = [NormalSums.of(NAMES, of, field) for field, of in enumerate(factors)]
    alone = [NormalSums.of(NAMES, ONES, field).drawn(20) for field in range(2)]
    np.testing.assert_allclose(
        NormalSums.total(parts).drawn(20), (factors * alone).sum(axis=0), atol=1e-5
    )
