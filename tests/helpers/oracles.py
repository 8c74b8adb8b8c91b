"""Truths by other means: closed forms, direct loops and dense linear algebra, in float64."""

import numpy as np


def nearest_by_loop(times, mask, length, query):
    """Per channel: (row, gap) of the last reading at or before a query, and of the first after it.

    (0, inf) where there is none; `times` and `mask` of one window.
    """
    found = np.zeros((2, mask.shape[1]), dtype=int), np.full((2, mask.shape[1]), np.inf)
    for channel in range(mask.shape[1]):
        for row in range(length):
            if not mask[row, channel]:
                continue
            side = 0 if times[row] <= query else 1
            if side == 1 and np.isfinite(found[1][1, channel]):
                continue
            found[0][side, channel] = row
            found[1][side, channel] = abs(query - times[row])
    return found


def kriging(rates, weights, gaps, residuals):
    """Mean and variance of a stationary process given up to two noisy neighbours, by a dense solve.

    Args:
        rates: Rates of the exponentials, shape (rate,).
        weights: Their weights, the rest up to 1 being white noise, shape (rate,).
        gaps: Distance to the neighbours before and after, inf where there is none.
        residuals: Values of the neighbours.
    """

    def covariance(gap):
        return float((weights * np.exp(-rates * gap)).sum())

    present = [side for side in (0, 1) if np.isfinite(gaps[side])]
    if not present:
        return 0.0, 1.0
    k = np.array([covariance(gaps[side]) for side in present])
    matrix = np.eye(len(present))
    if len(present) == 2:
        matrix[0, 1] = matrix[1, 0] = covariance(gaps[0] + gaps[1])
    solved = np.linalg.solve(matrix, k)
    return float(solved @ np.asarray(residuals)[present]), float(1.0 - solved @ k)


def recent_statistics(times, mask, residuals, spans):
    """Last residual, and means and variances over the last spans, of one channel of one window.

    Returns:
        Last residual (0 without a reading); means and variances, lists in the order of `spans`.
    """
    rows = np.flatnonzero(mask)
    if len(rows) == 0:
        return 0.0, [0.0] * len(spans), [0.0] * len(spans)
    last, means, variances = rows[-1], [], []
    for span in spans:
        near = [residuals[row] for row in rows if times[row] >= times[last] - span]
        means.append(np.mean(near))
        variances.append(np.var(near))
    return residuals[last], means, variances


def gaussian_evidence(design, sigma, x):
    """Log-density of x = design z + sigma e with z and e standard normal, in nats."""
    covariance = design @ design.T + sigma**2 * np.eye(len(x))
    sign, logdet = np.linalg.slogdet(covariance)
    assert sign > 0
    return -0.5 * (x @ np.linalg.solve(covariance, x) + logdet + len(x) * np.log(2 * np.pi))


def gaussian_posterior(design, sigma, x):
    """Mean and covariance of z given x in the same model."""
    covariance = np.linalg.inv(np.eye(design.shape[1]) + design.T @ design / sigma**2)
    return covariance @ design.T @ x / sigma**2, covariance


def matern(smoothness, scaled):
    """Matern covariance of smoothness 1/2, 3/2 or 5/2, of variance 1, at rate times gap."""
    polynomial = {0.5: [1.0], 1.5: [1.0, 1.0], 2.5: [1 / 3, 1.0, 1.0]}[smoothness]
    return np.polyval(polynomial, scaled) * np.exp(-scaled)
