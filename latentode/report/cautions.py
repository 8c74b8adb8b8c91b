"""What a training left undone, as far as it takes from what scores are worth, and what to type."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from latentode.config.durations import NS_PER_UNIT, format_duration, parse_duration
from latentode.models.calibration import FEWEST
from latentode.training.lines import learned_little

if TYPE_CHECKING:
    from latentode.models.fitted.latent_ode import FittedModel

_SEVERAL = 3  # epochs; of fewer, the first may well be the best by chance
_LONGER = 10  # times: how much more training is proposed
_SLOWER = 3  # times: how much less of a learning rate


def cautions(
    fitted: FittedModel, card: Mapping[str, Any], command: Sequence[str]
) -> list[dict[str, str]]:
    """Sentences that belong beside the scores of a model, each with the command that changes it.

    Args:
        fitted: The model.
        card: Its card, see `latentode.models.fitted.card_facts`.
        command: As its training was typed; empty where nobody knows.

    Returns:
        "what" and "command" of each, which heeds those before it; none for a model that learned
        enough.
    """
    words, told = list(command or ("latentode", "train", "LOGS")), []
    for what, option, value in _found(fitted, card):
        words = again(words, option, value) if value else words
        told.append({"what": what, "command": shlex.join(words) if value else ""})
    return told


def _found(fitted: FittedModel, card: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    train, training = fitted.config.train, card["training"]
    if (option := learned_little(fitted)) is not None:
        value = str(_LONGER * train.max_epochs)
        if option == "--max-time":
            assert train.max_time is not None  # it cut the training short
            value = format_duration(_LONGER * parse_duration(train.max_time))
        what = f"{training['steps']} steps leave a model nearly untrained. Train for longer:"
        yield what, option, value
    if training["best_epoch"] == 1 and training["epochs"] >= _SEVERAL:
        what = (
            f"On the validation part the first of {training['epochs']} epochs was the best, and "
            "its model was kept: what came later only fitted the training part. Learn more slowly:"
        )
        yield what, "--lr", f"{train.optimizer.lr / _SLOWER:.1g}"
    loose = [band for band in card["calibration"]["bands"] if not band["calibrated"]]
    if loose:
        horizons = min(band["horizons"] for band in loose)
        kinds = " and ".join(band["of"] for band in loose)
        what = (
            f"The width of bands of {kinds} is as training left it: the validation part is too "
            f"short to set it by ({horizons} horizons with readings, {FEWEST} are needed). Train "
            "on a longer log, or to forecast less far"
        )
        shorter = _plain(fitted.schema.lengths.horizon_ns * horizons // FEWEST)
        yield what + (":" if shorter else "."), "--horizon", shorter


def _plain(nanoseconds: int) -> str:
    """A length of time in whole days, hours, minutes or seconds, not more; empty below those."""
    for unit in ("d", "h", "min", "s"):
        if nanoseconds >= NS_PER_UNIT[unit]:
            return f"{nanoseconds // NS_PER_UNIT[unit]}{unit}"
    return ""


def again(command: Sequence[str], option: str, value: str) -> list[str]:
    """A training as it was typed, with another value of an option, into a folder of its own.

    Args:
        command: Its words.
        option: The option.
        value: Its value.

    Example:
        >>> from latentode.report.cautions import again
        >>> again(["latentode", "train", "log.csv", "--lr=0.1", "--out", "run"], "--lr", "0.03")
        ['latentode', 'train', 'log.csv', '--lr', '0.03']
    """
    words, kept = iter(command), []
    for word in words:
        name, _, inline = word.partition("=")
        if name in (option, "--out"):
            if not inline:
                next(words, None)
            continue
        kept.append(word)
    return [*kept, option, value]
