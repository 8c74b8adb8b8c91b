"""A small pump log and models of it that were trained for two steps."""

import numpy as np
import pandas as pd
import torch
import xarray as xr

from latentode import LatentODE, LatentODEConfig

TINY = LatentODEConfig().updated(
    **{
        "model.latent_dim": 4,
        "model.hidden_dim": 8,
        "train.max_epochs": 1,
        "train.steps_per_epoch": 2,
        "train.batch_size": 4,
        "train.max_time": None,
        "windows.context": "12h",
        "windows.horizon": "6h",
        "windows.max_queries": 32,
        "solver.step_size": 0.5,
    }
)
HOUR = 3_600_000_000_000


def wide_frame(num_rows=80, names=("p1", "p2"), extras=False):
    """Two pumps, a reading every half hour or so, a gap in each channel."""
    generator = np.random.default_rng(0)
    frames = []
    for index, name in enumerate(names):
        minutes = np.sort(generator.choice(40 * 60, num_rows, replace=False))
        phase = minutes / 300 + index
        frame = pd.DataFrame(
            {
                "pump": name,
                "timestamp": pd.Timestamp("2024-05-01", tz="UTC")
                + pd.to_timedelta(minutes, unit="min"),
                "pressure": 5 + np.sin(phase) + 0.1 * generator.normal(size=num_rows),
                "flow": 100 + 10 * np.cos(phase) + generator.normal(size=num_rows),
            }
        )
        frame.loc[frame.index[5:9], "flow"] = np.nan
        if extras:
            frame["valve"] = (minutes // 600 % 2).astype(float)
            frame["age"] = 3.0 + index
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def tiny(log, config=TINY, **columns):
    return LatentODE(random_state=0, config=config).fit(log, **columns)


def equal(first, second):
    xr.testing.assert_identical(
        first.drop_attrs(), second.drop_attrs()
    )  # attributes hold the time of creation


def perturb(model, size=0.3):
    """Two steps of training leave most parts near rest: move every weight, so that each matters."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.fitted_.model.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
