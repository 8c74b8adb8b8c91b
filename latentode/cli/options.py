"""Options that several commands share; each stands for one setting of the configuration.

An option that is not given is None and leaves its setting alone. Types and choices are read from
the configuration, so that an option cannot drift away from its setting.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from latentode.cli import settings
from latentode.cli.completion import channels_of, last_of
from latentode.config import LatentODEConfig
from latentode.config.data_options import DATA_OPTIONS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

TRAIN_OPTIONS = {
    "--context": ("windows.context", "History (look-back) that a forecast uses, e.g. 48h."),
    "--horizon": ("windows.horizon", "How far to forecast, e.g. 6h."),
    "--counters": ("channels.counters", "Channels that are running totals, as a,b."),
    "--split": ("windows.split", "Hold out the end of the log, or whole series."),
    "--lower": (
        "channels.lower",
        "Lower limits of channels, as rain=0,flow=0; rain=none: no limit.",
    ),
    "--upper": (
        "channels.upper",
        "Upper limits of channels, as humidity=100; humidity=none: no limit.",
    ),
    "--kinds": (
        "channels.kinds",
        "Kinds of channels, as valve=binary, people=count or level=continuous.",
    ),
    "--max-time": ("train.max_time", "Longest training time, e.g. 10min."),
    "--refit/--no-refit": (
        "train.refit",
        "After scoring, train again on all of the log, its held-out end too.",
    ),
    "--epochs": ("train.max_epochs", "Maximum number of epochs."),
    "--batch-size": ("train.batch_size", "Batch size: windows per step."),
    "--lr": ("train.optimizer.lr", "Peak learning rate."),
    "--seed": ("train.seed", "Seed of all randomness."),
    "--device": ("train.device", "cpu, cuda, cuda:1."),
    "--latent-dim": ("model.latent_dim", "Size of the latent state."),
    "--hidden-dim": ("model.hidden_dim", "Width of the networks."),
    "--encoder": ("model.encoder", "Network that reads the history."),
    "--anchor": ("model.anchor", "Time at which the latent state is inferred."),
    "--dynamics": ("model.dynamics", "What the latent dynamics sees beside the state."),
    "--prior": ("model.prior", "Density of the latent state; cnf is learned."),
    "--posterior": ("model.posterior", "Approximate posterior; cnf adds a flow."),
    "--likelihood": ("model.likelihood", "Distribution of a reading around the decoded value."),
}

#: What may change when a run is continued; all else comes from its folder.
RESUMABLE = ("train.max_time", "train.device")
#: The option of each setting that has one.
_FLAGS = {setting: flag for flag, (setting, _) in (DATA_OPTIONS | TRAIN_OPTIONS).items()}


class Parsed(click.ParamType):
    """Values of an option that a function reads from their text.

    Args:
        name: What the help calls them.
        read: Reads a text; its ValueError says what is wrong.
    """

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a text, or refuse it in the name of the option.

        Args:
            value: The text.
            param: The option.
            ctx: Where it was typed.
        """
        try:
            return self._read(value)
        except (ValueError, csv.Error) as error:
            self.fail(str(error), param, ctx)


class Names(Parsed):
    """Names in a list: ``a,b``; a name that holds a comma is quoted as in CSV."""

    def __init__(self) -> None:
        super().__init__("names", _names)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Channels of the run, where channels are asked for.

        Args:
            ctx: The command as it has been typed.
            param: The option.
            incomplete: What was typed of its value.
        """
        return last_of(channels_of(ctx), incomplete) if param.name == "channels" else []


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []))


def _share(text: str) -> float:
    text = text.strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise ValueError(f"expected a share such as 1% or 0.01, got {text!r}.") from None
    if not 0 <= share <= 1:
        raise ValueError(f"expected a share from 0% to 100%, got {text!r}.")
    return share


#: ``a,b``
NAMES = Names()
#: ``1%`` or ``0.01``.
SHARE = Parsed("share", _share)
#: ``tab`` and ``\\t`` are the tabulator, which shells make hard to type.
SEPARATOR = Parsed("text", lambda text: "\t" if text in ("tab", "\\t") else text)


def config_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--config`` and ``--set``."""
    assign = click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="NAME=VALUE",
        help="Any setting, e.g. model.dropout=0.2; may be given again.",
    )
    file = click.option(
        "--config",
        "config_file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="TOML file of settings.",
    )
    return file(assign(function))


