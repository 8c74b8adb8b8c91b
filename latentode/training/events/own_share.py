"""How much of a stream's own recent rate goes into what a trained process says."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import torch

from latentode.data.dataset import Int64
from latentode.data.events import EventStreams
from latentode.models.point_processes import JumpProcess, OwnRateProcess, RateShare
from latentode.training.events.scoring import score_streams

# a model is the rule and the own rate the exception: more is not offered
_STARTS = (1e-3, 1e-2, 1e-1)
_SWITCHES = (1e-4, 1e-3, 1e-2)  # one change of mind in 10,000 events to one in a hundred
_DECAYS = (0.01, 0.1)  # in units of the mean rate: the last hundred events, or ten
_EVENTS = 20_000  # that are looked at: three numbers need no more


@torch.no_grad()
def fit_share(model: JumpProcess, streams: EventStreams, unit_ns: float) -> RateShare:
    """The share of the own rate under which streams of the training are likeliest.

    It is chosen after the model, which is not changed: the gain that a share has on streams that
    the model was trained on is a lower bound of what it is worth on others.

    Args:
        model: The trained process.
        streams: Streams of the training, ties spread.
        unit_ns: Nanoseconds in one unit of model time.
    """
    model.share = None
    rates = torch.from_numpy(streams.rates(unit_ns))
    total = float(rates.sum())
    alone, events = score_streams(model, _from_origin(streams.select(_some(streams))), unit_ns)
    found = [
        RateShare(OwnRateProcess(rates, 1 / total, decay * total), start, switch)
        for decay, start, switch in product(_DECAYS, _STARTS, _SWITCHES)
    ]
    likelihoods = [float(share.scores(events, alone, alone).log_prob().sum()) for share in found]
    return found[int(np.argmax(likelihoods))].to(model.log_decay.device)


def _from_origin(streams: EventStreams) -> EventStreams:
    """The same events with their history, of which the share is learned, as scored."""
    start = np.minimum(streams.windows[..., 0], streams.origins[:, None])
    return replace(streams, windows=np.stack([start, streams.windows[..., 1]], axis=-1))


def _some(streams: EventStreams) -> Int64:
    """Series spread over all of them, with about as many events as are looked at."""
    share = min(1.0, _EVENTS / max(1, len(streams.times)))
    count = max(1, int(share * streams.num_series))
    return np.unique(np.linspace(0, streams.num_series - 1, count).astype(np.int64))
