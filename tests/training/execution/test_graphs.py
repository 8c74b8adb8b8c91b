"""The step that is recorded a shape; on a CPU a recording is the computation itself."""

from dataclasses import replace

import pytest
import torch
from graph_cases import Repeat, assert_alike, assert_gradients_alike, both_take, rows_of, step_of
from model_cases import case, noise_for
from training_cases import parts

from latentode.training.execution.capture import CudaRecorder
from latentode.training.execution.graphs import StepGraphs, can_be_captured
from latentode.training.execution.precision import matrix_products
from latentode.training.terms import PathPenalties


@pytest.mark.parametrize(
    "values",
    [
        {"model__encoder": "rnn"},
        {"model__encoder": "attention", "model__anchor": "start"},
        {"model__memory": False, "train__objective__name": "iwae", "solver__substeps": 2},
        {"model__dynamics_noise": "learned"},
    ],
)
def test_recorded_steps_equal_eager_steps(values):
    plain, graphed = both_take(4, **values)
    assert_alike(plain, graphed)
    assert 1 <= len(graphed[2].graphs) <= 4
    for one, other in zip(plain[1], graphed[1], strict=True):
        # Adam divides a gradient by its size: where it is small, rounding moves a step of 1e-3
        assert torch.allclose(one, other, atol=2e-4)


@pytest.mark.parametrize("encoder", ["rnn", "attention"])
def test_a_recorded_gradient_is_that_of_the_eager_step(encoder):
    assert_gradients_alike("cpu", model__encoder=encoder)


def test_a_window_whose_solve_fails_is_left_out_of_a_recorded_step():
    plain, graphed = both_take(3, poison=[1])
    assert all(outcome.finite and outcome.skipped_windows == 1 for outcome in graphed[0])
    assert_alike(plain, graphed)
    assert len(graphed[2].graphs) >= 1  # tried as a whole before


def test_a_batch_without_a_good_window_is_refused_with_the_reason():
    plain, graphed = both_take(1, poison=[0, 1, 2, 3])
    assert graphed[0][0].reason == plain[0][0].reason
    assert "finite" in graphed[0][0].reason
    assert not graphed[0][0].finite


def graphs_of(model, record, **options):
    def objective(terms, weight):
        return (weight * terms.kl - terms.log_likelihood[0]).mean()

    off = PathPenalties((), (), 0.0)
    return StepGraphs(model, objective, list(model.parameters()), off, record, **options)


def test_a_shape_is_recorded_once_and_weight_noise_and_values_are_inputs():
    model, batch = case()
    record, noise = Repeat(), noise_for(batch)
    graphs = graphs_of(model, record)
    first = float(graphs(batch, noise, 1.0, 0)[0])
    kl = float(graphs(batch, noise, 1.0, 0)[1])
    assert float(graphs(batch, noise, 3.0, 0)[0]) == pytest.approx(first + 2 * kl, rel=1e-5)
    assert float(graphs(batch, noise * 2, 1.0, 0)[0]) != first
    changed = replace(batch, targets=batch.targets + 1.0)
    assert float(graphs(changed, noise, 1.0, 0)[0]) != first
    assert float(graphs(batch, noise, 1.0, 0)[0]) == first
    assert record.count == 1


def test_another_shape_span_or_solver_is_recorded_anew():
    model, batch = case()
    record, noise = Repeat(), noise_for(batch)
    graphs = graphs_of(model, record)
    graphs(batch, noise, 1.0, 0)
    graphs(replace(batch, upper=batch.upper + 1.0), noise, 1.0, 0)
    graphs(batch.select(torch.arange(4)), noise[:, :4], 1.0, 0)
    model.set_solver("rk4", 0.25, 1e-3)
    graphs(batch, noise, 1.0, 0)
    assert record.count == 4


def test_the_least_recently_used_recording_goes():
    model, batch = case()
    record = Repeat()
    graphs = graphs_of(model, record, limit=2)
    for size in (3, 4, 3, 5, 3, 4):
        some = batch.select(torch.arange(size))
        graphs(some, noise_for(some), 1.0, 0)
        assert len(graphs) <= 2
    assert record.count == 4  # 3, 4, 5, and 4 again


def test_dropout_follows_the_seed_of_the_step():
    model, batch = case(model__dropout=0.5)
    graphs, noise = graphs_of(model.train(), Repeat()), noise_for(batch)
    losses = [float(graphs(batch, noise, 1.0, seed)[0]) for seed in (1, 2, 1)]
    assert losses[0] == losses[2] != losses[1]