def given_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that were given as options, values by dotted name; ``''`` is None: detect it."""
    values = {s: options.get(parameter_of(flag)) for s, flag in _FLAGS.items()}
    return {s: value if value != "" else None for s, value in values.items() if value is not None}


def flags_of(names: Collection[str]) -> list[str]:
    """The options that stand for some settings."""
    return [flag for setting, flag in _FLAGS.items() if setting in names]


def typed_flags(*, only: Collection[str] | None = None, but: Collection[str] = ()) -> list[str]:
    """Options of the call that were typed, even if with their usual value.

    Args:
        only: Names of their parameters among which they are; None for all.
        but: Names of parameters that do not count.
    """
    context = click.get_current_context()
    return [
        max(option.opts, key=len)
        for option in context.command.params
        if isinstance(option, click.Option)
        and option.name not in but
        and (only is None or option.name in only)
        and context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    ]


def parameter_of(flag: str) -> str:
    """The name under which click passes an option."""
    return flag.partition("/")[0].removeprefix("--").replace("-", "_")


def resolve_options(
    options: Mapping[str, Any], base: Mapping[str, Any] | None = None
) -> LatentODEConfig:
    """Resolve the configuration of a command from its options; see `settings.resolve`."""
    return settings.resolve(base=base, **_layers_of(options))


def sources_of(options: Mapping[str, Any]) -> dict[str, str]:
    """Where each setting that was given comes from: option, ``--set``, variable or file."""
    sources = settings.sources(**_layers_of(options)).items()
    return {name: _FLAGS[name] if source == "options" else source for name, source in sources}


def _layers_of(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "file": options.get("config_file"),
        "options": given_settings(options),
        "assignments": options.get("assignments", ()),
    }


def _type_of(flag: str, setting: str) -> click.ParamType | None:
    if flag == "--max-bad":
        return SHARE
    if flag == "--sep":
        return SEPARATOR
    if listed := settings.choices(setting):
        return click.Choice(listed)
    if settings.is_list(setting):
        return NAMES
    if "/" in flag:
        return click.BOOL
    if settings.is_text(setting):
        return click.STRING
    return click.INT if settings.is_whole(setting) else click.FLOAT


def _add(table: Mapping[str, tuple[str, str]], function: Callable[..., Any]) -> Callable[..., Any]:
    for flag, (setting, text) in reversed(list(table.items())):
        kind = _type_of(flag, setting)
        listed: dict[str, Any] = {"multiple": True, "callback": _joined} if kind is NAMES else {}
        function = click.option(flag, type=kind, default=None, help=text, **listed)(function)
    return function


def _joined(
    _context: click.Context, _option: click.Parameter, lists: tuple[tuple[str, ...], ...]
) -> tuple[str, ...] | None:
    """The lists of an option that was given several times as one; None where it was not."""
    return tuple(name for names in lists for name in names) if lists else None


#: Decorators that add options: how a log is read, what is trained and how, what may change later.
data_options = partial(_add, DATA_OPTIONS)
#: The same for a log that is only shown: without what is about a model.
shown_options = partial(
    _add,
    {
        flag: row
        for flag, row in DATA_OPTIONS.items()
        if flag not in ("--channels", "--min-obs", "--far-readings")
    },
)
train_options = partial(_add, TRAIN_OPTIONS)
resume_options = partial(_add, {f: row for f, row in TRAIN_OPTIONS.items() if row[0] in RESUMABLE})
