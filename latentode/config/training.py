"""How a model is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from latentode.config.base import CHOSEN, UNLESS_CHOSEN, Config, Duration

_STEPS_PER_EPOCH = 50  # 800 in all, a few minutes of one core
_FEWEST_STEPS, _CONTEXTS_PER_STEP = 12, 2  # where nothing stops a training in time


class OptimizerConfig(Config):
    """AdamW with linear warm-up and cosine decay."""

    lr: float = Field(3e-3, gt=0)
    min_lr_ratio: float = Field(0.02, ge=0, le=1)
    weight_decay: float = Field(1e-4, ge=0)
    warmup_steps: int = Field(50, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    ema_decay: float = Field(0.99, ge=0, lt=1)


class ObjectiveConfig(Config):
    """What is maximised."""

    name: Literal["elbo", "iwae"] = "elbo"
    num_draws: int = Field(1, ge=1)
    kl_weight: float = Field(1.0, ge=0, description="final weight of the KL term; 1 is the bound")
    kl_anneal_steps: int = Field(200, ge=0)
    balance: float = Field(
        0.5,
        ge=0,
        le=1,
        description="readings count by their predicted scale to the power of twice this, so that "
        "those that are hard to predict are learned too; 0 is the bound",
    )
    label_weight: float = Field(
        10.0,
        ge=0,
        description="weight of the labels beside the readings, where there are labels; 1 is the "
        "bound, in which hundreds of readings outweigh one label",
    )


class RegularizersConfig(Config):
    """What keeps the latent dynamics easy to solve, in training alone; all off by default.

    A weight is in nats per window for one unit of the integral along the latent path, in model
    time, that `latentode.flows.regularizers` defines.
    """

    kinetic: float = Field(0.0, ge=0)
    jacobian: float = Field(0.0, ge=0)
    second_derivative: float = Field(0.0, ge=0)
    polynomial: float = Field(0.0, ge=0)
    steer: float = Field(
        0.0, ge=0, lt=1, description="the time of a batch is stretched by a factor in 1 +- steer"
    )


class TrainConfig(Config):
    """How long and on what a model is trained."""

    max_time: Duration = "10min"
    max_epochs: int = Field(16, ge=1)
    steps_per_epoch: Annotated[int, UNLESS_CHOSEN] = Field(CHOSEN, ge=1)
    batch_size: int = Field(64, ge=1)
    buffer_readings: int = Field(
        4_000_000,
        ge=1,
        description="of a log in parts: most readings in memory at a time, in each process",
    )
    patience: int = Field(
        12, ge=1, description="epochs without a better validation CRPS before stopping"
    )
    seed: int = Field(0, ge=0)
    device: str = "cpu"
    precision: Literal["float32", "tf32"] = Field(
        "float32", description="of matrix products in training on a GPU"
    )
    on_nan: Literal["stop", "skip", "rollback"] = "rollback"
    refit: bool = Field(
        default=False,
        description="after scoring on the held-out end, train again on all of the log, for as many "
        "steps as validation chose; half of max_time is for the first training",
    )
    optimizer: OptimizerConfig = OptimizerConfig()
    fit_prior: bool = Field(
        default=False,
        description="after training, fit a flow to the encoded windows of the training part, and "
        "keep it as prior where it is better on the validation part",
    )
    objective: ObjectiveConfig = ObjectiveConfig()
    regularizers: RegularizersConfig = RegularizersConfig()

    def resolved(self, *, contexts: float | None = None) -> TrainConfig:
        """The same with a value for what is None.

        Args:
            contexts: How many contexts the training part holds, where the validation part is too
                short to stop by: a training that nothing stops in time is the shorter, the less
                there is to learn from.
        """
        steps = self.steps_per_epoch
        if steps is None:
            enough = _STEPS_PER_EPOCH if contexts is None else round(contexts / _CONTEXTS_PER_STEP)
            steps = min(max(enough, _FEWEST_STEPS), _STEPS_PER_EPOCH)
        return self.model_copy(update={"steps_per_epoch": steps})
