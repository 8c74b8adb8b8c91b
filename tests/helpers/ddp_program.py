"""What `test_distributed` starts under torchrun: trains in one or two processes, writes weights.

python -m torch.distributed.run --nproc-per-node 2 ddp_program.py OUT_DIR
python ddp_program.py OUT_DIR
"""

import json
import sys
from pathlib import Path

import torch
from model_cases import irregular_log
from safetensors.torch import save_file
from training_cases import parts, training_settings, with_poison

from latentode.models.fitted.device import rank, world_size
from latentode.models.fitted.training_log import TrainingLog
from latentode.training.execution.distributed import process_group
from latentode.training.fit import fit_model

STEPS = {
    "train__max_epochs": 2,
    "train__steps_per_epoch": 4,
    "train__objective__balance": 0.0,  # its weights are even over the windows of a process
    "model__dropout": 0.0,
}


def train(out, name, **values):
    """Train without a validator, poisoned as the name says; write weights and counters."""
    made = parts(train__batch_size=8 // world_size(), **STEPS, **values)
    trainer = made.trainer(validator=None)
    if name == "window":  # on the first process alone
        trainer.sampler = with_poison(made.sampler, [1] if rank() == 0 else [])
    if name == "part":  # all windows of the second process, in one step
        batch, poisoned = made.sampler.batch, with_poison(made.sampler, range(8))
        sound = with_poison(made.sampler, [])
        choose = {True: poisoned.batch, False: batch}
        sound.batch = lambda rows, seed, **o: choose[rank() == 1 and seed[-1] == 5](rows, seed, **o)
        trainer.sampler = sound
    trainer.fit()
    save_file(made.model.state_dict(), out / f"{name}-{rank()}.safetensors")
    facts = {"skipped": trainer.progress.skipped, "step": trainer.progress.step}
    (out / f"{name}-{rank()}.json").write_text(json.dumps(facts))


def main():
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    with process_group("cpu"):
        for name in ("plain", "window", "part"):
            train(out, name)
        config = training_settings(**STEPS)
        log, run = TrainingLog(irregular_log((60, 50, 40))), out / "run"
        fit_model(log, config, run_dir=run)
        fitted = fit_model(log, config, run_dir=run, resume=True)
        save_file(fitted.model.state_dict(), out / f"resumed-{rank()}.safetensors")


if __name__ == "__main__":
    main()
