"""Logs made at random, with all that loggers write around their rows, are opened as they are."""

import csv
import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentode.config import CellsConfig
from latentode.data.reading.formats.csv_table import CsvTable

WORDS = ["Temp", "RH", "Batterie", "Débit", "flow rate", "CO2", "PM2.5", "T1", "Status"]
UNITS = ["°C", "%", "V", "m³/h", "mg/L", "W m-2", "Pa"]
STATIONS = ["Leeds", "York", "Old Mill"]
TEXTS = ["ok", "NA", " x", 'say "hi"', "a;b,c|d", "two\nlines", "", "007"]
ABOVE = {
    "nothing": [],
    "title": ["Plot Title"],
    "title with number": ["Export 7 of 2024-03-05"],
    "comments": ["# logger 7", "", "# all good, so far"],
    "values": ["Device{}EL-USB-2", "Serial{}0100", "Sample rate{}600 s", ""],
    "logger": ["TOA5{}Ridge{}CR1000{}1031{}Std.32"],
    "block": ["-BEGIN HEADER-", *["Location: Latitude 52.1"] * 150, "-END HEADER-"],
}
SEPARATORS = [",", ";", "\t", "|"]


@st.composite
def logs(draw):
    """Text of a log, and what is in it: names, units, rows, their lines, ragged rows, decimal."""
    sep = draw(st.sampled_from(SEPARATORS))
    comma = sep != "," and draw(st.booleans())
    number = draw(st.integers(2, 5))
    names = ["Zeit", *draw(st.permutations(WORDS))[:number]]
    header = draw(st.sampled_from(["plain", "units", "stations", "comment"]))
    lines = [line.format(*[sep] * 4) for line in ABOVE[draw(st.sampled_from(sorted(ABOVE)))]]
    units = {}
    if header == "stations":
        above = ["", *draw(st.lists(st.sampled_from(STATIONS), min_size=number, max_size=number))]
        lines.append(sep.join(names))
        lines.append(sep.join(above))
        names = [" ".join(filter(None, pair)) for pair in zip(names, above, strict=True)]
    else:
        lines.append(("# " if header == "comment" else "") + sep.join(names))
    if header == "units":
        units = {name: draw(st.sampled_from(UNITS)) for name in names[1:]}
        lines.append(sep.join(["yyyy-mm-dd hh:mm", *units.values()]))
    rows, starts, ragged = [], [], []
    has_text = draw(st.booleans())
    for index in range(draw(st.integers(4, 12))):
        lines += draw(st.sampled_from([[], [], [""]])) if index else []
        values = draw(st.lists(st.integers(-999, 999), min_size=number, max_size=number))
        cells = [f"2024-03-04 06:{index:02d}", *(f"{value / 10:.2f}" for value in values)]
        cells = [cells[0], *(cell.replace(".", "," if comma else ".") for cell in cells[1:])]
        if has_text:
            cells[-1] = draw(st.sampled_from(TEXTS))
        if index > 2 and not ragged and draw(st.booleans()):
            ragged.append((len("\n".join(lines).split("\n")) + 1, len(cells) + 1))
            lines.append(sep.join([cells[0], *["1"] * (len(cells))]))
            continue
        rows.append(cells)
        starts.append(len("\n".join(lines).split("\n")) + 1)
        lines.append(_record(cells, sep))
    return "\n".join(lines) + "\n", (names, units, rows, starts, ragged)


def _record(cells, sep):
    out = io.StringIO()
    csv.writer(out, delimiter=sep, lineterminator="\n").writerow(cells)
    return out.getvalue().removesuffix("\n")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    log=logs(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
)
def test_logs_are_opened_with_their_names_units_cells_and_lines(tmp_path, log, encoding, end, last):
    text, (names, units, rows, starts, ragged) = log
    text = text.replace("\n", end)
    path = tmp_path / "log.csv"
    path.write_bytes((text if last else text.removesuffix(end)).encode(encoding))
    table = CsvTable(path, CellsConfig())
    cells = [[cell.replace("\n", end) for cell in row] for row in rows]
    assert list(table.columns) == names
    assert table.units == units
    read = [table.text(name).to_pylist() for name in table.columns]
    assert [list(row) for row in zip(*read, strict=True)] == cells
    assert table.lines.tolist() == starts
    assert table.ragged == ragged


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    widths=st.lists(st.integers(6, 9), min_size=3, max_size=5),
    values=st.lists(st.integers(-9999, 9999), min_size=30, max_size=30),
    mark=st.sampled_from(["#", ""]),
    named=st.booleans(),
)
def test_columns_parted_by_blanks_are_read(tmp_path, widths, values, mark, named):
    names = ["YY", *(f"C{place}" for place in range(len(widths)))]
    lines = [mark + "".join(f"{name:>{w}}" for name, w in zip(names, [6, *widths], strict=True))]
    lines += [mark + "".join(f"{u:>{w}}" for u, w in zip(["yr", *["m/s"] * 5], [6, *widths]))]  # noqa: B905
    rows = [[2024 + row, *values[row * 5 : row * 5 + len(widths)]] for row in range(6)]
    lines += ["".join(f"{c:>{w}}" for c, w in zip(row, [6, *widths], strict=True)) for row in rows]
    path = tmp_path / "log.txt"
    path.write_text("\n".join(lines) + "\n")
    table = CsvTable(path, CellsConfig(sep="space" if named else None))
    assert list(table.columns) == names
    assert set(table.units.values()) >= {"m/s"}
    read = [table.column(name).to_pylist() for name in table.columns]
    assert [list(row) for row in zip(*read, strict=True)] == rows
    assert table.lines.tolist() == list(range(3, 9))
