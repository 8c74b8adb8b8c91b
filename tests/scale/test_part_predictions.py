"""What a model answers of a part is what it answers of the log."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from part_cases import irregular_parts
from pump_log import perturb, tiny

from latentode import LatentODE
from latentode.config.durations import parse_duration
from latentode.data.dataset import Readings
from latentode.data.windows import typical_gap_and_span
from latentode.errors import CheckpointError, DataError
from latentode.results import to_frame
from latentode.scale import map_parts, write_parts
from latentode.scale.model_file import ModelFile, content_sum
from latentode.scale.parts import parts_of
from latentode.scale.predictions import (
    PartDensity,
    PartForecast,
    PartInterpolation,
    check_channels,
    usual_step,
)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    log, parts = irregular_parts(folder)
    model = tiny(log)
    perturb(model)
    model.save(folder / "model")
    return LatentODE.load(folder / "model"), ModelFile.of(folder / "model"), log, parts


COMMON = {"num_draws": 6, "quantiles": (0.1, 0.9)}


def rows(frame):
    keys = [each for each in ("series", "time", "channel") if each in frame]
    return frame.sort_values(keys, kind="stable").reset_index(drop=True)


def table(results):
    results.check()
    return rows(pd.concat([pd.read_parquet(file) for file in results.files]))


# Float32 has seven digits, of which a solve and its readout cost one; the last of them depend on
# the shapes of products, and these on what else is in a batch. Where a draw is far out in a tail,
# they are digits of that.
def same_to_float32(found, expected, spread, bound=1e-5):
    assert list(found.columns) == list(expected.columns)
    keys = [name for name in found if found[name].dtype.kind != "f"]
    pd.testing.assert_frame_equal(found[keys], expected[keys], check_dtype=False)
    numbers = [name for name in found if name not in keys]
    ours, theirs = found[numbers].to_numpy(), expected[numbers].to_numpy()
    scale = spread + np.nan_to_num(np.abs(theirs)).max(axis=1, keepdims=True)
    np.testing.assert_array_less(np.nan_to_num(np.abs(ours - theirs) / scale), bound)


def spread_of(log):
    values, channel = log.readings.values, log.readings.channel_index
    return min(values[channel == index].std() for index in range(len(log.channels)))


@pytest.mark.parametrize("num_parts", [1, 4, 7])
def test_forecasts_of_parts_are_those_of_the_log(tmp_path, case, num_parts):
    model, file, log, _ = case
    parts = write_parts(log, tmp_path / "parts", num_parts)
    forecast = PartForecast(model=file, every="1h", **COMMON)
    found = table(map_parts(forecast, parts, tmp_path / "out"))
    whole = model.forecast(log, every="1h", num_draws=6)
    expected = rows(to_frame(whole, COMMON["quantiles"]))
    same_to_float32(found, expected, spread_of(log))


@pytest.mark.parametrize("options", [{"every": "2h"}, {"every": None, "at_missing": True}])
def test_interpolations_of_parts_are_those_of_the_log(tmp_path, case, options):
    model, file, log, parts = case
    found = table(map_parts(PartInterpolation(model=file, **options, **COMMON), parts, tmp_path))
    whole = model.interpolate(log, **options, num_draws=6)
    same_to_float32(found, rows(to_frame(whole, COMMON["quantiles"])), spread_of(log))


def test_densities_of_parts_are_those_of_the_log(tmp_path, case):
    model, file, log, parts = case
    results = map_parts(PartDensity(model=file, num_draws=6, quantiles=()), parts, tmp_path)
    found = table(results)
    expected = rows(to_frame(model.surprise(log, num_draws=6), ()))
    # nats: what a state is off counts there in standard deviations of a reading
    same_to_float32(found, expected, 1.0, bound=3e-5)
    beside = [each.with_name(each.name.replace("part-", "series-")) for each in results.files]
    scores = rows(pd.concat([pd.read_parquet(each) for each in beside]))
    whole = model.score(log, num_draws=6).to_dataframe().reset_index()
    np.testing.assert_array_equal(scores["num_readings"], rows(whole)["num_readings"])
    np.testing.assert_allclose(scores["log_prob"], rows(whole)["log_prob"], rtol=1e-5)


def test_a_part_without_any_reading_has_an_empty_answer(tmp_path, case):
    _, file, log, _ = case
    part = parts_of(log.series_ids, 40)
    alone = int(np.flatnonzero(np.bincount(part, minlength=40)[part] == 1)[0])
    silent = replace(
        log, readings=_without(log.readings, alone), inputs=_without(log.inputs, alone)
    )
    parts = write_parts(silent, tmp_path / "parts", 40)
    results = map_parts(PartForecast(model=file, every="1h", **COMMON), parts, tmp_path / "out")
    results.check()
    (empty,) = [record for record in results.done if not record["facts"]["rows"]]
    assert empty["warnings"][-1].startswith("all series left out")
    assert pd.read_parquet(tmp_path / "out" / empty["file"]).columns[0] == "series"


def _without(readings: Readings, series):
    return readings.select_readings(readings.row_series()[readings.reading_rows()] != series)


def test_the_step_for_all_parts_is_near_that_of_the_training(case):
    model, _, log, parts = case
    assert usual_step(model, parts) == model.usual_step()
    per_series = parts.manifest.rows / parts.manifest.series
    assert usual_step(model, parts, inside=True) == model.usual_step(rows=per_series)
    assert model.usual_step() == model.forecast(log, num_draws=1).attrs["every"]
    ahead = model.forecast(log, horizon="30min", num_draws=1)
    assert model.usual_step(horizon="30min") == ahead.attrs["every"] == "30min"
    gap, _ = typical_gap_and_span(model.fitted_.context)
    assert parse_duration(model.usual_step(rows=20)) == pytest.approx(gap, rel=0.6)
    step = parse_duration(model.usual_step(rows=50_000))  # 500 of them at most
    assert 100 * gap <= step <= 200 * gap


def test_a_model_that_remembers_nothing_takes_the_step_of_the_first_part(tmp_path, case):
    model, _, log, _ = case
    nothing = np.zeros(len(log.readings.values), bool)
    context = replace(log, readings=log.readings.select_readings(nothing))
    forgetful = copy.copy(model)
    forgetful.fitted_ = replace(model.fitted_, log=replace(model.fitted_.log, dataset=context))
    parts = write_parts(log, tmp_path / "parts", 3)
    for number in range(3):
        step = usual_step(forgetful, parts, horizon="20h")
        assert step == model.usual_step(parts.read(number), horizon="20h")
        (parts.folder / f"part-{number:05d}.parquet").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"part-0000.\.parquet"):
        usual_step(forgetful, parts)


def test_parts_of_another_log_are_refused_before_any_is_read(tmp_path, case):
    model, _, _, parts = case
    check_channels(model, parts)
    _, others = irregular_parts(tmp_path, num_channels=1)
    with pytest.raises(DataError, match=r"channels: expected c0, c1, the log has no c1"):
        check_channels(model, others)
    check_channels(model, others, allow_missing=True)


def test_a_worker_refuses_another_model_than_that_of_the_run(tmp_path, case):
    _, file, _, parts = case
    another = replace(file, sha256="0" * 64)
    forecast = PartForecast(model=another, every="1h", **COMMON)
    results = map_parts(forecast, parts, tmp_path / "out")
    assert {each["kind"] for each in results.failures} == {"checkpoint"}
    with pytest.raises(CheckpointError, match="expected the model that the run was started with"):
        another.loaded()
    assert file.loaded() is file.loaded()


def test_the_sum_of_a_folder_is_of_names_and_contents(tmp_path):
    (tmp_path / "a").write_text("1")
    first = content_sum(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    second = content_sum(tmp_path)
    (tmp_path / "b").write_text("2")
    assert len({first, second, content_sum(tmp_path)}) == 3
    assert content_sum(tmp_path / "b") != content_sum(tmp_path)


def test_the_request_names_what_decides_the_answers(case):
    _, file, _, _ = case
    forecast = PartForecast(model=file, every="1h", **COMMON)
    request = forecast.request()
    assert (request["model"], request["every"], request["num_draws"]) == (file.sha256, "1h", 6)
    assert str(file.path) not in str(request)
    kept = replace(forecast, model=replace(file, far_readings="keep"))
    assert kept.request() != request
