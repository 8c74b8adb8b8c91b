import pytest
import torch

from benchmarks import gpu_step
from benchmarks.frame import Options


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_the_task_says_why_it_measures_nothing():
    with pytest.raises(SystemExit, match="speed-gpu: expected a CUDA device, got none"):
        gpu_step.run(Options(gpu_step.PROTOCOL))


@pytest.mark.slow  # torch imports its compiler for the device "meta"
def test_operations_grow_with_the_series_and_count_products_in_place():
    protocol = gpu_step.PROTOCOL | {"encoder": "attention", "steps": 8}
    one, two = (gpu_step.flops(protocol, series, 16) for series in (8, 16))
    # but for products that no series has a part in
    assert two == pytest.approx(2 * one, rel=0.05)
    # the field alone: forward, recomputed, pulled back and gradient of weights, at 17 nodes or more
    weights = 16 * 64 + 64 * 64 + 64 * 16
    assert one > 4 * 2 * weights * 17 * 3 * 8


def test_a_graph_that_gains_too_little_at_64_series_is_reported():
    runs = [
        {"workload": f"W2, {series} x 16", "eager_ms": 12.0, "graphed_ms": graphed}
        for series, graphed in ((64, 2.0), (64, 4.0), (512, 9.0))
    ]
    assert gpu_step.check({"runs": runs}) == [
        "W2, 64 x 16: expected eager / graph of at least 5, got 3."
    ]


@pytest.mark.gpu
def test_a_smoke_run_has_all_columns(device):
    assert device.type == "cuda"
    runs = gpu_step.run(Options(gpu_step.PROTOCOL | gpu_step.SMOKE))["runs"]
    assert runs[0]["graphed_launches"] < runs[0]["eager_launches"]
    assert "graph ms" in gpu_step.tables({"runs": runs})
