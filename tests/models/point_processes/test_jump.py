import math

import numpy as np
import pytest
import torch
from event_cases import F64, SECOND, batch_of, jump_process, streams

from latentode import ode
from latentode.config import SolverConfig
from latentode.data.batches.event_batch import EventBatch
from latentode.models.point_processes import HistoryFreeProcess, Past
from latentode.training.events.windows import EventWindows

# gaps from 0.05 to 4
ROWS = [[0.05, 4.05, 4.1, 4.4, 7.0], [], [2.0, 3.0]]
MARKS = [[0, 1, 1, 0, 1], [], [1, 0]]


def events(rows=ROWS, marks=MARKS, **options):
    return batch_of(rows, marks, kinds=2, window=(0.0, 8.0), **options)


@pytest.mark.parametrize("link", ["softplus", "exp"])
def test_every_parameter_has_the_gradient_of_finite_differences(link):
    process, batch = jump_process(link=link), events()
    process.score(batch).log_prob().sum().backward()
    for name, parameter in process.named_parameters():
        flat, index = parameter.data.view(-1), parameter.numel() // 2
        values = []
        for step in (1e-6, -2e-6):
            flat[index] += step
            values.append(process.score(batch).log_prob().sum().item())
        flat[index] += 1e-6
        slope = (values[0] - values[1]) / 2e-6
        got = parameter.grad.view(-1)[index].item()
        assert got == pytest.approx(slope, rel=1e-5, abs=1e-7), name


def test_quadrature_equals_an_adaptive_augmented_solve_of_every_gap():
    process = jump_process(step=0.1)
    batch = events(ROWS[:1], MARKS[:1])
    got = process.score(batch).increments[0]
    state, counts, last = process.dynamics.initial[None], torch.zeros(1, 2, 2, dtype=F64), 0.0
    for i, time in enumerate([*ROWS[0], 8.0]):

        def field(w, z, counts=counts, last=last):
            since = process.dynamics.from_clock(w)
            m = counts * torch.exp(-since * process.decay)[:, None]
            age = (last + since).expand(z.shape[:-1])
            rate = process.log_rates(z[..., :4], m, age).exp()
            slope = process.dynamics.slope(w, z[..., :4])
            return torch.cat([slope, rate * process.dynamics.clock * w.exp()], -1)

        length = process.dynamics.to_clock(torch.tensor(time - last, dtype=F64))
        # one grid interval, so that its end is a state of the solver, not of the interpolation
        tight = SolverConfig(method="dopri5", step_size=length.item(), rtol=1e-10, atol=1e-10)
        z0 = torch.cat([state, torch.zeros(1, 2, dtype=F64)], -1)
        end = ode.solve(field, z0, 0.0, length, tight).at(length)[:, 0]
        torch.testing.assert_close(got[i], end[0, 4:], rtol=1e-6, atol=1e-9)
        if i < 5:
            decayed = counts * torch.exp(-(time - last) * process.decay)[:, None]
            counts = decayed + torch.eye(2, dtype=F64)[MARKS[0][i]]
            state = process.dynamics.jump(end[:, :4], torch.tensor([MARKS[0][i]]), length[None])
            last = time


def test_more_nodes_change_nothing_at_the_default_step():
    process, batch = jump_process(step=1.0), events()
    default, fine = (process.score(batch, nodes=n).log_prob() for n in (None, 16))
    torch.testing.assert_close(default, fine, rtol=0, atol=1e-4)


def test_drawn_nodes_estimate_the_compensator_without_bias_even_of_a_spike():
    process, batch = jump_process(step=1.0), events(ROWS[:1], MARKS[:1])
    many = EventBatch(*(getattr(batch, n).expand(2000, -1) for n in batch.__dataclass_fields__))
    with torch.no_grad():
        process.log_decay[1] = math.log(200.0)  # over long before the first fixed node
        fixed = process.score(batch, nodes=4).increments.sum()
        exact = process.score(batch, nodes=200).increments.sum()
        generator = torch.Generator().manual_seed(0)
        scores, _ = process.follow(many, process.fresh(2000), nodes=4, generator=generator)
        drawn = scores.increments.sum((1, 2)).numpy()
    error = np.std(drawn) / math.sqrt(2000)
    assert abs(drawn.mean() - exact.item()) < 4 * error
    assert abs(fixed.item() - exact.item()) > 4 * error  # the test can tell


def test_the_rate_before_an_event_does_not_know_when_it_comes():
    process = jump_process(step=1.0)
    batch = events([[1.0, 3.0], [1.0, 6.5]], [[0, 0], [0, 0]])
    knots = torch.tensor([[0.0, 1.0, 3.0, 8.0], [0.0, 1.0, 6.5, 8.0]], dtype=F64)
    lengths = process.dynamics.to_clock(knots.diff(dim=1))
    flow, _ = process.dynamics.walk(process.fresh(2).state, batch.marks, batch.valid, lengths)
    early = process.dynamics.to_clock(torch.tensor([[0.4, 1.1, 1.9]], dtype=F64)).expand(6, -1)
    read = flow.at(early, check=False).unflatten(0, (2, 3))
    assert torch.equal(read[0, 1], read[1, 1])


