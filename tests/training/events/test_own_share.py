import numpy as np
import torch
from event_cases import F64, SECOND, jump_process, streams

from latentode.data.batches.event_batch import EventBatch
from latentode.prediction import next_event
from latentode.training.events.own_share import fit_share


def drawn_from(process, count, end):
    """Streams of the process itself."""
    nothing = EventBatch.of(streams([[]] * count, window=(0.0, 1e-9)), SECOND)
    generator = torch.Generator().manual_seed(0)
    future = next_event.simulate(process, next_event.present(process, nothing), end, 1, generator)
    return [row[row.isfinite()].tolist() for row in future.times[0]]


def regular(count, gap, end):
    return [np.arange(gap * (i + 1) / count, end, gap).tolist() for i in range(count)]


def test_streams_of_the_process_get_the_least_share_and_of_another_pace_the_most():
    process = jump_process(kinds=1, step=1.0)
    own = streams(drawn_from(process, 12, 60.0), window=(0.0, 60.0))
    other = streams(regular(12, 0.2, 60.0), window=(0.0, 60.0))
    few, many = (fit_share(process, part, SECOND) for part in (own, other))
    assert few.start * few.switch < many.start * many.switch
    assert many.start == 0.1
    for part, share in ((own, few), (other, many)):
        batch = EventBatch.of(part, SECOND)
        alone = process.score(batch)
        gain = (share.scores(batch, alone, alone).log_prob() - alone.log_prob()).sum()
        # two events in three thousand is what a share may cost where it is not needed
        assert gain > -0.5


def test_history_counts_as_evidence():
    process = jump_process(kinds=1, step=1.0)
    rows = regular(6, 0.2, 60.0)
    whole = streams(rows, window=(0.0, 60.0))
    late = whole.between(30 * SECOND, 60 * SECOND)
    shares = [fit_share(process, part, SECOND) for part in (whole, late)]
    assert shares[0].start == shares[1].start
    assert shares[0].switch == shares[1].switch
    assert process.share is None
    assert shares[0].own.mean_rates.dtype == F64
