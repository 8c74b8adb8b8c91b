"""netCDF files: times, missing values, and readings of several series."""

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import settings as quick
from hypothesis import strategies as st

from latentode.config import DataConfig
from latentode.data.reading.formats.netcdf import FORMAT
from latentode.data.reading.formats.table import LogSource
from latentode.errors import DataError

HOURS = {"units": "hours since 2024-03-01 00:00:00"}
T0 = np.datetime64("2024-03-01T00:00:00", "ns").astype(np.int64).item()
HOUR = 3_600_000_000_000


def written(folder, variables, engine="h5netcdf", name="log.data"):
    """A file of raw variables, ``name: (dims, values, attributes)``; nothing is encoded."""
    path = folder / name
    path.unlink(missing_ok=True)
    dataset = xr.Dataset({key: xr.Variable(*each) for key, each in variables.items()})
    for key, each in variables.items():
        if "_FillValue" not in each[2]:
            dataset[key].encoding["_FillValue"] = None
    dataset.to_netcdf(path, engine=engine)
    return path


def opened(path):
    source = LogSource(path, DataConfig(), path.read_bytes()[:512])
    assert FORMAT.can_open(source)
    return FORMAT.open(source)


def open_variables(folder, variables, **rest):
    return opened(written(folder, variables, **rest))


def readings(table):
    """{(series, channel): [(hours after the start, value)]}."""
    count = table.num_rows
    series = table.column("series").to_pylist() if "series" in table.columns else [None] * count
    times = table.column("time").cast("int64").to_pylist()
    rows = zip(series, table.column("channel").to_pylist(), times,
               table.column("value").to_pylist(), strict=True)  # fmt: skip
    result = {}
    for name, channel, time, value in rows:
        result.setdefault((name, channel), []).append(((time - T0) / HOUR, value))
    return result


def said(table):
    return " | ".join(map(str, table.doubts.decisions))


def clock(values=(0, 1, 2), **attributes):
    return ("time", np.array(values), HOURS | attributes)


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_variables_over_time_are_channels_with_their_units(tmp_path, engine):
    table = open_variables(
        tmp_path,
        {
            "time": ("time", np.array([0, 1, 5], np.int32), HOURS),
            "temp": ("time", np.array([1.5, 2.5, 3.5]), {"units": "degC"}),
            "lat": ((), 48.1, {}),
        },
        engine=engine,
    )
    assert readings(table) == {(None, "temp"): [(0, 1.5), (1, 2.5), (5, 3.5)]}
    assert table.units == {"temp": "degC"}
    assert str(table.column("time").type) == "timestamp[ns]"
    assert "ignored: lat (one number for the whole file)" in said(table)
    assert "--tz UTC" in said(table)
    assert FORMAT.roles(table, DataConfig()).layout == "long"


@pytest.mark.parametrize(
    ("values", "attributes", "expected"),
    [
        (np.array([1, 9.969209968386869e36, 3], "f4"), {}, [1, 3]),
        (np.array([1, 9.969209968386869e36, 3], "f8"), {}, [1, 3]),
        (np.array([1, -2147483647, 3], "i4"), {}, [1, 3]),
        (np.array([1, -32767, 3], "i2"), {}, [1, 3]),
        (np.array([1, -127, 3], "i1"), {}, [1, 3]),
        (np.array([1, -127, 3], "i1"), {"_FillValue": np.int8(-1)}, [1, -127, 3]),
        (np.array([1, -99, 3], "f4"), {"_FillValue": np.float32(-99)}, [1, 3]),
        (np.array([1, 1e20, 3], "f4"), {"missing_value": 1e20}, [1, 3]),
        (np.array([1, -9, -8], "f4"), {"missing_value": np.array([-9.0, -8.0])}, [1]),
        (np.array([1, 7, 3], "f4"), {"valid_range": np.array([0.0, 5.0])}, [1, 3]),
        (np.array([1, 7, 3], "f4"), {"valid_max": 5.0}, [1, 3]),
        (np.array([1, -7, 3], "f4"), {"valid_min": -5.0}, [1, 3]),
        (np.array([1, np.nan, 3], "f4"), {}, [1, 3]),
        (np.array([100, 900, 300], "i2"), {"scale_factor": 0.1, "add_offset": -5.0,
                                           "valid_max": np.int16(500)}, [5, 25]),
        (np.array([100, 900, 300], "i2"), {"scale_factor": 0.1, "valid_max": 50.0}, [10, 30]),
        (np.array([100, 200], "i2"), {"scale_factor": np.float32(0.01)}, [1.0, 2.0]),
        (np.array([1, -1, 3], "i1"), {"_Unsigned": "true"}, [1, 255, 3]),
        (np.array([1, -1, 3], "i1"), {"_Unsigned": "true", "_FillValue": np.int8(-1)}, [1, 3]),
    ],
)  # fmt: skip
def test_what_the_file_calls_missing_is_missing(tmp_path, values, attributes, expected):
    times = np.arange(len(values))
    table = open_variables(
        tmp_path, {"time": clock(times), "temp": ("time", values, attributes)}, engine="scipy"
        if "_Unsigned" in attributes else "h5netcdf",
    )  # fmt: skip
    assert [value for _, value in readings(table)[None, "temp"]] == pytest.approx(expected)
    if len(expected) < np.isfinite(values).sum():
        assert f"{len(values) - len(expected)} of {len(values)} cells missing" in said(table)


