import json
import os

import numpy as np
import pytest

from latentode.config import LatentODEConfig
from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.synthetic import make
from latentode.errors import DataError, OutputExistsError
from latentode.scale import Parts, is_parts, partition, write_parts
from latentode.scale.parts import in_natural_order, parts_of


def _dataset(zone="UTC"):
    generator = np.random.default_rng(3)
    count, ids = 400, ("pump-10", "pump-2", "7", "007", "silent", "a/b")
    series = generator.choice([0, 1, 2, 3, 5], count)
    triplets = {
        (int(s), int(t), int(c)): float(v)
        for s, t, c, v in zip(
            series,
            generator.integers(0, 90, count) * 10**9,
            generator.integers(0, 3, count),
            generator.standard_normal(count),
            strict=True,
        )
    }
    key = np.array(list(triplets))
    readings = Readings.from_triplets(
        key[:, 0],
        key[:, 1],
        key[:, 2],
        np.array(list(triplets.values())),
        num_series=len(ids),
        channels=("series", "time", "flow"),
    )
    inputs = Readings.from_triplets(
        np.array([0, 0, 4]),
        np.array([5, 10**9, 7]),
        np.zeros(3, np.int64),
        np.array([1.0, 2.0, 3.0]),
        num_series=len(ids),
        channels=("valve",),
    )
    static = np.array([[1.0], [np.nan], [3.0], [4.0], [5.0], [6.0]])
    clock = Clock("calendar", zone) if zone != "elapsed" else Clock("elapsed", None, "h")
    units = (("flow", "m3/h"),)
    return TimeSeriesDataset(ids, readings, clock, inputs, ("age",), static, units)


def _same(found, expected):
    assert found.series_ids == expected.series_ids
    assert (found.clock, found.units) == (expected.clock, expected.units)
    assert found.static_columns == expected.static_columns
    np.testing.assert_array_equal(found.static, expected.static)
    for ours, theirs in ((found.readings, expected.readings), (found.inputs, expected.inputs)):
        for name, array in vars(theirs).items():
            np.testing.assert_array_equal(getattr(ours, name), array, err_msg=name)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", None, "elapsed"])
def test_parts_hold_a_log_as_it_was(tmp_path, zone):
    dataset = _dataset(zone)
    parts = write_parts(dataset, tmp_path / "parts", 4)
    _same(parts.whole(), in_natural_order(dataset))
    assert sum(len(part) for part in parts) == len(dataset)


def test_a_series_is_in_the_part_of_its_id_whatever_else_the_log_holds():
    ids = [f"s{number}" for number in range(50)]
    part = dict(zip(ids, parts_of(ids, 8), strict=True))
    assert [part[name] for name in reversed(ids)] == parts_of(ids[::-1], 8).tolist()
    assert len(set(part.values())) == 8


def test_the_manifest_states_what_the_log_holds(tmp_path):
    dataset = _dataset()
    manifest = write_parts(dataset, tmp_path / "parts", 3).manifest
    readings = dataset.readings
    assert (manifest.series, manifest.readings) == (len(dataset), readings.num_readings)
    assert manifest.first_ns == readings.times.min()
    for index, entry in enumerate(manifest.channels):
        values = readings.values[readings.channel_index == index]
        assert entry.name == dataset.channels[index]
        assert entry.readings == len(values)
        assert (entry.minimum, entry.maximum) == (values.min(), values.max())
        assert entry.mean == pytest.approx(values.mean(), rel=1e-12)
        assert entry.std == pytest.approx(values.std(), rel=1e-12)
    assert len({entry.column for entry in manifest.channels} | {manifest.id_column}) == 4


def test_a_part_that_is_not_the_one_that_was_written_is_refused(tmp_path):
    parts = write_parts(_dataset(), tmp_path / "parts", 2)
    path = parts.folder / parts.manifest.parts[0].file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"part-00000\.parquet: expected the part of .* bytes"):
        parts.read(0)
    assert len(parts.read(1))
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        parts.read(0)


def test_a_folder_of_parts_is_told_from_others(tmp_path):
    write_parts(_dataset(), tmp_path / "parts", 2)
    assert is_parts(tmp_path / "parts")
    assert not is_parts(tmp_path)
    with pytest.raises(DataError, match="expected a folder of parts"):
        Parts.open(tmp_path)
    manifest = tmp_path / "parts" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"series": "many"}))
    with pytest.raises(DataError, match="series: Input should be a valid integer"):
        Parts.open(tmp_path / "parts")


def test_parts_do_not_take_the_place_of_other_files(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "mine.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="got one that holds other files"):
        write_parts(_dataset(), tmp_path / "parts", 2)
    assert (tmp_path / "parts" / "mine.txt").read_text() == "mine"


def test_simulated_series_come_back(tmp_path):
    dataset = in_natural_order(make("sensor", num_series=6).dataset)
    whole = write_parts(dataset, tmp_path / "parts", 3).whole()
    np.testing.assert_array_equal(whole.readings.values, dataset.readings.values)


@pytest.mark.parametrize("name", ["../outside.parquet", "/etc/passwd", "part-0.txt", "..", ""])
def test_a_manifest_names_files_of_its_folder_alone(tmp_path, name):
    write_parts(_dataset(), tmp_path / "parts", 2)
    manifest = tmp_path / "parts" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["parts"][0]["file"] = name
    manifest.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"parts\.0\.file"):
        Parts.open(tmp_path / "parts")


def test_a_pipe_is_no_manifest(tmp_path):
    (tmp_path / "parts").mkdir()
    os.mkfifo(tmp_path / "parts" / "manifest.json")
    assert not is_parts(tmp_path / "parts")
    with pytest.raises(DataError, match="expected a folder of parts"):
        Parts.open(tmp_path / "parts")


def test_parts_are_not_written_over_parts(tmp_path):
    write_parts(_dataset(), tmp_path / "parts", 2)
    before = (tmp_path / "parts" / "manifest.json").read_bytes()
    with pytest.raises(OutputExistsError, match="holds parts already"):
        write_parts(in_natural_order(_dataset(None)), tmp_path / "parts", 4)
    assert (tmp_path / "parts" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda content: content.update(rows=10**15), "rows: expected the sum"),
        (lambda content: content["parts"].append(content["parts"][0]), "each of its own file"),
        (lambda content: content.update(parts=[]), "at least one"),
    ],
)
def test_a_manifest_that_does_not_add_up_is_refused(tmp_path, change, match):
    write_parts(_dataset(), tmp_path / "parts", 2)
    manifest = tmp_path / "parts" / "manifest.json"
    content = json.loads(manifest.read_text())
    change(content)
    manifest.write_text(json.dumps(content))
    with pytest.raises(DataError, match=match):
        Parts.open(tmp_path / "parts")


def test_parts_whose_manifest_is_damaged_can_be_made_again(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("id,time_s,flow\n" + "".join(f"a,{n},{n}.5\n" for n in range(30)))
    config = LatentODEConfig().updated(**{"data.time.unit": "s"}).data
    partition(log, tmp_path / "parts", 2, config)
    manifest = tmp_path / "parts" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 2}))
    with pytest.raises(OutputExistsError):
        partition(log, tmp_path / "parts", 2, config)
    assert len(partition(log, tmp_path / "parts", 2, config, overwrite=True).read(0)) == 1
