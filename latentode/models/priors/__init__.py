"""Priors of the initial latent state.

`StandardNormal` is the default, with an exact divergence; `CNFPrior` learns where the states are,
which raises the likelihood of logs whose windows come in kinds, at some cost in time.
"""

from latentode.models.priors.cnf import CNFPrior
from latentode.models.priors.normal import StandardNormal

Prior = StandardNormal | CNFPrior
#: Priors by the name that settings have for them.
PRIORS: dict[str, type[Prior]] = {"normal": StandardNormal, "cnf": CNFPrior}
