"""Files that were exported: the same answers by onnxruntime, in a process without torch."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from export_cases import fitted, log_of_kinds

from latentode import LatentODE
from latentode.export.files import export
from latentode.runtime.exported import ABOUT

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)
# torch takes minutes to follow a model for windows, rows and times of any number
pytestmark = pytest.mark.slow

ASK = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchdiffeq"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NoTorch())
import numpy as np
from latentode import ExportedLatentODE
model = ExportedLatentODE.load(sys.argv[1])
for draws in (5, 40):
    for every in ("2h", "7h"):
        found = model.forecast(every=every, num_draws=draws)
        np.save(f"{sys.argv[2]}/{draws}-{every}.npy", found["value"].values)
"""


@pytest.mark.parametrize("name", ["ode_rnn from the start", "pooled, of kinds"])
def test_a_process_without_torch_forecasts_as_the_model_does(name, tmp_path):
    model = fitted(name)
    path = tmp_path / "model.onnx"
    export(model, path)
    command = [sys.executable, "-W", "ignore", "-c", ASK, str(path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    estimator = LatentODE(config=model.config)
    estimator.fitted_ = model
    for draws in (5, 40):
        for every in ("2h", "7h"):
            expected = estimator.forecast(every=every, num_draws=draws)["value"].values
            found = np.load(tmp_path / f"{draws}-{every}.npy")
            scale = model.schema.scaler.scale
            far = np.abs(found - expected) > 2e-5 * (np.abs(expected) + scale)
            assert far[np.isfinite(expected)].mean() < 1e-3


def test_a_program_of_torch_has_the_same_graph_and_facts(tmp_path):
    path, extra = tmp_path / "model.pt2", {ABOUT: ""}
    export(fitted("attention without memory"), path)
    program = torch.export.load(path, extra_files=extra)
    assert json.loads(extra[ABOUT])["data"]["channels"] == list(log_of_kinds().channels)
    assert len(program.graph_signature.user_inputs) == 12