@pytest.mark.parametrize(
    ("units", "hours", "zone"),
    [
        ("hours since 2024-03-01", 0, None),
        ("hours since 2024-3-1 0:0:0", 0, None),
        ("Hours Since 2024-03-01t00", 0, None),
        ("hours since 2024-03-01T00:00:00Z", 0, "UTC"),
        ("hours since 2024-03-01 00:00 -6:00", 6, "UTC"),
        ("hours since 2024-03-01 00:00:00 -600", 6, "UTC"),
        ("hours since 2024-03-01 00:00:00.0 +05:30", -5.5, "UTC"),
        ("hours since 2024-03-01 00:00:00 +0530", -5.5, "UTC"),
        ("hours since 2024-03-01 00:00:00 -6", 6, "UTC"),
        ("hours since 2024-03-01 00:00:00 CET", -1, "UTC"),
        ("hours since 2024-03-01 00:00:00 UTC+2", -2, "UTC"),
        ("days since 2024-02-29 12:00 EST", -7, "UTC"),
        ("seconds since 1970-01-01", -T0 / HOUR, None),
    ],
)
def test_any_offset_of_the_reference_is_read(tmp_path, units, hours, zone):
    time = ("time", np.array([0]), {"units": units})
    table = open_variables(tmp_path, {"time": time, "a": ("time", np.ones(1), {})})
    assert readings(table) == {(None, "a"): [(hours, 1.0)]}
    assert table.column("time").type.tz == zone


def test_days_of_the_calendar_before_1582_are_counted_by_it(tmp_path):
    # day 1,721,424 of the Julian day numbers is January 1 of the year 1; 2,440,588 is 1970
    days = 2_440_588 - 1_721_424 + T0 // (24 * HOUR)
    for calendar, shift in (("standard", 0), ("proleptic_gregorian", -2)):
        time = (
            "time",
            np.array([days + shift]),
            {"units": "days since 1-1-1", "calendar": calendar},
        )
        table = open_variables(tmp_path, {"time": time, "a": ("time", np.ones(1), {})})
        assert readings(table) == {(None, "a"): [(0, 1.0)]}


@pytest.mark.parametrize(
    ("units", "calendar", "message"),
    [
        ("hours since 2024-03-01", "noleap", "expected the calendar standard.*'noleap'"),
        ("hours since 2024-03-01", "360_day", "'360_day'"),
        ("hours since 2024-03-01 00:00 IST", "", "expected units such as"),
        ("hours since 2024-03-01 00:00 6:00", "", "expected units such as"),
        ("months since 2024-03-01", "", "expected units such as"),
        ("hours since 0000-01-01", "", "a date that exists"),
        ("hours since 2023-02-29", "", "a date that exists"),
    ],
)
def test_times_that_are_not_clear_are_refused(tmp_path, units, calendar, message):
    attributes = {"units": units} | ({"calendar": calendar} if calendar else {})
    variables = {"time": ("time", np.arange(2), attributes), "a": ("time", np.ones(2), {})}
    with pytest.raises(DataError, match=message):
        open_variables(tmp_path, variables)


