"""What else the state explains, beside the readings; `base` has the contract.

`PoissonProcess` for the times of events, `LabelHead` for the classes of whole windows,
`TimeLabelHead` for those of times. A head of labels stands, as ``LABEL_HEAD``, in a module of this
folder.
"""

from importlib import import_module
from pkgutil import iter_modules

from latentode.errors import ConfigError
from latentode.models.heads.base import StateSizes
from latentode.models.heads.classes import ClassHead


def _label_heads() -> dict[str, type[ClassHead]]:
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    present = [module.LABEL_HEAD for module in modules if hasattr(module, "LABEL_HEAD")]
    return {head.kind: head for head in present}


#: Heads of labels by what they are labels of, see `latentode.data.labels.Labels.kind`.
LABEL_HEADS = _label_heads()

#: Heads of labels that programs have registered, by the name that settings have for them.
NAMED_HEADS: dict[str, type[ClassHead]] = {}


def label_head_of(
    kind: str, num_classes: int, sizes: StateSizes, name: str | None = None
) -> ClassHead | None:
    """A head for labels of some kind, where there are classes.

    Args:
        kind: What labels are of, a name in `LABEL_HEADS`.
        num_classes: Classes; 0 for none.
        sizes: Of the model.
        name: A head of `NAMED_HEADS`; None takes that of the kind.

    Raises:
        ConfigError: If there is a single class, or the head is for labels of another kind.
    """
    if not num_classes:
        return None
    head = LABEL_HEADS[kind] if name is None else NAMED_HEADS[name]
    if head.kind != kind:
        raise ConfigError(
            f"model.label_head: expected a head for labels of {kind}, got {name!r} for labels of "
            f"{head.kind}. Choose another, or none."
        )
    return head(num_classes, sizes)
