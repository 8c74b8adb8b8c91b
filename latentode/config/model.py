"""The parts of a model, their sizes, and how its equation is solved."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, PlainSerializer, WrapValidator, model_validator

from latentode.config.base import CHOSEN, UNLESS_CHOSEN, Config
from latentode.config.toml import NONE

#: Likelihoods of readings; each is a module of `latentode.models.likelihoods`.
LikelihoodName = Literal["gaussian", "student_t", "flow"]

#: Encoders of what a window shows; `latentode.models.encoders` has their classes.
EncoderName = Literal["rnn", "ode_rnn", "attention", "rnn_attention"]

#: Names that programs have given parts of their own, by setting; see `latentode.register`.
REGISTERED: dict[str, set[str]] = {"encoder": set(), "likelihood": set(), "label_head": set()}


def _or_registered(setting: str, *listed: str | None) -> tuple[WrapValidator, PlainSerializer]:
    """Let a setting take some values, and the names of registered parts."""

    def check(value: Any, _inner: Any) -> Any:
        value = None if value == NONE and None in listed else value
        known = [*listed, *sorted(REGISTERED[setting])]
        if value in known:
            return value
        raise ValueError(
            f"expected {', '.join(name or NONE for name in known)}, got {value!r} (register a part "
            "of your own first: latentode.register)"
        )

    return WrapValidator(check), PlainSerializer(lambda value: value)


# training series from which each of the larger `_SIZES` is taken: a network remembers fewer
_MANY_SERIES = (50, 500)


_SIZES: tuple[dict[str, Any], ...] = (
    {"latent_dim": 16, "hidden_dim": 64, "levels": False, "dropout": 0.1},
    {"latent_dim": 16, "hidden_dim": 64, "levels": True, "dropout": 0.1},
    {"latent_dim": 32, "hidden_dim": 128, "levels": True, "dropout": 0.0},
)


#: Methods whose steps all have one length.
FIXED_STEP = ("ab4", "rk4")


class SolverConfig(Config):
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
    max_nfe: int = Field(20_000, ge=1, description="budget of evaluations of the field per solve")

    def evaluations(self, intervals: int) -> int:
        """Evaluations of the field that a solve takes; of an adaptive method, the fewest.

        Args:
            intervals: Intervals of the dense output.
        """
        if self.method in FIXED_STEP and self.gradient == "checkpoint":
            return intervals * self._of_steps(self.substeps)
        if self.method in FIXED_STEP and self.gradient == "backprop":
            return self._of_steps(intervals * self.substeps)
        # torchdiffeq's states have their slopes evaluated afterwards
        per_step = 4 * self.substeps if self.method == "rk4" else 0
        return (per_step + 1) * intervals + 1

    def _of_steps(self, steps: int) -> int:
        """Each step by RK4 takes three more than one by AB4, which needs three to have a past."""
        return 3 * (steps if self.method == "rk4" else min(3, steps)) + steps + 1

    @property
    def reach(self) -> float:
        """Longest span, in model time, that `max_nfe` evaluations can be enough for."""
        if self.step_size is None:
            return math.inf
        each = self.evaluations(4) - self.evaluations(3)  # AB4 has a past by then
        intervals = max(1, (self.max_nfe - self.evaluations(3)) // each + 3)
        return intervals * self.step_size * self.substeps


class ModelConfig(Config):
    """The parts of a Latent ODE and their sizes; see `resolved` for those that are None."""

    latent_dim: Annotated[int, UNLESS_CHOSEN] = Field(CHOSEN, ge=1, le=1024)
    hidden_dim: Annotated[int, UNLESS_CHOSEN] = Field(CHOSEN, ge=1, le=8192)
    encoder: Annotated[EncoderName, *_or_registered("encoder", *get_args(EncoderName))] = (
        "rnn_attention"
    )
    anchor: Literal["origin", "start"] = "origin"
    levels: Annotated[bool, UNLESS_CHOSEN] = Field(
        CHOSEN,
        description="the encoder sees readings as they are, not less the newest of their channel",
    )
    pooled: Annotated[bool, UNLESS_CHOSEN] = Field(
        CHOSEN,
        description="windows have a level, and channels correct each other in forecasts too, which "
        "takes many series to learn",
    )
    knots: int = Field(
        16,
        ge=0,
        le=256,
        description="latent states along a typical history, each inferred from what was read "
        'around it, with the anchor "origin"; 0: one path through the state at the anchor',
    )
    dynamics: Literal["autonomous", "time", "inputs"] = "inputs"
    dynamics_noise: Literal["none", "learned"] = Field(
        "none",
        description="learned: the latent path from the anchor on is that of a stochastic "
        "differential equation, whose diffusion is learned",
    )
    prior: Literal["normal", "cnf"] = "normal"
    posterior: Literal["normal", "cnf"] = "normal"
    likelihood: Annotated[
        LikelihoodName, *_or_registered("likelihood", *get_args(LikelihoodName))
    ] = "student_t"
    noise: Literal["constant", "state"] = Field(
        "state", description="scale per channel, or also per time"
    )
    memory: bool = Field(
        default=True,
        description="nearest and recent readings count beside the trajectory; false: as in the "
        "classic Latent ODE (which has no knots) the trajectory alone, whose states then say more",
    )
    label_head: Annotated[str | None, *_or_registered("label_head", None)] = Field(
        None,
        description="head of labels of your own, by the name it is registered under; None: that "
        "of the kind of the labels",
    )
    dropout: Annotated[float, UNLESS_CHOSEN] = Field(CHOSEN, ge=0, lt=1)
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
        if self.refine and self.dynamics_noise != "none":
            raise ValueError(
                "expected dynamics_noise = 'none' where refine is above 0, got "
                f"{self.dynamics_noise!r}"
            )
        return self

    def resolved(self, num_series: int = 0, *, unseen: bool = True) -> ModelConfig:
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
