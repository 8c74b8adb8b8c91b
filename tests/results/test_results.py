import io
import json
import subprocess
import sys
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from latentode import results
from latentode.data.dataset import Clock
from latentode.errors import ConfigError, DataError, OutputExistsError, ResourceError, ShapeError

NS = 1_000_000_000
START = 1_711_843_200 * NS  # 2024-03-31T00:00Z, two hours before Berlin leaves winter time behind
UTC = Clock("calendar", "UTC")
CLOCKS = [UTC, Clock("calendar", "Europe/Berlin"), Clock("calendar"), Clock("elapsed", unit="min")]
IDS = ("pump-1", "=cmd|' /C calc'!A0")
CHANNELS = ("flow", "-level")


def prediction(clock=UTC, num_draws=5, **options):
    draws = np.random.default_rng(0).normal(size=(num_draws, 2, 3, 2)) - 10
    times = START + NS * np.array([[0, 7200, 3600], [1, 2, 99]])  # the user's order, not sorted
    valid = np.array([[True, True, True], [True, True, False]])
    defaults = {"series_ids": IDS, "channels": CHANNELS, "units": (("flow", "l/s"),)}
    return results.to_dataset(draws, times, clock=clock, valid=valid, **(defaults | options))


def csv_of(dataset):
    return pd.read_csv(io.BytesIO(results.render(dataset, "csv")))


def test_to_dataset_labels_draws():
    dataset = prediction()
    assert dataset["value"].dims == ("draw", "series", "step", "channel")
    assert dataset["time"].dtype == "datetime64[ns]"
    assert dataset["time"].values[0, 0] == np.datetime64("2024-03-31T00:00:00")
    assert np.isnat(dataset["time"].values[1, 2])
    assert np.isnan(dataset["value"].values[:, 1, 2]).all()
    assert np.isfinite(dataset["value"].values[:, 1, :2]).all()
    attrs = dataset.attrs
    assert attrs["creator"] == "latentode"
    assert attrs["kind"] == "forecast"
    assert json.loads(attrs["units"]) == {"flow": "l/s"}
    assert datetime.fromisoformat(attrs["created"]).utcoffset() == timedelta(0)
    assert set(attrs) >= {"latentode_version"}


def test_to_dataset_states_the_zone_or_the_unit():
    zones = [prediction(clock)["time"].attrs for clock in CLOCKS]
    assert zones == [
        {"timezone": "UTC"},
        {"timezone": "Europe/Berlin"},
        {"timezone": "naive"},
        {"units": "min"},
    ]


def test_to_dataset_gives_elapsed_times_in_their_unit():
    times = np.array([[0, 90 * NS]])
    clock = Clock("elapsed", unit="min")
    dataset = results.to_dataset(
        np.zeros((1, 1, 2, 1)), times, series_ids=["a"], channels=["x"], clock=clock
    )
    assert dataset["time"].values.tolist() == [[0.0, 1.5]]


def test_to_dataset_takes_tensors_and_latent_states():
    draws = torch.zeros(4, 1, 2, 3, requires_grad=True)
    dataset = results.to_dataset(
        draws,
        torch.tensor([[1, 2]]),
        series_ids=["a"],
        channels=None,
        clock=UTC,
        dim="latent",
        kind="latent_trajectory",
        attrs={"trace": "exact", "layers": [1, 2]},
    )
    assert dataset["value"].dims == ("draw", "series", "step", "latent")
    assert dataset["value"].dtype == np.float32
    assert dataset["latent"].values.tolist() == [0, 1, 2]
    assert dataset.attrs["trace"] == "exact"
    assert dataset.attrs["layers"] == "[1, 2]"
    frame = results.to_frame(dataset)
    assert list(frame.columns[:3]) == ["series", "time", "latent"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"series_ids": ("a",)}, r"draws: expected \(5, 1, 3, 2\) \(draw, series, step, channel\)"),
        ({"channels": ("a",)}, r"draws: expected \(5, 2, 3, 1\)"),
        ({"mean": np.zeros((2, 3, 1))}, r"mean: expected \(2, 3, 2\) .*, got \(2, 3, 1\)"),
    ],
)
def test_to_dataset_refuses_axes_that_disagree(changes, message):
    with pytest.raises(ShapeError, match=message):
        prediction(**changes)


