"""Density of the rows of a table, in the manner of scikit-learn."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from latentode.config import SolverConfig
from latentode.errors import ConfigError, DataError, NotFittedError
from latentode.flows.base import BaseName
from latentode.flows.cnf import CNF
from latentode.flows.fitting import FlowFitConfig, fit_flow
from latentode.flows.solvers import TRAIN_SOLVER, finer

_ROWS_AT_ONCE = 4_096  # bounds the memory of a solve, however long the table is


class DensityEstimator:
    r"""Continuous normalizing flow on standardised columns, fitted to the rows of a table.

    A warm start by flow matching, then maximum likelihood with the exact trace. Densities are those
    of the columns in their own units: the standardisation adds :math:`-\sum_c \log s_c`.

    Args:
        hidden_dims: Hidden layers of the field.
        base: "normal", or "student_t" for columns with heavy tails.
        fit_config: Steps, step sizes, pairing, regularisers.
        solver: Solver of training; densities are evaluated with steps four times finer.
        random_state: Seed of weights, batches and draws.

    Attributes:
        flow_: The fitted flow, in evaluation mode.
        report_: Losses, the trace used, and the gap between both solvers, below 0.05 nat.
        n_features_in_: Number of columns.
        feature_names_in_: Their names, if the table had any.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(200, 2))
        >>> brief = FlowFitConfig(warm_up_steps=20, steps=2)
        >>> DensityEstimator(fit_config=brief).fit(rows).score_samples(rows).shape
        (200,)
    """

    def __init__(
        self,
        *,
        hidden_dims: tuple[int, ...] = (128, 128),
        base: BaseName = "normal",
        fit_config: FlowFitConfig = FlowFitConfig(),  # noqa: B008 -- frozen
        solver: SolverConfig = TRAIN_SOLVER,
        random_state: int = 0,
    ) -> None:
        self.hidden_dims = hidden_dims
        self.base = base
        self.fit_config = fit_config
        self.solver = solver
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> DensityEstimator:  # noqa: ARG002
        """Fit to the rows of a frame or array, afresh.

        Args:
            X: Table of finite numbers, shape (row, column).
            y: Ignored; stands for scikit-learn's pipelines.

        Returns:
            The estimator.

        Raises:
            DataError: If the table has missing or infinite cells, or a column that is constant.
            SolverError: If the solver of training is too coarse for the field that was learned.
        """
        rows = _table(X)
        _check_columns(rows)
        vars(self).pop("feature_names_in_", None)  # of an earlier table
        names = getattr(X, "columns", None)
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        self.n_features_in_ = rows.shape[1]
        generator = torch.Generator().manual_seed(self.random_state)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            flow = CNF(
                rows.shape[1], hidden_dims=self.hidden_dims, base=self.base, solver=self.solver
            )
        data = torch.from_numpy(rows)
        # in float64 before the flow's own precision: a column may be far from zero
        self._mean, self._std = data.mean(0), data.std(0)
        standard = ((data - self._mean) / self._std).to(torch.get_default_dtype())
        self.report_ = fit_flow(flow, standard, config=self.fit_config, generator=generator)
        self.flow_ = flow
        return self

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """Log-density in nats of each row, in the units of the columns, with the exact trace.

        Raises:
            NotFittedError: Before `fit`.
            DataError: If the table has other columns than that of `fit`, or missing cells.
        """
        rows = torch.from_numpy(self._known(X))
        standard = ((rows - self._mean) / self._std).to(torch.get_default_dtype())
        with torch.no_grad():
            # given by hand: the gap was checked in fit, and one outlier shall not refuse a table
            parts = [
                self.flow_.evaluate(part, solver=finer(self.flow_.solver)).log_prob
                for part in standard.split(_ROWS_AT_ONCE)
            ]
        return (torch.cat(parts).double() - self._std.log().sum()).numpy()

    def score(self, X: ArrayLike, y: object = None) -> float:  # noqa: ARG002
        """Mean log-density in nats a row."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1, random_state: int | None = None) -> NDArray[np.float64]:
        """Draw rows, shape (n_samples, column), in the units of the columns.

        Raises:
            NotFittedError: Before `fit`.
        """
        self._check_fitted()
        seed = self.random_state if random_state is None else random_state
        drawn = self.flow_.sample((n_samples,), generator=torch.Generator().manual_seed(seed))
        return (self._mean + self._std * drawn.double()).numpy()

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Arguments of the constructor."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> DensityEstimator:
        """Change arguments of the constructor.

        Raises:
            ConfigError: If a name is unknown.
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ConfigError(
                    f"{name}: expected one of {', '.join(known)}, got an unknown name. Correct it."
                )
            setattr(self, name, value)
        return self

    def _check_fitted(self) -> None:
        if not hasattr(self, "flow_"):
            raise NotFittedError(
                "DensityEstimator: expected a fitted estimator, got a new one. Call fit first."
            )

    def _known(self, table: ArrayLike) -> NDArray[np.float64]:
        self._check_fitted()
        rows = _table(table)
        if rows.shape[1] != self.n_features_in_:
            raise DataError(
                f"table: expected the {self.n_features_in_} columns of fit, got {rows.shape[1]}. "
                "Select the same columns in the same order."
            )
        names, known = getattr(table, "columns", None), getattr(self, "feature_names_in_", None)
        if names is not None and known is not None and list(names) != list(known):
            raise DataError(
                f"table: expected columns {list(known)}, got {list(names)}. "
                "Select the same columns in the same order."
            )
        return rows


def _table(table: ArrayLike) -> NDArray[np.float64]:
    try:
        rows = np.asarray(table, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"table: expected numbers, got {error}. Drop or encode text.") from None
    if rows.ndim != 2 or rows.size == 0:
        raise DataError(
            f"table: expected rows and columns, got shape {rows.shape}. Give one row a sample."
        )
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0].tolist()
        raise DataError(
            f"table: expected finite numbers, got {rows[row, column]} in row {row}, column "
            f"{column}. Drop or fill such rows."
        )
    return np.ascontiguousarray(rows)


def _check_columns(rows: NDArray[np.float64]) -> None:
    if len(rows) < 2:
        raise DataError("table: expected 2 or more rows to fit, got 1. Give more.")
    constant = np.flatnonzero(rows.std(axis=0) <= 1e-12 * np.abs(rows).max(axis=0))
    if len(constant):
        raise DataError(
            f"table: expected columns that vary, got a constant in column {int(constant[0])}. "
            "Drop it: its density is infinite."
        )