def test_a_parameter_that_plays_no_part_gets_no_gradient():
    model, batch = case()
    model.register_parameter("idle", torch.nn.Parameter(torch.ones(2)))
    graphs_of(model, Repeat())(batch, noise_for(batch), 1.0, 0)
    assert model.idle.grad is None
    assert model.decoder.linear.weight.grad.abs().sum() > 0


def test_a_padded_span_beyond_the_budget_is_solved_as_it_is():
    # ab4 with 3 starting steps: 10 evaluations more than steps at most
    made = parts(model__dropout=0.0, solver__step_size=0.5, solver__max_nfe=20)
    record = Repeat()
    step = step_of(made, graphed=True, record=record)
    outcome = step(rows_of(made, 0), 0, 1e-3)
    assert outcome.finite
    assert (outcome.skipped_windows, len(step.graphs)) == (0, 0)


def test_what_cannot_be_captured_goes_on_eagerly_with_a_warning():
    def refuse(_run):
        raise RuntimeError("called a synchronizing CUDA operation")

    made = parts()
    step = step_of(made, graphed=True, record=refuse)
    with pytest.warns(UserWarning, match="without CUDA graphs: called a synchron"):
        assert step(rows_of(made, 0), 0, 1e-3).finite
    assert step.graphs is None
    assert step(rows_of(made, 1), 1, 1e-3).finite


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"solver__method": "rk4", "model__encoder": "attention"}, True),
        ({"model__encoder": "ode_rnn"}, False),
        ({"solver__step_size": None}, False),
        ({"solver__method": "dopri5"}, False),
        ({"solver__gradient": "checkpoint"}, False),
    ],
)
def test_what_can_be_captured(values, expected):
    assert can_be_captured(case(**values)[0]) is expected


def test_on_a_cpu_nothing_is_recorded():
    assert step_of(parts(), graphed=False).graphs is None


@pytest.mark.parametrize(("precision", "inside"), [("float32", "ieee"), ("tf32", "tf32")])
def test_the_precision_of_products_holds_in_the_block_alone(precision, inside):
    switches = (torch.backends.cuda.matmul, torch.backends.cudnn.rnn)
    before = [switch.fp32_precision for switch in switches]
    with matrix_products(precision, torch.device("cuda")):
        assert [switch.fp32_precision for switch in switches] == [inside, inside]
    assert [switch.fp32_precision for switch in switches] == before
    with matrix_products(precision, torch.device("cpu")):
        assert [switch.fp32_precision for switch in switches] == before


@pytest.mark.gpu
@pytest.mark.parametrize("encoder", ["rnn", "attention"])
@pytest.mark.parametrize("poison", [[], [1]])
def test_graphs_on_a_gpu_equal_eager_steps(encoder, poison, device):
    plain, graphed = both_take(5, device=str(device), poison=poison, model__encoder=encoder)
    assert_alike(plain, graphed)
    assert graphed[2].graphs is not None
    assert len(graphed[2].graphs) >= 1


@pytest.mark.gpu
@pytest.mark.parametrize("encoder", ["rnn", "attention"])
def test_a_gradient_of_a_graph_is_that_of_the_eager_step_on_a_gpu(encoder, device):
    assert_gradients_alike(device, model__encoder=encoder)


@pytest.mark.gpu
def test_several_shapes_replay_in_any_order_on_a_gpu(device):
    model, batch = case()
    model = model.to(device).train()
    graphs = graphs_of(model, CudaRecorder(device))
    expected = {}
    for size in (6, 4, 5, 4, 6, 5):
        some = batch.select(torch.arange(size))
        loss = float(graphs(some, noise_for(some), 1.0, 0)[0])
        assert expected.setdefault(size, loss) == pytest.approx(loss, rel=1e-5)
        on_device, noise = some.to(device), noise_for(some).to(device)
        with torch.no_grad():
            log_likelihood, _, kl = model(on_device, noise)
        assert loss == pytest.approx(float((kl - log_likelihood[0]).mean()), rel=1e-5)


@pytest.mark.gpu
def test_dropout_follows_the_seed_in_a_graph(device):
    model, batch = case(model__dropout=0.5)
    graphs, noise = graphs_of(model.to(device).train(), CudaRecorder(device)), noise_for(batch)
    losses = [float(graphs(batch, noise, 1.0, seed)[0]) for seed in (1, 2, 1)]
    assert losses[0] == losses[2] != losses[1]


@pytest.mark.gpu
def test_tf32_keeps_the_loss_of_a_step_within_its_rounding_on_a_gpu(device):
    plain, _ = both_take(1, device=str(device))
    rounded, _ = both_take(1, device=str(device), train__precision="tf32")
    assert rounded[0][0].loss == pytest.approx(plain[0][0].loss, rel=1e-2)