def test_times_that_are_missing_have_no_readings(tmp_path):
    time = clock(np.array([0.0, -1e30, 2.0]), missing_value=-1e30)
    table = open_variables(tmp_path, {"time": time, "a": ("time", np.arange(3.0), {})})
    assert readings(table) == {(None, "a"): [(0, 0.0), (2, 2.0)]}


def test_times_that_no_clock_reaches_are_refused(tmp_path):
    variables = {"time": clock(np.array([0.0, 9.9e12])), "a": ("time", np.ones(2), {})}
    with pytest.raises(DataError, match="expected times from 1678 to 2261"):
        open_variables(tmp_path, variables)


STATIONS = {"station_id": ("station", np.array([b"abc ", b"de"]), {"cf_role": "timeseries_id"}),
            "lat": ("station", np.array([1.0, 2.0]), {})}  # fmt: skip
CASES = {
    ("abc", "temp"): [(0, 1.0), (1, 2.0)],
    ("de", "temp"): [(2, 3.0), (7, 4.0), (8, 5.0)],
}


def test_contiguous_ragged_arrays_are_split_by_their_counts(tmp_path):
    table = open_variables(tmp_path, STATIONS | {
        "row_size": ("station", np.array([2, 3]), {"sample_dimension": "obs"}),
        "time": ("obs", np.array([0, 1, 2, 7, 8]), HOURS),
        "temp": ("obs", np.arange(1.0, 6.0), {"coordinates": "time lat"}),
    })  # fmt: skip
    assert readings(table) == CASES
    assert "ignored: lat" in said(table)


def test_indexed_ragged_arrays_are_split_by_their_index(tmp_path):
    table = open_variables(tmp_path, STATIONS | {
        "which": ("obs", np.array([0, 1, 0, 1, 1, -5]), {"instance_dimension": "station"}),
        "time": ("obs", np.array([0, 2, 1, 7, 8, 9]), HOURS),
        "temp": ("obs", np.array([1.0, 3.0, 2.0, 4.0, 5.0, 6.0]), {}),
    })  # fmt: skip
    assert readings(table) == CASES


@pytest.mark.parametrize("dims", [("station", "time"), ("time", "station")])
def test_stations_with_common_times_are_series(tmp_path, dims):
    values = np.array([[1.0, np.nan], [3.0, 4.0]])
    table = open_variables(tmp_path, STATIONS | {
        "time": clock([0, 3]),
        "temp": (dims, values if dims[0] == "station" else values.T, {}),
    })  # fmt: skip
    assert readings(table) == {("abc", "temp"): [(0, 1.0)], ("de", "temp"): [(0, 3.0), (3, 4.0)]}


def test_stations_with_times_of_their_own_are_series(tmp_path):
    fill = 9.969209968386869e36
    table = open_variables(tmp_path, STATIONS | {
        "time": (("station", "obs"), np.array([[0, 1, fill], [2, 7, 8]]), HOURS),
        "temp": (("station", "obs"), np.array([[1.0, 2.0, fill], [3.0, 4.0, 5.0]]), {}),
    })  # fmt: skip
    assert readings(table) == CASES


def test_stations_without_ids_are_numbered_and_equal_ids_told_apart(tmp_path):
    grid = {"time": clock([0]), "temp": (("time", "site"), np.array([[1.0, 2.0]]), {})}
    assert list(readings(open_variables(tmp_path, grid))) == [("0", "temp"), ("1", "temp")]
    grid["name"] = ("site", np.array([b"x", b"x"]), {})
    assert list(readings(open_variables(tmp_path, grid))) == [("x #0", "temp"), ("x #1", "temp")]


def test_counts_that_do_not_fit_are_refused(tmp_path):
    variables = STATIONS | {
        "row_size": ("station", np.array([2, 2]), {"sample_dimension": "obs"}),
        "time": ("obs", np.arange(5), HOURS), "temp": ("obs", np.ones(5), {}),
    }  # fmt: skip
    with pytest.raises(DataError, match="'row_size' to sum up to the 5 readings of 'obs', got 4"):
        open_variables(tmp_path, variables)


