"""Parts of models, sound ones to which a fault is added, for the tests of `check_model`."""

import math

import torch

from latentode.models.encoders import RNNEncoder
from latentode.models.encoders.base import Encoder
from latentode.models.likelihoods.base import Likelihood
from latentode.models.likelihoods.gaussian import GaussianLikelihood
from latentode.models.priors import StandardNormal


class Around(Encoder):
    """A sound encoder, to which a fault is added."""

    def __init__(self, num_channels, input_dim, hidden_dim):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.inner = RNNEncoder(num_channels, input_dim, hidden_dim)

    def forward(self, batch, *, reverse):
        return self.faulty(self.inner(batch, reverse=reverse), batch)

    def faulty(self, summary, _batch):
        return summary


class MixesWindows(Around):
    def faulty(self, summary, _batch):
        return summary - summary.mean(dim=0)


class ReadsPadding(Around):
    def faulty(self, summary, batch):
        return summary + batch.mask.double().mean(dim=(1, 2)).to(summary)[:, None]


class DrawsUnseeded(Around):
    def faulty(self, summary, _batch):
        return summary + 0.1 * torch.randn_like(summary)


class Counts(Around):
    calls = 0

    def faulty(self, summary, _batch):
        Counts.calls += 1
        return summary + 0.01 * Counts.calls


class ChangesItsInput(Around):
    def faulty(self, summary, batch):
        batch.values.mul_(1.5)
        return summary


class NeedsTwoRows(Around):
    def faulty(self, summary, batch):
        return summary * (batch.lengths / (batch.lengths > 1)).clamp(max=1.0)[:, None].to(summary)


class NeedsEveryChannel(Around):
    def faulty(self, summary, batch):
        seen = batch.mask.any(dim=1).sum(-1)
        some = (seen > 0) & (seen < batch.mask.shape[-1])
        return summary.masked_fill(some[:, None], torch.nan)


class HasNoSlope(Around):
    def faulty(self, summary, batch):
        return summary + (batch.static.sum() + 0.0 * summary).sqrt()


class LearnsNothing(Around):
    def faulty(self, summary, _batch):
        return summary.detach()


class LosesDigits(Around):
    def faulty(self, summary, _batch):
        return summary + (torch.tensor(0.05).to(summary) + 1e6 - 1e6)


class ForgetsWhatItDrew(Around):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.register_buffer("offset", torch.randn(()) + ForgetsWhatItDrew.made, persistent=False)
        ForgetsWhatItDrew.made += 1

    made = 0

    def faulty(self, summary, _batch):
        return summary + self.offset


class IsSharedByCopies(Around):
    def __deepcopy__(self, memo):
        return self


class CountsThreads(Around):
    def faulty(self, summary, _batch):
        return summary + 0.1 * torch.get_num_threads()


class OtherOnceExported(Around):
    def faulty(self, summary, _batch):
        return 2.0 * summary if torch.compiler.is_exporting() else summary


class IsNotFinite(Around):
    def faulty(self, summary, _batch):
        return summary / 0.0


class Raises(Around):
    def faulty(self, summary, _batch):
        return summary[:, :-1]


class CannotBeBuilt(Encoder):
    def __init__(self):
        super().__init__()


class DrawsLaplace(Likelihood):
    """A sound likelihood that is none of the package."""

    def log_prob(self, values, location, scale):
        width = scale / math.sqrt(2)
        return -(values - location).abs() / width - torch.log(2 * width)

    def transform(self, noise, location, scale):
        tail = torch.special.log_ndtr(-noise.abs()) + math.log(2)
        error = -noise.sign() * tail / math.sqrt(2)
        return location + scale * error.to(location.dtype)


class QuantilesCross(GaussianLikelihood):
    def transform(self, noise, location, scale):
        return location + scale * torch.sin(2.0 * noise)


class DrawsTooWide(GaussianLikelihood):
    def transform(self, noise, location, scale):
        return location + 1.1 * scale * noise


class DrawsBesideTheMiddle(GaussianLikelihood):
    def transform(self, noise, location, scale):
        return location + scale * (noise + 0.1)


class Whole(Likelihood):
    """Readings rounded to whole scales: a probability each, no density."""

    def log_prob(self, values, location, scale):
        return torch.zeros_like(values - location) - scale.log()

    def transform(self, noise, location, scale):
        return location + scale * noise.round()

    def is_mass(self, values):
        return torch.ones_like(values, dtype=torch.bool)


class PriorDrawsWide(StandardNormal):
    def draw(self, noise):
        return 1.5 * noise, self.log_prob(1.5 * noise)


class PriorSamplesUnseeded(StandardNormal):
    def sample(self, shape, generator=None):
        del generator
        return torch.randn((*shape, self.latent_dim))
