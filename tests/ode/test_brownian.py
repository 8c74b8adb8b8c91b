"""Brownian paths: functions of key and time, with the covariance of Brownian motion."""

import torch

from latentode.ode.brownian import BrownianPaths, keys_of, mix


def times_of(*times):
    return torch.tensor(times, dtype=torch.float64)[:, None]


def test_mix_gives_the_published_numbers_of_splitmix64():
    state = 1234567  # the reference program's own example
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    steps = torch.arange(3) * -0x61C8864680B583EB
    assert (mix(state + steps).numpy().view("uint64") == published).all()


def test_a_path_has_the_covariance_of_brownian_motion_at_any_times():
    # on both sides of a halving, in one part of the tree, across a unit of time, at its very end
    times = times_of(0.0, 0.2001, 0.5, 0.7313, 1.0, 1.62, 3.0)
    paths = BrownianPaths(torch.arange(40_000), 1, span=3.0).at(times)[..., 0]
    expected = torch.minimum(times, times.T)
    # standard error of a covariance of 40,000 is at most 3 sqrt(2 / 4e4) = .021
    assert (paths @ paths.T / 40_000 - expected).abs().max() < 0.085
    assert (paths[0] == 0).all()
    increments = paths.diff(dim=0)
    correlation = torch.corrcoef(increments)
    assert (correlation - torch.eye(len(increments))).abs().max() < 0.024  # 4.7 standard errors


def test_a_path_is_normal():
    draws = BrownianPaths(torch.arange(50_000), 2, span=1.0).at(times_of(0.3))[0]
    scaled = draws / 0.3**0.5
    for coordinate in scaled.unbind(-1):
        ordered = torch.special.ndtr(coordinate.sort().values)
        place = (torch.arange(50_000) + 0.5) / 50_000
        assert (ordered - place).abs().max() < 1.95 / 50_000**0.5  # Kolmogorov: p = .001
    assert torch.corrcoef(scaled.T)[0, 1].abs() < 0.02


def test_a_time_within_the_finest_part_has_its_exact_variance():
    times = times_of(0.1, 0.3, 0.45)
    paths = BrownianPaths(torch.arange(40_000), 1, span=1.0, depth=1).at(times)
    assert torch.allclose(paths.var(1), times, rtol=0.03)  # standard error .007


def test_a_value_depends_on_key_and_time_alone():
    keys = torch.arange(6).reshape(2, 3)
    times = torch.rand(5, 3, generator=torch.Generator().manual_seed(0)).double() * 4
    every = BrownianPaths(keys, 3, span=4.0).at(times)
    alone = BrownianPaths(keys[1:, 2:], 3, span=99.0).at(times[[3], 2:])
    assert torch.equal(every[3, 1, 2], alone[0, 0, 0])
    assert torch.equal(every.flip(0), BrownianPaths(keys, 3, span=4.0).at(times.flip(0)))
    more = BrownianPaths(keys, 4, span=4.0).at(times)
    assert torch.equal(more[..., :3], every)


def test_keys_hash_all_numbers_of_a_row():
    noise = torch.zeros(4, 3)
    noise[1, 0], noise[2, 2], noise[3, 1] = 1e-30, 1e-30, -1.0
    keys = keys_of(noise)
    assert len(set(keys.tolist())) == 4
    assert torch.equal(keys_of(noise.double()), keys)
    assert torch.equal(keys_of(noise[2:]), keys[2:])
