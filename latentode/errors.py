"""The errors of latentode, each also a built-in, so that callers may catch either.

::

    LatentODEError
    |-- DataError          (ValueError)    a log cannot be read or used            exit code 3
    |-- ShapeError         (ValueError)    tensors disagree on their axes          exit code 1
    |-- ConfigError        (ValueError)    a setting is unknown or out of range    exit code 4
    |-- NotFittedError     (RuntimeError)  predict before fit                      exit code 2
    |-- CheckpointError    (RuntimeError)  a model folder is broken or tampered    exit code 5
    |-- SolverError        (RuntimeError)  a solve failed; carries its status      exit code 6
    |-- TrainingError      (RuntimeError)  training diverged beyond recovery       exit code 6
    |-- ResourceError      (RuntimeError)  disk, memory or a limit is exhausted    exit code 7
    |-- PartsError         (RuntimeError)  some parts of a log have failed         exit code 7
    |-- OutputExistsError  (FileExistsError)  an output exists or a run is locked  exit code 8
    `-- ModelCheckError    (AssertionError)  a model breaks a rule of check_model  exit code 1

    LatentODEWarning (UserWarning)
    `-- LogWarning                     what was decided while a log was read
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

SolverStatus = Literal["ok", "max_steps", "dt_underflow", "non_finite", "inaccurate"]


class LatentODEError(Exception):
    """Base of every error that latentode raises on purpose.

    Attributes:
        kind: Short name of the class, as the command line reports it.
        exit_code: Of a command that fails with it.
    """

    kind = "internal"
    exit_code = 1

    def __init_subclass__(cls, *, kind: str, exit_code: int = 1) -> None:
        super().__init_subclass__()
        cls.kind, cls.exit_code = kind, exit_code


class DataError(LatentODEError, ValueError, kind="data", exit_code=3):
    """A log cannot be read, or holds what a model cannot use."""


class ShapeError(LatentODEError, ValueError, kind="shape"):
    """Two tensors disagree on an axis that they should share."""


class ConfigError(LatentODEError, ValueError, kind="config", exit_code=4):
    """A setting is unknown, out of range, or cannot be combined with another."""


class NotFittedError(LatentODEError, RuntimeError, kind="not_fitted", exit_code=2):
    """A prediction was asked of an estimator that was never fitted."""


class CheckpointError(LatentODEError, RuntimeError, kind="checkpoint", exit_code=5):
    """A model folder or checkpoint is missing, broken, tampered with or of another version."""


class SolverError(LatentODEError, RuntimeError, kind="solver", exit_code=6):
    """A solve failed.

    Attributes:
        status: Why: "max_steps", "dt_underflow", "non_finite" or "inaccurate".
        time_reached: Last time offset with a finite state, in model time units.
        series: Batch indices of the series that failed, where they can be told apart.
    """

    def __init__(
        self,
        message: str,
        *,
        status: SolverStatus,
        time_reached: float,
        series: Sequence[int] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.time_reached = time_reached
        self.series = tuple(series)


class TrainingError(LatentODEError, RuntimeError, kind="training", exit_code=6):
    """Training diverged, and recovery from the last good state did not help."""


class ResourceError(LatentODEError, RuntimeError, kind="resources", exit_code=7):
    """A disk, memory or size limit was reached."""


class PartsError(LatentODEError, RuntimeError, kind="parts", exit_code=7):
    """Some parts of a log have failed; the results of all others stand."""


class OutputExistsError(LatentODEError, FileExistsError, kind="exists", exit_code=8):
    """An output exists already, or another process holds the run."""


class ModelCheckError(LatentODEError, AssertionError, kind="model_check"):
    """A model breaks a rule that `latentode.check_model` holds every model to.

    Attributes:
        checks: What came out of every check, a `latentode.checks.ModelChecks`.
    """

    def __init__(self, message: str, checks: Any) -> None:
        super().__init__(message)
        self.checks = checks


class LatentODEWarning(UserWarning):
    """Something was decided for the caller that the caller may want to know."""


class LogWarning(LatentODEWarning):
    """What was decided while a log was read, and what of it was left out.

    Attributes:
        decisions: What was decided, each with "about", "choice", "evidence", "confidence" and
            "option".
        left_out: Column -> why it is not read.
        counts: Reason -> rows or cells that were left out, merged or changed.
    """

    def __init__(
        self,
        message: str,
        *,
        decisions: Sequence[Mapping[str, Any]] = (),
        left_out: Mapping[str, str] | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.decisions = tuple(decisions)
        self.left_out = dict(left_out or {})
        self.counts = dict(counts or {})