def test_summarize_agrees_with_numpy():
    dataset = prediction()
    summary = results.summarize(dataset, (0.9, 0.1))
    draws = dataset["value"].values[:, 0]
    np.testing.assert_allclose(summary["mean"].values[0], np.mean(draws, 0), rtol=1e-14)
    np.testing.assert_allclose(summary["sd"].values[0], np.std(draws, 0, ddof=1), rtol=1e-14)
    np.testing.assert_array_equal(
        summary["quantiles"].values[0, 0], np.quantile(draws, 0.9, axis=0)
    )
    assert summary["quantiles"].dims == ("quantile", "series", "step", "channel")
    assert np.isnan(summary["mean"].values[1, 2]).all()
    assert summary.attrs == dataset.attrs


def test_levels_in_any_order_keep_their_own_quantiles():
    dataset, levels = prediction(num_draws=9), (0.5, 0.95, 0.05, 0.75)
    draws, summary = dataset["value"].values[:, 0], results.summarize(dataset, levels)
    assert summary["quantile"].values.tolist() == list(levels)
    frame = results.to_frame(dataset, levels)
    assert [name for name in frame if name.startswith("q")] == ["q0.5", "q0.95", "q0.05", "q0.75"]
    first = frame[frame["series"] == dataset["series"].values[0]]
    for index, level in enumerate(levels):
        expected = np.quantile(draws, level, axis=0)
        np.testing.assert_array_equal(summary["quantiles"].values[index, 0], expected)
        np.testing.assert_array_equal(first[f"q{level}"], expected.ravel())


def test_summarize_of_one_draw_has_no_spread():
    summary = results.summarize(prediction(num_draws=1))
    assert np.isnan(summary["sd"].values).all()
    assert np.isfinite(summary["mean"].values[0]).all()


def test_summarize_prefers_the_mean_in_closed_form():
    exact = np.full((2, 3, 2), 42.0)
    summary = results.summarize(prediction(mean=exact))
    assert (summary["mean"].values[0] == 42).all()
    assert np.isnan(summary["mean"].values[1, 2]).all()


def test_an_infinite_draw_gives_a_nan_spread_without_a_warning():
    dataset = prediction()
    dataset["value"][0, 0, 0, 0] = np.inf
    summary = results.summarize(dataset)
    assert summary["mean"].values[0, 0, 0] == np.inf
    assert np.isnan(summary["sd"].values[0, 0, 0])


@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=4, max_dims=4, max_side=4),
        elements=st.floats(-1e6, 1e6),
    )
)
def test_quantiles_are_monotone_and_within_the_draws(draws):
    _, series, step, channel = draws.shape
    dataset = results.to_dataset(
        draws,
        np.zeros((series, step), dtype=np.int64),
        series_ids=[str(i) for i in range(series)],
        channels=[str(i) for i in range(channel)],
        clock=UTC,
    )
    quantiles = results.summarize(dataset, (0.0, 0.25, 0.5, 1.0))["quantiles"].values
    assert (np.diff(quantiles, axis=0) >= -1e-9).all()
    np.testing.assert_array_equal(quantiles[0], draws.min(0))
    np.testing.assert_array_equal(quantiles[-1], draws.max(0))


@pytest.mark.parametrize("levels", [(1.5,), (-0.1,), (float("nan"),)])
def test_summarize_refuses_levels_that_are_no_probabilities(levels):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        results.summarize(prediction(), levels)