def test_variables_that_grade_others_and_bounds_are_no_channels(tmp_path):
    table = open_variables(tmp_path, {
        "time": clock([0, 1], bounds="time_bnds"),
        "time_bnds": (("time", "two"), np.zeros((2, 2)), {}),
        "temp": ("time", np.ones(2), {"ancillary_variables": "good"}),
        "good": ("time", np.ones(2), {}),
        "temp_qc": ("time", np.ones(2), {}),
        "state": ("time", np.ones(2, "i1"), {"flag_values": np.array([0, 1], "i1")}),
        "note": ("time", np.array([b"a", b"b"]), {}),
    })  # fmt: skip
    assert list(readings(table)) == [(None, "temp")]
    assert "ignored: good, state, temp_qc (they grade readings of others)" in said(table)
    assert "ignored: note (text)" in said(table)


def test_readings_over_levels_or_a_map_are_refused_with_a_way_through(tmp_path):
    variables = {
        "time": clock([0]), "depth": ("depth", np.array([1.0, 5.0]), {}),
        "temp": (("time", "depth"), np.ones((1, 2)), {}),
    }  # fmt: skip
    with pytest.raises(DataError, match=r"temp\(time, depth\).*ncks -d depth,0 FILE"):
        open_variables(tmp_path, variables)
    grid = {"temp": (("time", "lat", "lon"), np.ones((2, 3, 4)), {}), "time": clock([0, 1])}
    with pytest.raises(DataError, match=r"temp\(time, lat, lon\).*ncks -d lat,0 -d lon,0 FILE"):
        open_variables(tmp_path, grid)
    variables["depth"] = ("depth", np.array([1.0]), {})
    variables["temp"] = (("time", "depth"), np.ones((1, 1)), {})
    assert readings(open_variables(tmp_path, variables)) == {(None, "temp"): [(0, 1.0)]}


def test_a_file_without_times_is_refused(tmp_path):
    variables = {"time": ("time", np.arange(3), {}), "a": ("time", np.ones(3), {})}
    with pytest.raises(DataError, match=r"expected a variable of times.*ncatted -a units,time"):
        open_variables(tmp_path, variables)
    variables = {"time": clock(), "a": ("time", np.full(3, np.nan), {})}
    with pytest.raises(DataError, match="Give a file with readings"):
        open_variables(tmp_path, variables)


def test_other_files_of_hdf5_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "log.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(5.0)
    with pytest.raises(DataError, match="expected netCDF, got HDF5"):
        opened(path)
    path = written(tmp_path, {"time": clock(), "a": ("time", np.ones(3), {})})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="the netCDF file is damaged"):
        opened(path)
    path.write_bytes(b"CDF\x01\0\0")
    with pytest.raises(DataError, match="the netCDF file is damaged"):
        opened(path)


MILLIS = st.lists(st.integers(0, 10**12), min_size=1, max_size=6, unique=True)


@given(st.lists(MILLIS, min_size=1, max_size=3), st.sampled_from(["days", "hours", "ms"]))
@quick(max_examples=20)
def test_any_irregular_series_keep_every_millisecond(tmp_path_factory, series, unit):
    """Whole numbers are exact; days of double precision tell 1 us, so milliseconds are exact."""
    length = {"days": 86_400_000, "hours": 3_600_000, "ms": 1}[unit]
    flat = np.array([each for part in series for each in part])
    times = flat if unit == "ms" else flat / length
    table = open_variables(tmp_path_factory.mktemp("any"), {
        "id": ("trip", np.array([f"s{i}".encode() for i in range(len(series))]), {}),
        "count": ("trip", np.array([len(each) for each in series]), {"sample_dimension": "obs"}),
        "time": ("obs", times, {"units": f"{unit} since 1970-01-01"}),
        "a": ("obs", np.sqrt(np.arange(len(flat))), {}),
    })  # fmt: skip
    assert table.column("time").cast("int64").to_pylist() == [1_000_000 * int(t) for t in flat]
    assert table.column("value").to_pylist() == np.sqrt(np.arange(len(flat))).tolist()
    ids = [f"s{i}" for i, part in enumerate(series) for _ in part]
    assert table.column("series").to_pylist() == ids
