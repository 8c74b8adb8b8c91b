"""Parts of your own: their names, in this process."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, get_args

from latentode.config.model import REGISTERED, EncoderName, LikelihoodName
from latentode.data.reading.formats.open_table import add_format
from latentode.data.reading.formats.table import Format
from latentode.errors import ConfigError

if TYPE_CHECKING:
    from latentode.models.encoders.base import Encoder
    from latentode.models.heads.classes import ClassHead
    from latentode.models.likelihoods.base import Likelihood

_LISTED = {"encoder": get_args(EncoderName), "likelihood": get_args(LikelihoodName)}


def register(
    part: type[Encoder] | type[Likelihood] | type[ClassHead] | Format, name: str | None = None
) -> None:
    """Make a part of your own known to this process, as if it stood in the package.

    A likelihood, an encoder or a head of labels is a class and gets a name, which the settings
    `model.likelihood`, `model.encoder` and `model.label_head` then take. A model folder keeps the
    name alone: a process that loads it registers the part first, or is refused. A format is an
    object, is asked about every log that is opened from now on, and needs no name.

    Registered again, as a cell of a notebook is run again, the newer part counts.

    Args:
        part: The class, or the format.
        name: Letters, digits and underscores, none that the package has; None for a format.

    Raises:
        ConfigError: If it is no such part, or the name is missing, malformed or taken.

    Example:
        >>> import torch
        >>> from latentode import check_model, register
        >>> from latentode.models.likelihoods.base import Likelihood
        >>> class Logistic(Likelihood):
        ...     def log_prob(self, values, location, scale):
        ...         z = (values - location) / scale
        ...         return -z - 2 * torch.nn.functional.softplus(-z) - scale.log()
        ...
        ...     def transform(self, noise, location, scale):
        ...         rank = torch.special.log_ndtr(noise) - torch.special.log_ndtr(-noise)
        ...         return location + scale * rank
        >>> register(Logistic, "logistic")
        >>> check_model(likelihood="logistic").failed
        ()
    """
    if isinstance(part, Format):
        if name is not None:
            raise ConfigError(f"name: expected none for a format, got {name!r}. Leave it out.")
        add_format(part)
        return
    setting, registry = _place_of(part)
    taken = _LISTED.get(setting, ())
    if name is None or not re.fullmatch(r"[a-z]\w*", name) or name in (*taken, "none"):
        raise ConfigError(
            "name: expected a small letter, then letters, digits or underscores, and none of "
            f"{', '.join((*taken, 'none'))}, got {name!r}. Choose another."
        )
    registry[name] = part
    REGISTERED[setting].add(name)


def _place_of(part: Any) -> tuple[str, MutableMapping[str, Any]]:
    """The setting that takes the name of a part, and the classes by name."""
    from latentode.models.encoders import ENCODERS  # here: they load torch
    from latentode.models.encoders.base import Encoder
    from latentode.models.heads import NAMED_HEADS
    from latentode.models.heads.classes import ClassHead
    from latentode.models.likelihoods import LIKELIHOODS
    from latentode.models.likelihoods.base import Likelihood

    for family, setting, registry in (
        (Encoder, "encoder", ENCODERS),
        (Likelihood, "likelihood", LIKELIHOODS),
        (ClassHead, "label_head", NAMED_HEADS),
    ):
        if isinstance(part, type) and issubclass(part, family):
            return setting, registry
    raise ConfigError(
        "part: expected a class on the contract of Encoder, Likelihood or ClassHead, or an object "
        f"of a Format, got {part!r}. docs/extending/ shows one of each."
    )
