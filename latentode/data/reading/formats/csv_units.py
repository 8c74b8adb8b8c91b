"""Rows of units below a header: "°C", "W m-2", "yyyy-mm-dd", and how a logger took its values."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNITS = """
    % ° °C °F °K °T C F K degC degF degK degT deg degrees celsius fahrenheit kelvin rad gon
    m mm cm dm km um µm nm ft feet in inch inches yd mi mile miles nmi
    s sec secs second seconds ms us µs ns min mins minute minutes h hrs hour hours d day days
    week weeks month months a year years
    V volt volts mV kV uV µV A amp amps ampere amperes mA kA uA µA Ah mAh ohm ohms kohm Ω kΩ MΩ
    W watt watts mW kW MW GW Wh kWh MWh GWh J kJ MJ GJ cal kcal BTU VA kVA MVA var kvar
    Pa hPa kPa MPa GPa bar mbar psi psig atm mmHg inHg mH2O Torr N kN Nm lb lbs lbf kg g mg ug µg
    ng t ton tons l L dl dL ml mL ul µL cl m2 m3 m² m³ cm3 cm² km2 ha acre gal cfm gpm lpm
    ppm ppb ppt ppmv ppbv PSU NTU FNU FTU pH Hz kHz MHz GHz rpm dB dBm dBA lx lux klx lm cd
    mol mmol umol µmol nmol S mS uS µS Bq kBq Sv mSv uSv µSv Gy T mT uT µT nT G gauss
    bpm count counts pulse pulses step steps unitless dimensionless none index ratio
    fraction kn knot knots kt kts mph kph kmh fps bit bits byte bytes kB MB GB vol rh pct percent
    boolean bool 0/1 °dH eq Eq CFU
"""
_PROCESSES = """
    avg average mean med median min minimum max maximum smp sample tot total sum std stdev sd inst
    wvc count hst ts rn cov mittel mittelwert momentanwert summe moyenne somme media promedio
"""
# types of columns, which some exporters write below the names
_TYPES = """
    datetime date timestamp time string str text varchar char float double single real number
    numeric decimal int integer long short bigint smallint uint8 uint16 uint32 int8 int16 int32
    int64 float32 float64 bool boolean
"""
_FORMATS = re.compile(
    r"yyyy|yyy?|yr|mo|m{1,3}|d{1,3}|dy|hh?|hr|mn|mi|min|ss?|s{3,6}|f{1,6}|[ap]m?|utc|gmt|local|[tz]"
    r"|iso|(?:yy){1,2}mm(?:dd(?:hh(?:mm(?:ss)?)?)?)?|hhmm(?:ss)?"
)
_EXACT = frozenset(_UNITS.split())
_LONG = frozenset(unit.lower() for unit in _EXACT if len(unit) > 1)
_BREAKS = re.compile(r"[\s/*·.^()\[\]{}²³⁻⁰¹⁴-]+|\d+")


def is_unit(cell: str) -> bool:
    """True for a unit of measurement, composed or not."""
    text = cell.strip().strip("()[]{}").strip().replace("μ", "µ")
    if text in _EXACT or text.lower() in _LONG:
        return True
    parts = [part for part in _BREAKS.split(text) if part]
    return bool(parts) and all(part in _EXACT or part.lower() in _LONG for part in parts)


def is_process(cell: str) -> bool:
    """True for how a logger took a value, "Avg", "Smp", or the type of a column: "double"."""
    return cell.strip().lower() in _PROCESSES.split() + _TYPES.split()


def is_format(cell: str) -> bool:
    """True for the pattern of a date: "yyyy-mm-dd hh:mm"."""
    parts = re.findall(r"[^\W\d_]+", cell.lower())
    return bool(parts) and all(_FORMATS.fullmatch(part) for part in parts)


def is_width_row(cells: Iterable[str]) -> bool:
    """True for the widths of cells below the names of an RDB file: "5s" of text, "20d" of dates."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return len(filled) > 1 and all(re.fullmatch(r"\d{1,3}[sdnSDN]", cell) for cell in filled)


def is_ruler(cells: Iterable[str]) -> bool:
    """True for a row of lines below the names: "-----", "=====", ":---:", "-----+-----"."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if len(filled) == 1:
        return re.fullmatch(r"\+?-{2,}(?:\+-{2,})+\+?", filled[0]) is not None
    return len(filled) > 1 and all(re.fullmatch(r":?[-=_]{2,}:?", cell) for cell in filled)


def is_unit_row(cells: Iterable[str]) -> bool:
    """Whether most cells that are not empty are units, patterns of dates or ways of taking."""
    filled = [cell for cell in cells if cell.strip("-\u2013_./ \t")]
    known = sum(is_unit(cell) or is_process(cell) or is_format(cell) for cell in filled)
    if len(filled) == 1 and filled[0].strip().lower() in _TYPES.split():
        return False  # "Date" alone is the name of an index
    return bool(filled) and known >= 0.6 * len(filled)
