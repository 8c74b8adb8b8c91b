"""What a model and a run of version 0.1.0, made before files were moved, must still do.

    python tests/helpers/before_the_moves.py

was run with that version, and wrote ``expected.safetensors``. Its draws of readings were written
anew when their noise became that of a copula, and all of it when the noise of latent states was
hashed otherwise. ``resumed`` was written anew when dropout came to draw other random numbers: with
those of torch its weights were within 3e-8 of what that version had made.
"""

import hashlib
from pathlib import Path

import torch
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "before_the_moves"
EXPECTED = FOLDER / "expected.safetensors"


def predictions():
    """Readings, latent states, densities, rates and classes by the stored model."""
    import numpy as np

    from latentode import LatentODE

    model, log = LatentODE.load(FOLDER / "model"), FOLDER / "log.csv"
    arrays = {
        "forecast": model.forecast(log, every="2h", align="origin", num_draws=4)["value"],
        "interpolation": model.interpolate(log, every="6h", align="origin", num_draws=4)["value"],
        "latent": model.latent_trajectory(log, every="6h", align="origin", num_draws=2)["value"],
        "log_prob": model.score(log, num_draws=3)["log_prob"],
        "classes": model.classify(log, num_draws=3),
        "rates": model.events.intensity(log, every="6h", align="origin", num_draws=2)["intensity"],
    }
    found = {n: torch.from_numpy(np.array(a, np.float64, order="C")) for n, a in arrays.items()}
    return {name: value.nan_to_num(nan=-1e9) for name, value in found.items()}


def arithmetic():
    """A digest of some float32 arithmetic: bits are the same where this is."""
    x = torch.sin(torch.arange(3 * 64 * 65, dtype=torch.float32)).reshape(3, 64, 65)
    total = torch.tanh(x @ x.mT).exp().cumsum(-1) @ x
    return hashlib.sha256(total.numpy().tobytes()).hexdigest()


if __name__ == "__main__":
    torch.set_num_threads(1)
    save_file(predictions(), EXPECTED, {"arithmetic": arithmetic()})