def test_to_frame_keeps_the_order_of_times_and_leaves_padding_out():
    dataset = prediction()
    frame = results.to_frame(dataset, (0.05, 0.5, 0.5))
    assert list(frame.columns) == ["series", "time", "channel", "mean", "sd", "q0.05", "q0.5"]
    assert len(frame) == 5 * 2
    assert list(frame["channel"][:2]) == list(CHANNELS)
    assert [t.hour for t in frame["time"][:6:2]] == [0, 2, 1]
    value = dataset["value"].values[:, 1, 1, 0]
    row = frame[(frame["series"] == IDS[1]) & (frame["channel"] == "flow")].iloc[1]
    assert row["mean"] == pytest.approx(value.mean(), rel=1e-14)
    assert row["q0.5"] == np.median(value)


def test_to_frame_gives_local_times_with_their_offset():
    frame = results.to_frame(prediction(Clock("calendar", "Europe/Berlin")))
    local = [moment.isoformat() for moment in frame["time"][:6:2]]
    assert local == [
        "2024-03-31T01:00:00+01:00",
        "2024-03-31T04:00:00+02:00",
        "2024-03-31T03:00:00+02:00",
    ]
    assert results.to_frame(prediction(Clock("calendar")))["time"].dt.tz is None
    assert results.to_frame(prediction(CLOCKS[3]))["time"].dtype == np.float64


@pytest.mark.parametrize("clock", CLOCKS, ids=str)
def test_netcdf_gives_back_the_same_prediction(tmp_path, clock):
    dataset = prediction(clock, mean=np.ones((2, 3, 2)))
    path = results.write(dataset, tmp_path / "a.nc")
    xr.testing.assert_identical(results.read(path), dataset)


def test_netcdf_keeps_every_nanosecond(tmp_path):
    times = np.array([[START + 1, START + 2, -1]])
    dataset = results.to_dataset(
        np.zeros((1, 1, 3, 1)),
        times,
        series_ids=["a"],
        channels=["x"],
        clock=UTC,
        valid=np.array([[True, True, False]]),
    )
    back = results.read(results.write(dataset, tmp_path / "a.nc"))
    assert back["time"].values[0, :2].astype(np.int64).tolist() == times[0, :2].tolist()
    assert np.isnat(back["time"].values[0, 2])


@pytest.mark.parametrize("name", ["", "泵 №1", "a\x00b", "x" * 300, "../../etc/x", "<script>"])
def test_every_format_takes_any_name(tmp_path, name):
    dataset = prediction(series_ids=(name, "b"), channels=(name, "y"))
    for form in results.FORMATS:
        assert results.write(dataset, tmp_path / f"a.{form}").stat().st_size > 0
    assert results.read(tmp_path / "a.nc")["series"].values[0] == name.replace("\x00", "␀")
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["rows"][0]["series"] == name
    assert pd.read_parquet(tmp_path / "a.parquet")["series"][0] == name


def test_csv_defuses_formulas_and_leaves_numbers():
    table = csv_of(prediction())
    assert set(table["series"]) == {"pump-1", "'=cmd|' /C calc'!A0"}
    assert set(table["channel"]) == {"flow", "'-level"}
    assert (table["mean"] < 0).all()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_defuses_every_start_of_a_formula(start):
    text = results.render(prediction(series_ids=(f"{start}1+1", "b")), "csv").decode()
    cells = {line.split(",")[0].strip('"')[:2] for line in text.split("\n")[1:3]}
    assert cells == {"'" + start}


@pytest.mark.parametrize("clock", CLOCKS, ids=str)
def test_table_formats_hold_the_frame(tmp_path, clock):
    dataset = prediction(clock, channels=("a", "b"), series_ids=("p", "q"))
    frame = results.to_frame(dataset)
    parquet = pd.read_parquet(results.write(dataset, tmp_path / "a.parquet"))
    pd.testing.assert_frame_equal(parquet, frame, check_dtype=False)
    pd.testing.assert_series_equal(csv_of(dataset)["q0.95"], frame["q0.95"])
    content = json.loads(results.render(dataset, "json"))
    assert content["timezone"] == dataset["time"].attrs.get("timezone")
    assert content["units"] == {"flow": "l/s"}
    assert [row["mean"] for row in content["rows"]] == frame["mean"].tolist()
    assert list(content["rows"][0]) == list(frame.columns)


