"""Words that stand for states, for limits of a range, and for no reading."""

from __future__ import annotations

from collections.abc import Collection, Sequence

#: Pairs of words for 0 and 1, in small letters.
STATES = (
    ("off", "on"), ("closed", "open"), ("false", "true"), ("no", "yes"), ("inactive", "active"),
    ("stopped", "running"), ("disabled", "enabled"), ("normal", "alarm"), ("ok", "alarm"),
    ("stop", "start"), ("stopped", "started"), ("stop", "run"), ("close", "open"),
    ("idle", "running"), ("closed", "opened"), ("n", "y"), ("f", "t"), ("absent", "present"),
    ("unlocked", "locked"), ("clear", "detected"), ("dry", "wet"),
    ("not_home", "home"), ("down", "up"), ("disconnected", "connected"), ("offline", "online"),
    ("low", "high"), ("lo", "hi"),
    ("aus", "ein"), ("aus", "an"), ("zu", "auf"), ("geschlossen", "offen"),
    ("geschlossen", "geöffnet"), ("nein", "ja"), ("falsch", "wahr"), ("inaktiv", "aktiv"),
    ("normal", "störung"), ("ok", "störung"), ("gestoppt", "läuft"),
    ("non", "oui"), ("arrêt", "marche"), ("arret", "marche"), ("fermé", "ouvert"),
    ("ferme", "ouvert"), ("fermée", "ouverte"), ("faux", "vrai"), ("inactif", "actif"),
    ("no", "si"), ("no", "sí"), ("no", "sì"), ("apagado", "encendido"), ("cerrado", "abierto"),
    ("spento", "acceso"), ("chiuso", "aperto"), ("falso", "verdadero"), ("não", "sim"),
    ("desligado", "ligado"), ("fechado", "aberto"), ("uit", "aan"), ("dicht", "open"),
    ("nee", "ja"), ("av", "på"), ("nej", "ja"), ("nie", "tak"),
)  # fmt: skip
#: Words that are states only where both stand in a column: "Low" alone may be a limit.
_ONLY_BOTH = {"low", "high", "lo", "hi", "n", "y", "f", "t", "ok", "normal"}
#: Words for a reading beyond the range of the instrument, in small letters.
LIMITS = frozenset(
    (
        *("high", "low", "hi", "lo", "ol", "-ol", "+ol", "o.l", "o.l.", "0l", "nd", "n.d.", "n.d"),
        *("bdl", "bql", "blq", "lod", "loq", "bld", "tntc", "trace", "hoch", "niedrig", "n.n."),
        *("over", "under", "overrange", "underrange", "over range", "under range", "over-range"),
        *("under-range", "overload", "overflow", "underflow", "ovrng", "ovr", "ofl", "ufl", "ovl"),
        *("above range", "below range", "below detection", "below detection limit"),
        "not detected",
    )
)
#: What is made of dashes, dots and stars only, or says "not available", is no reading.
NO_READING = r"(?i)^([\p{Pd}\x{2212}_.*?·…]+( [\p{Pd}\x{2212}_.*?·…]+)*|n\.\s?a\.?|k\.\s?a\.?)$"
#: All words of `STATES`.
STATE_WORDS = frozenset(word for pair in STATES for word in pair)
#: Those that are states beside numbers, too; "Alarm" is there a fault, and "T" a trace of rain.
STATES_BESIDE_NUMBERS = STATE_WORDS - {"alarm", "störung", "t", "f", "n", "y"}
#: What a machine or a control may be in, in small letters: never the name of a series.
_MODES = STATE_WORDS | frozenset(
    (
        *("run", "idle", "standby", "stand-by", "setup", "ready", "busy", "auto", "automatic"),
        *("manual", "maintenance", "service", "fault", "error", "failure", "warning", "warmup"),
        *("starting", "stopping", "heating", "cooling", "heat", "cool", "defrost", "eco"),
        *("pause", "paused", "hold", "test", "automatik", "hand", "manuell"),
        *("betrieb", "bereit", "stillstand", "rüsten", "wartung", "fehler", "heizen", "kühlen"),
        *("panne", "défaut", "veille", "manuel", "manuale", "automatico", "automático", "fallo"),
    )
)


def state_numbers(words: Collection[str]) -> dict[str, float] | None:
    """Number of each word, 0 or 1, if the words are those of one pair of states.

    Args:
        words: Distinct words in small letters, one or two.
    """
    for pair in STATES:
        # one word of an unclear pair is no state: "Low" may be a limit, "n" a name
        if set(words) == set(pair) or (len(words) == 1 and set(words) <= set(pair) - _ONLY_BOTH):
            return {word: float(pair.index(word)) for word in words}
    return None


def are_modes(words: Collection[str]) -> bool:
    """Whether all words, in any letters, say what a machine or a control is in."""
    return all(word.lower() in _MODES for word in words)


def in_order(words: Sequence[str]) -> list[str]:
    """Words of states as numbers would have them: off, low, high; others as they come."""
    zeros = {first for first, _ in STATES} - {"low", "lo"}
    rank = {"low": 1, "lo": 1, "medium": 2, "med": 2, "mid": 2, "high": 3, "hi": 3}
    return sorted(words, key=lambda word: 0 if word.lower() in zeros else rank.get(word.lower(), 4))


def known_states(states: Sequence[str]) -> dict[str, float]:
    """Number of each word, in small letters, of a setting such as ``("Manual=0", "Auto=1")``."""
    pairs = (state.rpartition("=") for state in states)
    return {word.strip().lower(): float(number) for word, _, number in pairs}
