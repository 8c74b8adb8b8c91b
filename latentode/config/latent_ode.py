"""Frozen, validated settings of every part; unknown keys are errors, TOML in and out.

All durations are strings with a unit ("90s", "10min", "48h", "7d") or plain numbers in the unit
of an elapsed clock. ``None`` means "chosen from the data, and stated".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
    model_validator,
)

from latentode.config.durations import parse_duration
from latentode.config.messages import explain
from latentode.config.toml import NONE, read_toml, render_toml, set_dotted
from latentode.errors import ConfigError


def _check_duration(value: Any) -> Any:
    if value == NONE:
        return None
    if value is not None:
        try:
            parse_duration(value, "s")
        except ConfigError as error:
            raise ValueError(str(error)) from None
    return value if value is None else str(value)


# None passes, to be chosen from the data: types are those of a settled config
_CHOSEN: Any = None
_UNLESS_CHOSEN = WrapValidator(lambda value, check: None if value in (None, NONE) else check(value))
_MANY_SERIES = (50, 500)
_STEPS_PER_EPOCH = {False: 12, True: 50}
_SIZES: tuple[dict[str, Any], ...] = (
    {"latent_dim": 16, "hidden_dim": 64, "levels": False, "dropout": 0.1},
    {"latent_dim": 16, "hidden_dim": 64, "levels": True, "dropout": 0.1},
    {"latent_dim": 32, "hidden_dim": 128, "levels": True, "dropout": 0.0},
)

Duration = Annotated[str | None, BeforeValidator(_check_duration)]


class _Config(BaseModel):
    # numbers are finite: neither JSON nor the reader of TOML would give an infinity back
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ColumnsConfig(_Config):
    """Which columns of a log mean what; None is detected."""

    time: str | None = None
    id: str | None = None
    channels: tuple[str, ...] | None = None
    channel: str | None = Field(None, description="long layout: column with the channel's name")
    value: str | None = Field(None, description="long layout: column with the value")
    static: tuple[str, ...] = ()
    future: tuple[str, ...] = Field((), description="known inputs, given for future times as well")


class TimeConfig(_Config):
    """How time stamps are written."""

    unit: Literal["auto", "iso", "s", "ms", "us", "ns", "min", "h", "d", "excel"] = "auto"
    tz: str | None = Field(None, description="zone of naive time stamps")
    dayfirst: bool | None = None
    format: str | None = Field(None, description="strptime format of the time column")


class CellsConfig(_Config):
    """How cells are written, and what to do with bad ones."""

    sep: str | None = None
    decimal: Literal[".", ","] = "."
    encoding: str | None = None
    na: tuple[str, ...] = ()
    on_bad_row: Literal["error", "drop", "nan"] = "error"
    max_bad: float = Field(
        0.01, ge=0, le=1, description="largest share of bad cells that is accepted"
    )


class DataConfig(_Config):
    """How a log is read."""

    layout: Literal["auto", "wide", "long", "influx", "homeassistant"] = "auto"
    columns: ColumnsConfig = ColumnsConfig()
    time: TimeConfig = TimeConfig()
    cells: CellsConfig = CellsConfig()
    duplicates: Literal["error", "mean", "first", "last"] = "mean"
    min_obs: int = Field(2, ge=1, description="series with fewer readings are left out of training")
    clip_outliers: float | None = Field(None, gt=0, description="clip beyond this many robust sd")
    max_channels: int = Field(1_000, ge=1)


class WindowConfig(_Config):
    """How series are split and cut into windows."""

    context: Duration = None
    horizon: Duration = None
    split: Literal["auto", "time", "series"] = "auto"
    train_fraction: float = Field(0.7, gt=0, lt=1)
    validation_fraction: float = Field(0.1, gt=0, lt=1)
    max_rows: int = Field(512, ge=2, description="newest rows of a context that the encoder reads")
    max_queries: int = Field(
        128, ge=1, description="most rows that are predicted in a training window"
    )

    @model_validator(mode="after")
    def _leaves_a_test_part(self) -> Self:
        if self.train_fraction + self.validation_fraction >= 1:
            raise ValueError(
                "expected train_fraction + validation_fraction below 1, so that a test part is "
                f"left, got {self.train_fraction} + {self.validation_fraction}"
            )
        return self


class SolverConfig(_Config):
    """How an ordinary differential equation is solved.

    Fixed steps are taken by "ab4" (Adams-Bashforth, one evaluation a step) and "rk4" (four, but
    stable for steps ten times as long); the other methods choose their steps themselves.
    """

    method: Literal["ab4", "rk4", "dopri5", "bosh3", "dopri8", "adaptive_heun"] = "ab4"
    step_size: float | None = Field(
        None,
        gt=0,
        description="step in model time, for adaptive methods the spacing of the dense output; "
        "None is chosen by a pilot solve",
    )
    substeps: int = Field(1, ge=1, description="steps between two points of the dense output")
    tolerance: float = Field(
        1e-3, gt=0, description="relative error of the states that a chosen step may have"
    )
    rtol: float = Field(1e-5, gt=0)
    atol: float = Field(1e-6, gt=0)
    gradient: Literal["backprop", "checkpoint", "adjoint"] = "backprop"
    max_nfe: int = Field(20_000, ge=1, description="budget of evaluations of the field, a solve")


class ModelConfig(_Config):
    """The parts of a Latent ODE and their sizes; see `settled` for those that are None."""

    latent_dim: Annotated[int, _UNLESS_CHOSEN] = Field(_CHOSEN, ge=1, le=1024)
    hidden_dim: Annotated[int, _UNLESS_CHOSEN] = Field(_CHOSEN, ge=1, le=8192)
    encoder: Literal["rnn", "ode_rnn", "attention", "rnn_attention"] = "rnn_attention"
    anchor: Literal["origin", "start"] = "origin"
    levels: Annotated[bool, _UNLESS_CHOSEN] = Field(
        _CHOSEN,
        description="the encoder sees readings as they are, not less the newest of their channel",
    )
    pooled: Annotated[bool, _UNLESS_CHOSEN] = Field(
        _CHOSEN,
        description="windows have a level, and channels correct each other in forecasts too, which "
        "takes many series to learn",
    )
    knots: int = Field(
        16,
        ge=0,
        le=256,
        description="latent states along a typical context, each inferred from what was read "
        'around it, with the anchor "origin"; 0: one path through the state at the anchor',
    )
    dynamics: Literal["autonomous", "time", "inputs"] = "inputs"
    prior: Literal["normal", "cnf"] = "normal"
    posterior: Literal["normal", "cnf"] = "normal"
    likelihood: Literal["gaussian", "student_t", "flow"] = "student_t"
    noise: Literal["constant", "state"] = Field(
        "state", description="scale per channel, or also per time"
    )
    memory: bool = Field(
        default=True,
        description="nearest and recent readings count beside the trajectory; false: as in the "
        "classic Latent ODE (which has no knots) the trajectory alone, whose states then say more",
    )
    dropout: Annotated[float, _UNLESS_CHOSEN] = Field(_CHOSEN, ge=0, lt=1)
    refine: int = Field(
        0, ge=0, le=10_000, description="steps that improve a posterior before it predicts"
    )

    @model_validator(mode="after")
    def _refines_what_a_path_alone_says(self) -> Self:
        if self.refine and (self.memory or self.knots or self.posterior != "normal"):
            raise ValueError(
                "expected memory = false, knots = 0 and posterior = 'normal' where refine is above "
                f"0, got {str(self.memory).lower()}, {self.knots} and {self.posterior!r}"
            )
        return self

    def settled(self, num_series: int = 0, *, unseen: bool = True) -> ModelConfig:
        """The same with a value for everything that is None, from what there is to learn from.

        Absolute levels tell the series of a small log apart, and a network remembers them; and a
        large network learns the noise of few series.

        Args:
            num_series: Training series.
            unseen: Whether others are to be predicted, not the future of the same.
        """
        learned = num_series if unseen else 0
        chosen = _SIZES[sum(learned >= least for least in _MANY_SERIES)]
        chosen = chosen | {"pooled": num_series >= _MANY_SERIES[0]}
        kept = {k: v for k, v in self.model_dump().items() if v is not None}
        return type(self)(**(chosen | kept))


class OptimizerConfig(_Config):
    """AdamW with linear warm-up and cosine decay."""

    lr: float = Field(3e-3, gt=0)
    min_lr_ratio: float = Field(0.02, ge=0, le=1)
    weight_decay: float = Field(1e-4, ge=0)
    warmup_steps: int = Field(50, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    ema_decay: float = Field(0.99, ge=0, lt=1)


class ObjectiveConfig(_Config):
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
        description="nats for one nat of a window's label, where there are labels; 1 is the bound, "
        "in which hundreds of readings outweigh one label",
    )


class RegularizersConfig(_Config):
    """What keeps the latent dynamics easy to solve, in training alone; all off by default.

    A weight is in nats a window for one unit of the integral along the latent path, in model time,
    that `latentode.flows.regularizers` defines.
    """

    kinetic: float = Field(0.0, ge=0)
    jacobian: float = Field(0.0, ge=0)
    second_derivative: float = Field(0.0, ge=0)
    polynomial: float = Field(0.0, ge=0)
    steer: float = Field(
        0.0, ge=0, lt=1, description="the time of a batch is stretched by a factor in 1 +- steer"
    )


class TrainConfig(_Config):
    """How long and on what a model is trained."""

    max_time: Duration = "10min"
    max_epochs: int = Field(16, ge=1)
    steps_per_epoch: Annotated[int, _UNLESS_CHOSEN] = Field(_CHOSEN, ge=1)
    batch_size: int = Field(64, ge=1)
    patience: int = Field(
        12, ge=1, description="epochs without a better validation CRPS before stopping"
    )
    seed: int = Field(0, ge=0)
    device: str = "cpu"
    precision: Literal["float32", "tf32"] = Field(
        "float32", description="of matrix products in training on a GPU"
    )
    on_nan: Literal["stop", "skip", "rollback"] = "rollback"
    optimizer: OptimizerConfig = OptimizerConfig()
    fit_prior: bool = Field(
        default=False,
        description="after training, fit a flow to the encoded windows of the training part, and "
        "keep it as prior where it is better on the validation part",
    )
    objective: ObjectiveConfig = ObjectiveConfig()
    regularizers: RegularizersConfig = RegularizersConfig()

    def settled(self, *, stops_early: bool = True) -> TrainConfig:
        """The same with a value for what is None.

        Args:
            stops_early: Whether the validation part is long enough to stop by; a training that
                nothing stops in time is short.
        """
        steps = self.steps_per_epoch or _STEPS_PER_EPOCH[stops_early]
        return self.model_copy(update={"steps_per_epoch": steps})


class LatentODEConfig(_Config):
    """Every setting of a run."""

    data: DataConfig = DataConfig()
    windows: WindowConfig = WindowConfig()
    model: ModelConfig = ModelConfig()
    solver: SolverConfig = SolverConfig()
    train: TrainConfig = TrainConfig()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LatentODEConfig:
        """Build from nested dictionaries, defaults for what is absent.

        Raises:
            ConfigError: If a key is unknown (with the nearest known) or a value is out of range.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(explain(cls, error)) from None

    @classmethod
    def from_toml(cls, path: str | Path) -> LatentODEConfig:
        """Read a TOML file; see `from_dict`."""
        return cls.from_dict(read_toml(path))

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionaries of JSON types, from which `from_dict` builds the same config."""
        return self.model_dump(mode="json")

    def updated(self, **values: Any) -> LatentODEConfig:
        """Replace settings by dotted name, for example ``updated(**{"model.latent_dim": 8})``."""
        merged = self.to_dict()
        for name, value in values.items():
            set_dotted(merged, name, value)
        return type(self).from_dict(merged)

    def to_toml(self) -> str:
        """Write as TOML that `from_toml` reads back exactly."""
        return render_toml(self.to_dict(), type(self)().to_dict())