def test_without_weights_on_the_state_it_is_a_hawkes_process():
    process = jump_process(kinds=1)
    background, weight = 0.4, 0.25
    with torch.no_grad():
        for parameter in process.process.head.parameters():
            parameter.zero_()
        # softplus is the identity up to e^-30 from here
        process.process.head.layers[-1].bias.fill_(30.0)
        process.process.log_scale.fill_(math.log(background / 30.0))
        scale = (2 * process.decay / process.total_rate).sqrt()
        process.excite.weight.zero_()
        process.excite.weight[0, 3] = weight / scale[1] * 30.0 / background
    batch = batch_of([ROWS[0]], window=(0.0, 8.0))
    beta = process.decay[1].item()
    expected = 0.0
    for i, t in enumerate(ROWS[0]):
        past = sum(math.exp(-beta * (t - u)) for u in ROWS[0][:i])
        expected += math.log(background + weight * past)
    expected -= background * 8
    expected -= sum(weight / beta * -math.expm1(-beta * (8 - t)) for t in ROWS[0])
    # four nodes a step of half a clock unit, decay 3 a unit of time
    assert process.score(batch).log_prob().item() == pytest.approx(expected, abs=1e-4)


def test_series_do_not_know_each_other_and_padding_changes_nothing():
    process = jump_process()
    together = process.score(events()).log_prob()
    alone = [process.score(events([r], [m])).log_prob() for r, m in zip(ROWS, MARKS, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-10, atol=1e-10)
    batch = events()
    poisoned = torch.where(batch.valid, batch.marks, 1)
    swapped = EventBatch(batch.times, poisoned, batch.valid, batch.start, batch.end)
    assert torch.equal(process.score(swapped).log_prob(), together)


def test_a_change_of_the_unit_of_time_costs_n_log_c():
    process, c = jump_process(), 3600.0
    other = jump_process()
    batch = events()
    scaled = EventBatch(batch.times * c, batch.marks, batch.valid, batch.start * c, batch.end * c)
    with torch.no_grad():
        other.dynamics.clock *= c
        other.log_decay -= math.log(c)
        other.process.mean_rates /= c
        other.process.log_scale -= math.log(c)
    gain = process.score(batch).log_prob() - other.score(scaled).log_prob()
    expected = torch.tensor([5.0, 0.0, 2.0], dtype=F64) * math.log(c)
    torch.testing.assert_close(gain, expected, rtol=1e-9, atol=1e-9)


def test_windows_may_differ_between_kinds_and_history_is_not_scored():
    process = jump_process()
    whole, _ = process.score(events(ROWS[:1], MARKS[:1])), None
    windows = [[[0.0, 8.0], [5.0, 8.0]]]
    cut = streams(ROWS[:1], MARKS[:1], kinds=2, window=(0.0, 8.0)).between(0, 8 * SECOND)
    object.__setattr__(cut, "windows", np.array(windows, dtype=np.int64) * SECOND)
    got = process.score(EventBatch.of(cut, SECOND))
    assert got.scored.tolist() == [[True, False, False, True, True]]
    torch.testing.assert_close(got.increments[0, :, 0], whole.increments[0, :, 0])
    assert (got.increments[0, :4, 1] == 0).all()
    assert 0 < got.increments[0, 4, 1] < whole.increments[0, 4, 1]


def test_windows_of_training_add_up_to_the_whole_stream():
    process = jump_process()
    rng = np.random.default_rng(0)
    rows = [np.sort(rng.uniform(0, 40, n)).tolist() for n in (37, 0, 5, 12)]
    marks = [rng.integers(0, 2, len(row)).tolist() for row in rows]
    whole = streams(rows, marks, kinds=2, window=(0.0, 40.0))
    windows = EventWindows.cut(whole, SECOND, 6)
    counts, states = windows.entry_counts(process), process.fresh(len(windows.series)).state.clone()
    total = torch.zeros(4, dtype=F64)
    with torch.no_grad():
        for i, series in enumerate(windows.series):
            past = Past(counts[[i]], states[[i]], windows.ages(np.array([i])))
            scores, left = process.follow(windows.batch(np.array([i])), past)
            total[series] += scores.log_prob()[0]
            if i + 1 < len(states) and windows.first[i + 1] > 0:
                states[i + 1] = left[0]
        expected = process.score(EventBatch.of(whole, SECOND)).log_prob()
    torch.testing.assert_close(total, expected, rtol=1e-9, atol=1e-9)


def test_lanes_hold_every_window_once_and_in_the_order_of_time():
    whole = streams([np.linspace(0.1, 39, 60).tolist(), [1.0], []], window=(0.0, 40.0))
    windows = EventWindows.cut(whole, SECOND, 7)
    lanes = windows.lanes(3, np.random.default_rng(0))
    assert sorted(np.concatenate(lanes).tolist()) == list(range(len(windows.series)))
    assert max(len(lane) for lane in lanes) <= 3


def test_the_history_free_process_agrees_with_its_own_likelihood_term():
    torch.manual_seed(0)
    process = HistoryFreeProcess(3, 8, torch.tensor([0.4, 0.2]), 8.0).double()
    batch = events()
    scores = process.score(batch)
    states, _ = process.solve(8.0)
    # the term that a latent ODE has in its ELBO, in shares of the span
    batch_in_shares = EventBatch(
        batch.times / 8, batch.marks, batch.valid, batch.start / 8, batch.end / 8
    )
    with torch.no_grad():
        process.process.log_scale += math.log(8.0)
    wide = ode.solve(process._slope, process.initial.expand(3, -1), 0.0, 1.0, process.solver)
    expected = process.process.log_prob_events(wide, batch_in_shares)
    got = scores.log_prob() + torch.tensor([5.0, 0.0, 2.0], dtype=F64) * math.log(8.0)
    torch.testing.assert_close(got, expected, rtol=1e-7, atol=1e-6)
    assert states.states.shape[1] == 1