def test_csv_times_are_read_back_exactly():
    dataset = prediction(Clock("calendar", "Europe/Berlin"))
    times = pd.to_datetime(csv_of(dataset)["time"], utc=True)
    expected = results.to_frame(dataset)["time"].dt.tz_convert("UTC")
    assert times.tolist() == expected.tolist()


def test_json_has_null_for_what_is_no_number():
    content = json.loads(results.render(prediction(num_draws=1), "json"))
    assert {row["sd"] for row in content["rows"]} == {None}


def test_write_refuses_an_existing_file_unless_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("precious")
    with pytest.raises(OutputExistsError, match="exists already"):
        results.write(prediction(), path)
    assert path.read_text() == "precious"
    results.write(prediction(), path, overwrite=True)
    assert path.read_text().startswith("series,time,channel,mean,sd,q0.05,q0.5,q0.95\n")


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.csv.gz"])
def test_write_refuses_a_suffix_that_it_does_not_know(tmp_path, name):
    with pytest.raises(ConfigError, match="expected one of nc, csv, parquet, json"):
        results.write(prediction(), tmp_path / name)


def test_write_explains_a_missing_folder(tmp_path):
    with pytest.raises(ResourceError, match="cannot be written"):
        results.write(prediction(), tmp_path / "nowhere" / "a.nc")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of POSIX")
@pytest.mark.parametrize("form", results.FORMATS)
def test_a_full_disk_is_an_error_and_no_crash(tmp_path, form):
    path = tmp_path / f"a.{form}"
    path.write_bytes(b"old")
    code = """
import resource, sys
import numpy as np
from latentode import results
from latentode.data.dataset import Clock
from latentode.errors import ResourceError
draws, times = np.random.rand(20, 2, 50, 3), np.arange(100).reshape(2, 50)
data = results.to_dataset(draws, times, series_ids="ab", channels="xyz", clock=Clock("calendar"))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    results.write(data, sys.argv[1], overwrite=True)
except ResourceError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("disk full: need ")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content", [None, b"", b"series,time\n", b"\x89HDF\r\n\x1a\n" + bytes(600)]
)
def test_read_refuses_what_is_no_prediction(tmp_path, content):
    path = tmp_path / "a.nc"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.nc: expected a prediction"):
        results.read(path)


def test_read_refuses_the_netcdf_file_of_another_program(tmp_path):
    path = tmp_path / "a.nc"
    path.write_bytes(bytes(xr.Dataset({"value": ("x", [1.0])}).to_netcdf(engine="h5netcdf")))
    with pytest.raises(DataError, match="another NetCDF file"):
        results.read(path)


def test_read_refuses_a_truncated_file(tmp_path):
    path = results.write(prediction(), tmp_path / "a.nc")
    content = path.read_bytes()
    for size in (100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match="expected a prediction"):
            results.read(path)


def test_queries_of_several_series_come_out_in_the_order_they_were_asked(tmp_path):
    series, times = np.array([1, 0, 1, 0, 1]), START + NS * np.array([5, 9, 3, 9, 5])
    draws = np.arange(5.0)[None, :, None]
    labels = {"series_ids": IDS, "channels": CHANNELS[:1], "clock": UTC}
    dataset = results.from_queries(draws, series, times, **labels)
    path = results.write(dataset, tmp_path / "x.nc")
    for one in (dataset, results.read(path)):
        frame = results.to_frame(one)
        assert frame["series"].tolist() == [IDS[index] for index in series]
        assert frame["mean"].tolist() == [0, 1, 2, 3, 4]
        assert frame["time"].astype("int64").tolist() == times.tolist()


def test_queries_grouped_by_series_need_no_numbers():
    series, times = np.array([0, 0, 1]), START + NS * np.array([5, 3, 9])
    labels = {"series_ids": IDS, "channels": CHANNELS[:1], "clock": UTC}
    dataset = results.from_queries(np.arange(3.0)[None, :, None], series, times, **labels)
    assert "query" not in dataset.coords
    assert results.to_frame(dataset)["mean"].tolist() == [0, 1, 2]
