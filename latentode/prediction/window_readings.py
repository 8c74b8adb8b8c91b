"""What the decoded paths of some windows say of readings: their densities, and draws of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentode.data.dataset import Float64
from latentode.data.schema import DataSchema
from latentode.models.calibration import Bands, Calibration
from latentode.models.latent_ode import LatentODEModel
from latentode.models.likelihoods.base import Likelihood
from latentode.prediction.normal_table import Float32
from latentode.prediction.solved_windows import SolvedWindows


@dataclass(frozen=True, eq=False)
class WindowReadings:
    """Readings at the queries of some windows.

    Attributes:
        part: The windows, solved.
        schema: Data schema of the model.
        likelihood: Of their readings.
        bands: How calibration moves the readings; None where it does not.
    """

    part: SolvedWindows
    schema: DataSchema
    likelihood: Likelihood
    bands: Bands | None

    @classmethod
    def of(
        cls,
        model: LatentODEModel,
        schema: DataSchema,
        calibration: Calibration | None,
        part: SolvedWindows,
    ) -> WindowReadings:
        """Of a model.

        Args:
            model: What solved the windows.
            schema: Its data schema.
            calibration: What its bands are corrected by; None leaves them as they were trained.
            part: The windows.
        """
        decoded, bands = part.solved.decoded, None
        if calibration is not None:
            bands = calibration.bands(part.batch, decoded.location, decoded.scale)
        return cls(part, schema, model.likelihood_given(part.batch), bands)

    def log_prob(self) -> Float64:
        """Log of the mean density over paths of each given reading, NaN elsewhere.

        Returns:
            Nats of original units, shape (query, channel).
        """
        batch = self.part.batch
        density = self.likelihood.log_prob(batch.targets, *self._parameters())
        mixture = torch.logsumexp(density, dim=0) - np.log(len(density))
        mixture = mixture.masked_fill(~batch.target_mask, torch.nan)
        log_scale = self.part.at_queries(self._dense()) * np.log(self.schema.scaler.scale)
        log_prob: Float64 = self.part.at_queries(mixture) - log_scale
        return log_prob

    def joint(self) -> Float64:
        """Log-density of all given readings of a window together, by each path.

        Returns:
            Nats of original units, shape (path, window).
        """
        mask = self.part.batch.target_mask
        targets = self.part.batch.targets.masked_fill(~mask, 0.0)
        density = self.likelihood.joint(targets, *self._parameters(), mask)
        scales = self._dense().sum(dim=1).cpu().numpy() @ np.log(self.schema.scaler.scale)
        joint: Float64 = density.double().cpu().numpy() - scales
        return joint

    def drawn(self, noise: Float32) -> Float64:
        """Draws of the readings; each path gives as many of them as any other.

        Draws are the last axis in memory, as all that is made of a reading goes through its draws.

        Args:
            noise: Shape (query, channel, draw).

        Returns:
            In original units, shape (query, channel, draw).
        """
        part, decoded = self.part, self.part.solved.decoded
        steps, draws = decoded.location.shape[1:3], noise.shape[-1]
        padded = decoded.location.new_zeros(*steps, *noise.shape[1:])
        padded[part.row, part.column] = torch.from_numpy(noise).to(padded)
        location, scale = (_of_draws(of, draws) for of in (decoded.location, decoded.scale))
        sampled = self._sampled(padded.movedim(-1, 0), location, scale).movedim(0, -1)
        # a level far from those of training costs digits: it is added in double precision
        drawn = sampled.cpu().numpy()[part.row, part.column].astype(np.float64)
        drawn += part.batch.shift[:, 0].cpu().numpy()[part.row][..., None]
        # the last axis of what follows is the channel
        original = self.schema.to_original(np.moveaxis(drawn, -1, 0))
        exact = self.schema.families.exact(original, self.schema.scaler.scale)
        return np.moveaxis(exact, 0, -1)

    def _sampled(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Draws in scaled units, moved to their bands before their likelihood cuts them."""
        if self.bands is None:
            return self.likelihood.transform(noise, location, scale)
        latent = self.likelihood.latent(noise, location, scale)
        return self.likelihood.observed(self.bands.moved(latent))

    def _parameters(self) -> tuple[Tensor, Tensor]:
        """Location and scale by which the given readings have their density."""
        decoded = self.part.solved.decoded
        if self.bands is None:
            return decoded.location, decoded.scale
        return self.bands.parameters(self.part.batch.targets, decoded.location, decoded.scale)

    def _dense(self) -> Tensor:
        """Where a reading has a density: in original units it is one over the scale of it."""
        batch = self.part.batch
        return batch.target_mask & ~self.likelihood.is_mass(batch.targets)


def _of_draws(of_paths: Tensor, draws: int) -> Tensor:
    """Numbers of paths (path, ...) for draws that take turns with them, shape (draw, ...)."""
    last = of_paths.movedim(0, -1)
    rounds = -(-draws // len(of_paths))
    every = last[..., None, :].expand(*last.shape[:-1], rounds, len(of_paths)).flatten(-2)
    return every[..., :draws].movedim(-1, 0)
