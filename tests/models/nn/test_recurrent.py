"""The packed recurrence against plain autograd, series by series, in float64."""

import pytest
import torch
from torch import nn

from latentode.errors import ConfigError
from latentode.models.nn import schedule as schedules
from latentode.models.nn.gated import Field, Unit
from latentode.models.nn.mlp import MLP
from latentode.models.nn.recurrent import recur
from latentode.models.nn.schedule import Schedule

LENGTHS = (7, 0, 3, 9, 1, 9)
FEATURES, HIDDEN, INNER = 3, 4, 5


def counts_of(lengths=LENGTHS, most=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(1, most + 1, (len(lengths), max(lengths)), generator=generator)
    return counts.where(torch.arange(max(lengths)) < torch.tensor(lengths)[:, None], 0)


def networks(dtype=torch.float64):
    cell = nn.GRUCell(FEATURES, HIDDEN).to(dtype)
    return cell, MLP(HIDDEN, (INNER,), HIDDEN).to(dtype)


def data_of(counts):
    features = torch.randn(*counts.shape, FEATURES, dtype=torch.float64, requires_grad=True)
    gaps = torch.rand(counts.shape, dtype=torch.float64).requires_grad_()
    return features, gaps


def packed(counts, features, gaps, cell, field):
    plan = Schedule.of(counts)
    steps = None if field is None else (gaps / counts.clamp(min=1)).flatten()[plan.rows]
    weights = None if field is None else Field(*field.parameters())
    read = features.flatten(0, 1)[plan.rows]
    last = recur(plan, read, Unit(*cell.parameters()), steps, weights)
    return last.new_zeros(len(counts), HIDDEN).index_copy(0, plan.series, last)


def by_loops(counts, features, gaps, cell, field):
    summaries = []
    for of_series, rows, spans in zip(counts.tolist(), features, gaps, strict=True):
        state = features.new_zeros(HIDDEN)
        for count, row, span in zip(of_series, rows, spans, strict=True):
            for _ in range(count):
                state = state if field is None else state + span / count * field(state)
            state = cell(row, state) if count else state
        summaries.append(state)
    return torch.stack(summaries)


def contiguous(size):
    return torch.randn(size, HIDDEN, dtype=torch.float64)


def sliced(size):
    return torch.randn(2 * size, 3 * HIDDEN, dtype=torch.float64)[::2, 1::3]


def transposed(size):
    return torch.randn(HIDDEN, size, dtype=torch.float64).t()


def expanded(size):
    return torch.randn(size, 1, dtype=torch.float64).expand(-1, HIDDEN)


@pytest.mark.parametrize("segment", [1, 7, 1024])
@pytest.mark.parametrize("cotangent", [contiguous, sliced, transposed, expanded])
@pytest.mark.parametrize("has_field", [True, False], ids=["field", "no field"])
def test_states_and_gradients_are_those_of_autograd(has_field, cotangent, segment, monkeypatch):
    monkeypatch.setattr(schedules, "_SEGMENT", segment)
    counts = counts_of(most=8 if has_field else 1)
    (features, gaps), (cell, field) = data_of(counts), networks()
    field = field if has_field else None
    asked = [features, *cell.parameters(), *([gaps, *field.parameters()] if has_field else [])]
    found = packed(counts, features, gaps, cell, field)
    expected = by_loops(counts, features, gaps, cell, field)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)
    grad = cotangent(len(counts))
    for one, other in zip(
        torch.autograd.grad(found, asked, grad),
        torch.autograd.grad(expected, asked, grad),
        strict=True,
    ):
        # some hundred terms of the order of 1
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("has_field", [True, False], ids=["field", "no field"])
def test_the_states_after_any_numbers_of_events_can_be_asked_for(has_field):
    counts = counts_of(most=3 if has_field else 1)
    (features, gaps), (cell, field) = data_of(counts), networks()
    field = field if has_field else None
    plan = Schedule.of(counts)
    steps = None if field is None else (gaps / counts.clamp(min=1)).flatten()[plan.rows]
    weights = None if field is None else Field(*field.parameters())
    read = features.flatten(0, 1)[plan.rows]
    # after the first rows of each series: none, some twice, all
    rows = torch.tensor([[0, n // 2, n, n // 2] for n in LENGTHS])
    events = torch.nn.functional.pad(counts.cumsum(1), (1, 0)).gather(1, rows)
    asked_for = plan.asking_after(events)
    found = recur(asked_for, read, Unit(*cell.parameters()), steps, weights).unflatten(0, (-1, 4))
    # what a series of the first rows alone ends in
    expected = torch.stack(
        [
            by_loops(
                counts.where(torch.arange(counts.shape[1]) < n[:, None], 0),
                features,
                gaps,
                cell,
                field,
            )
            for n in rows.T
        ],
        dim=1,
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)
    asked = [features, *cell.parameters(), *([gaps, *field.parameters()] if has_field else [])]
    grad = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(found, asked, grad),
        torch.autograd.grad(expected, asked, grad),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_gradients_are_those_of_finite_differences():
    counts = counts_of((3, 0, 2), most=3)
    (features, gaps), (cell, field) = data_of(counts), networks()
    torch.autograd.gradcheck(
        lambda features, gaps, *_: packed(counts, features, gaps, cell, field),
        (features, gaps, *cell.parameters(), *field.parameters()),
    )


def test_without_a_field_it_is_the_unit_of_torch():
    lengths = torch.tensor([9, 7, 3, 1])
    counts = counts_of(tuple(lengths.tolist()), most=1)
    features, _ = data_of(counts)
    unit = nn.GRU(FEATURES, HIDDEN, batch_first=True).double()
    rows = nn.utils.rnn.pack_padded_sequence(features, lengths, batch_first=True)
    _, expected = unit(rows)
    plan = Schedule.of(counts)
    found = recur(plan, features.flatten(0, 1)[plan.rows], Unit(*unit.parameters()))
    torch.testing.assert_close(found, expected[0], rtol=0, atol=1e-14)


def test_only_what_is_asked_for_gets_a_gradient():
    counts = counts_of()
    (features, gaps), (cell, field) = data_of(counts), networks()
    cell.requires_grad_(False)
    packed(counts, features.detach(), gaps.detach(), cell, field).sum().backward()
    assert features.grad is None
    assert all(p.grad is None for p in cell.parameters())
    assert all(p.grad.abs().max() > 0 for p in field.parameters())


def test_the_same_gradient_can_be_asked_for_twice():
    counts = counts_of()
    (features, gaps), (cell, field) = data_of(counts), networks()
    total = packed(counts, features, gaps, cell, field).sum()
    first, second = (
        torch.autograd.grad(total, [features, *field.parameters()], retain_graph=True)
        for _ in range(2)
    )
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_a_second_derivative_is_refused():
    counts = counts_of()
    (features, gaps), (cell, field) = data_of(counts), networks()
    total = packed(counts, features, gaps, cell, field).sum()
    with pytest.raises(ConfigError, match="expected create_graph=False, got True"):
        torch.autograd.grad(total, features, create_graph=True)


@pytest.mark.parametrize("lengths", [(1,), (5,), (1, 0, 0)])
def test_arguments_are_left_as_they_are(lengths):
    # one packed event is where a copy of a bias could be the bias itself
    counts = counts_of(lengths, most=1)
    (features, gaps), (cell, field) = data_of(counts), networks()
    arguments = [features, gaps, *cell.parameters(), *field.parameters()]
    before = [argument.detach().clone() for argument in arguments]
    grad = torch.ones(len(lengths), HIDDEN, dtype=torch.float64)
    packed(counts, features, gaps, cell, field).backward(grad)
    assert all(torch.equal(one, other) for one, other in zip(arguments, before, strict=True))
    assert torch.equal(grad, torch.ones_like(grad))


def test_gradients_of_a_long_series_in_single_precision_are_those_in_double():
    # cotangents fall below the smallest float32 on the way to the first of 400 rows
    counts = torch.ones(2, 400, dtype=torch.long)
    (features, gaps), (cell, field) = data_of(counts), networks()
    found = []
    for dtype in (torch.float64, torch.float32):
        cell, field = cell.to(dtype), field.to(dtype)
        packed(counts, features.to(dtype), gaps.to(dtype), cell, field).sum().backward()
        found.append([p.grad.double() for p in (*cell.parameters(), *field.parameters())])
        cell.zero_grad()
        field.zero_grad()
    first = torch.autograd.grad(
        packed(counts, features, gaps, cell.double(), field.double()).sum(), features
    )[0][:, 0]
    assert first.abs().max() < 1e-38
    for double, single in zip(*found, strict=True):
        torch.testing.assert_close(single, double, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_a_schedule_lists_the_events_of_each_series_in_order(seed):
    counts = counts_of(seed=seed)
    plan = Schedule.of(counts)
    assert plan.sizes == sorted(plan.sizes, reverse=True)
    assert len(plan.sizes) == int(counts.sum(1).max())
    assert sum(plan.sizes) == len(plan.rows) == int(counts.sum())
    starts = [sum(plan.sizes[:event]) for event in range(len(plan.sizes))]
    for place, series in enumerate(plan.series.tolist()):
        events = [s + place for s, size in zip(starts, plan.sizes, strict=True) if place < size]
        expected = torch.arange(counts.shape[1]).repeat_interleave(counts[series])
        assert torch.equal(plan.rows[events], series * counts.shape[1] + expected)
        ends = torch.cat([expected.diff() > 0, torch.tensor([True])])
        assert torch.equal(plan.is_end[events], ends)
        assert int(plan.last[place]) == plan.sizes[0] + events[-1]


def test_segments_cover_the_events_once_each():
    plan = Schedule.of(torch.full((300, 11), 2))
    events, rows = zip(*plan.segments(), strict=True)
    assert len(events) > 2
    assert [e for part in events for e in range(22)[part]] == list(range(22))
    assert [r for part in rows for r in range(6600)[part]] == list(range(6600))
    for part, packed_events in plan.segments():
        assert sum(plan.sizes[part]) == packed_events.stop - packed_events.start


def test_a_batch_without_events_has_no_states_and_no_gradient():
    counts = torch.zeros(2, 3, dtype=torch.long)
    (features, gaps), (cell, field) = data_of(counts), networks()
    summary = packed(counts, features, gaps, cell, field)
    assert torch.equal(summary, torch.zeros(2, HIDDEN, dtype=torch.float64))
    summary.sum().backward()
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in field.parameters())
