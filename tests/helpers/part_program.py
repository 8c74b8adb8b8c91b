"""What `test_torchrun` starts: `train` of the program on parts, which keeps each replica's weights.

python -m torch.distributed.run --nproc-per-node 2 part_program.py WEIGHTS_DIR train PARTS ...

With KILL_RANK set, that process is killed at the beginning of its third epoch, once.
"""

import os
import signal
import sys
from pathlib import Path

from safetensors.torch import save_file

from latentode.cli.app import root
from latentode.scale import training
from latentode.scale.streaming import StreamingSampler

RANK = os.environ["RANK"]
KILLED = os.environ.get("KILL_RANK") == RANK and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"


def killed_in_the_third_epoch(epoch):
    def wrapped(self, rows, num_batches, batch_size, seed):
        if KILLED and seed[-1] == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return epoch(self, rows, num_batches, batch_size, seed)

    return wrapped


def kept(fit_prepared, folder):
    def wrapped(*args, **options):
        fitted = fit_prepared(*args, **options)
        save_file(fitted.model.state_dict(), folder / f"weights-{RANK}.safetensors")
        return fitted

    return wrapped


if __name__ == "__main__":
    StreamingSampler.epoch = killed_in_the_third_epoch(StreamingSampler.epoch)
    training.fit_prepared = kept(training.fit_prepared, Path(sys.argv[1]))
    root(sys.argv[2:])
