"""A log in blocks gives the parts of the log in memory, or is refused."""

import gzip
import os
import resource
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from latentode.config import LatentODEConfig
from latentode.data.reading.log import read_log
from latentode.errors import DataError, OutputExistsError, ResourceError
from latentode.scale import Parts, partition, write_parts

PARTS = 5


def config(**values):
    names = {name.replace("__", "."): value for name, value in values.items()}
    return LatentODEConfig().updated(**{f"data.{name}": each for name, each in names.items()}).data


def wide(series=12, times=40, seed=0):
    """A wide log, series one after another, with known inputs and a covariate."""
    rng = np.random.default_rng(seed)
    count = series * times
    stamps = pd.Timestamp("2024-03-01") + pd.to_timedelta(
        np.concatenate([np.cumsum(rng.integers(60, 900, times)) for _ in range(series)]), "s"
    )
    frame = pd.DataFrame(
        {
            "series": np.repeat([f"pump-{n}" for n in range(series)], times),
            "time": stamps.strftime("%Y-%m-%dT%H:%M:%S"),
            "flow": rng.normal(5, 2, count).round(3),
            "pressure": rng.normal(0, 1, count).round(4),
            "valve": np.repeat(rng.integers(0, 3, count // 4), 4),
            "site": np.repeat([f"site {n % 3}" for n in range(series)], times),
        }
    )
    frame.loc[rng.random(count) < 0.3, "pressure"] = np.nan
    return frame


INPUTS = {"columns__future": ("valve",), "columns__static": ("site",), "columns__id": "series"}


def contents(folder):
    return [each.sha256 for each in Parts.open(folder).manifest.parts]


def check_equal(tmp_path, source, settings_of_log=None, size=3_000):
    """Parts by blocks are those of the log in memory, byte for byte; returns both manifests."""
    dataset, report = read_log(source, settings_of_log)
    expected = write_parts(dataset, tmp_path / "expected", PARTS)
    whole = partition(source, tmp_path / "whole", PARTS, settings_of_log)
    blocks = partition(source, tmp_path / "blocks", PARTS, settings_of_log, block_bytes=size)
    for made in (whole, blocks):
        assert contents(made.folder) == contents(expected.folder)
        assert made.manifest.channels == expected.manifest.channels
        assert made.manifest.inputs == expected.manifest.inputs
        assert made.manifest.left_out == {k: n for k, n in report.counts.items() if n}
    assert blocks.manifest.reading == whole.manifest.reading
    assert not list((tmp_path / "blocks").glob("aside*"))
    return whole.manifest, blocks.manifest


@pytest.mark.parametrize("order", ["series", "time", "shuffled"])
def test_a_wide_log_in_blocks_gives_the_parts_of_the_log_in_memory(tmp_path, order):
    frame = wide()
    if order == "time":
        frame = frame.sort_values("time")
    if order == "shuffled":
        frame = frame.sample(frac=1, random_state=1)
    frame.to_csv(tmp_path / "log.csv", index=False)
    _, manifest = check_equal(tmp_path, tmp_path / "log.csv", config(**INPUTS))
    assert manifest.static_columns[0][0] == "site=site 0"
    assert manifest.log == ("log.csv",)
    assert manifest.inputs[0].name == "valve"


def test_what_is_detected_in_the_first_block_holds_for_all(tmp_path):
    frame = wide().drop(columns="site")
    frame["time"] = pd.to_datetime(frame["time"]).dt.strftime("%d.%m.%Y %H:%M:%S")
    frame.to_csv(tmp_path / "log.csv", index=False, sep=";", decimal=",")
    frame = pd.read_csv(tmp_path / "log.csv", sep=";", dtype=str)
    frame = frame.rename(columns={"flow": "flow [m3/h]"})
    frame.to_csv(tmp_path / "log.csv", index=False, sep=";")
    settings_of_log = config(time__dayfirst=True)
    _, manifest = check_equal(tmp_path, tmp_path / "log.csv", settings_of_log)
    assert manifest.reading["cells"]["decimal"] == ","
    assert manifest.reading["time"]["dayfirst"] is True


def test_a_long_log_may_have_channels_that_show_up_late(tmp_path):
    frame = wide().drop(columns=["valve", "site"])
    rows = frame.melt(["series", "time"], var_name="channel").dropna()
    rows.to_csv(tmp_path / "log.csv", index=False)
    _, manifest = check_equal(tmp_path, tmp_path / "log.csv")
    assert [each.name for each in manifest.channels] == ["flow", "pressure"]
    assert manifest.reading["columns"]["channels"] == ["flow", "pressure"]


def test_chosen_channels_may_show_up_late_and_leave_series_without_readings(tmp_path):
    frame = wide().drop(columns=["valve", "site"])
    rows = frame.melt(["series", "time"], var_name="channel").dropna()
    rows = rows[(rows["channel"] == "flow") | (rows["series"] != "pump-3")]
    rows.to_csv(tmp_path / "log.csv", index=False)
    _, manifest = check_equal(
        tmp_path, tmp_path / "log.csv", config(columns__channels=["pressure"])
    )
    assert manifest.series == 12
    assert manifest.left_out["readings_of_other_channels"] == 480
    with pytest.raises(DataError, match=r"no channel 'presure'.*Correct --channels"):
        partition(
            tmp_path / "log.csv", tmp_path / "no", 3, config(columns__channels=["presure"]),
            block_bytes=3_000,
        )  # fmt: skip
    assert not (tmp_path / "no").exists()


def test_a_packed_log_is_read_in_blocks(tmp_path):
    frame = wide()
    with gzip.open(tmp_path / "log.csv.gz", "wt") as file:
        frame.to_csv(file, index=False)
    check_equal(tmp_path, tmp_path / "log.csv.gz", config(**INPUTS))


@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrows"])
def test_typed_files_are_read_in_blocks(tmp_path, kind):
    frame = wide()
    frame["time"] = pd.to_datetime(frame["time"]).astype("datetime64[ms]")
    path = tmp_path / f"log.{kind}"
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=100)
    else:
        opened = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
        with opened(str(path), table.schema) as file:
            file.write_table(table, max_chunksize=70)
    check_equal(tmp_path, path, config(**INPUTS))


def test_several_files_are_read_in_groups_and_a_long_one_in_blocks(tmp_path):
    frame = wide(series=14).sort_values("time")
    (tmp_path / "logs").mkdir()
    for name, first, stop in (("a", 0, 30), ("b", 30, 60), ("c", 60, 400), ("d", 400, 560)):
        frame[first:stop].to_csv(tmp_path / "logs" / f"{name}.csv", index=False)
    _, manifest = check_equal(tmp_path, tmp_path / "logs", config(**INPUTS))
    assert manifest.log == ("a.csv", "b.csv", "c.csv", "d.csv")


@pytest.mark.parametrize("policy", ["mean", "first", "last"])
def test_files_without_ids_that_follow_one_another_are_one_series(tmp_path, policy):
    frame = wide(series=1, times=300).drop(columns=["series", "site"])
    frame.loc[150, "time"] = frame.loc[149, "time"]  # the last stamp of a file stands in the next
    for name, part in (("a", frame[:150]), ("b", frame[150:200]), ("c", frame[200:])):
        part.to_csv(tmp_path / f"log-{name}.csv", index=False)
    _, manifest = check_equal(tmp_path, tmp_path / "log-*.csv", config(duplicates=policy))
    assert Parts.open(tmp_path / "blocks").read(0).series_ids == ("log-a",)
    assert manifest.left_out["duplicates_merged"] > 0


def test_files_without_ids_whose_times_overlap_are_series_by_their_names(tmp_path):
    frame = wide(series=6).drop(columns="site")
    for number in range(6):
        (tmp_path / f"p{number // 3}").mkdir(exist_ok=True)
        part = frame[frame["series"] == f"pump-{number}"].drop(columns="series")
        part.to_csv(tmp_path / f"p{number // 3}" / f"{'xyz'[number % 3]}.csv", index=False)
    said = []
    check_equal(tmp_path, tmp_path / "p*" / "*.csv")
    partition(tmp_path / "p*" / "*.csv", tmp_path / "again", 5, say=said.extend, block_bytes=3_000)
    assert Parts.open(tmp_path / "blocks").whole().series_ids == (
        "p1/x", "p1/y", "p1/z", "x", "y", "z",
    )  # fmt: skip
    assert any("6 files are a series each" in line for line in said)


def test_files_without_ids_that_only_all_readings_tell_apart_are_refused(tmp_path):
    frame = wide(series=2, times=300).drop(columns="site")
    for number in range(2):  # longer than a block each
        part = frame[frame["series"] == f"pump-{number}"].drop(columns="series")
        part.to_csv(tmp_path / f"{number}.csv", index=False)
    with pytest.raises(DataError, match=r"no column tells the series apart.*--id-column"):
        partition(tmp_path / "*.csv", tmp_path / "parts", 3, block_bytes=3_000)
    assert partition(tmp_path / "*.csv", tmp_path / "parts", 3).manifest.series == 2


def test_a_series_without_ids_is_named_by_its_file(tmp_path):
    wide(series=1, times=300).drop(columns=["series", "site"]).to_csv(
        tmp_path / "boiler.csv", index=False
    )
    check_equal(tmp_path, tmp_path / "boiler.csv")
    assert Parts.open(tmp_path / "blocks").read(0).series_ids == ("boiler",)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["7", "007", "a-10", "a-2", "ü"]),
        st.integers(0, 12),
        st.one_of(st.none(), st.integers(-4, 4)),
        st.one_of(st.none(), st.integers(-4, 4)),
    ),
    min_size=20,
    max_size=60,
)


@settings(max_examples=8, deadline=None)
@given(ROWS, st.sampled_from(["mean", "first", "last"]), st.integers(120, 900), st.booleans())
@example([("7", 0, 1, 1)] * 3 + [("ü", 1, 2, None)] * 30, "mean", 150, False)
def test_rows_in_any_order_with_repeats_give_the_same_parts(
    tmp_path_factory, rows, policy, size, is_long
):
    tmp_path = tmp_path_factory.mktemp("log")
    rows = [("seed", 0, 0.5, 0.25), *rows]
    lines = ["id,minute,channel,value"] if is_long else ["id,minute,x,y"]
    for name, minute, x, y in rows:
        if not is_long:
            lines.append(f"{name},{minute},{'' if x is None else x},{'' if y is None else y}")
            continue
        lines += [f"{name},{minute},{c},{v}" for c, v in (("x", x), ("y", y)) if v is not None]
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
    columns = {"columns__channel": "channel", "columns__value": "value"} if is_long else {}
    check_equal(
        tmp_path,
        tmp_path / "log.csv",
        config(
            columns__id="id", columns__time="minute", time__unit="min", duplicates=policy,
            layout="long" if is_long else "wide", **columns,
        ),
        size,
    )  # fmt: skip


def test_many_repeats_across_blocks_are_asked_about_and_few_are_averaged(tmp_path):
    frame = wide().drop(columns=["valve", "site"])
    again = frame.iloc[[0, 1, 2]].assign(flow=6.5)
    pd.concat([frame, again]).to_csv(tmp_path / "few.csv", index=False)
    _, manifest = check_equal(tmp_path, tmp_path / "few.csv")
    assert manifest.left_out["duplicates_merged"] == 3
    pd.concat([frame, frame.assign(flow=6.5)]).to_csv(tmp_path / "many.csv", index=False)
    with pytest.raises(
        DataError, match=r"480 readings .* series, channel and time of another"
    ) as e:
        partition(tmp_path / "many.csv", tmp_path / "parts", 3, block_bytes=3_000)
    assert "series 'pump-" in str(e.value)
    assert not (tmp_path / "parts").exists()
    for policy in ("mean", "first", "last"):
        folder = tmp_path / policy
        folder.mkdir()
        check_equal(folder, tmp_path / "many.csv", config(duplicates=policy))
    with pytest.raises(DataError, match=r"two readings of channel 'flow'.*--duplicates mean"):
        partition(
            tmp_path / "few.csv", tmp_path / "parts", 3, config(duplicates="error"),
            block_bytes=3_000,
        )  # fmt: skip


def test_a_folder_of_parts_is_replaced_only_when_asked(tmp_path):
    wide().to_csv(tmp_path / "log.csv", index=False)
    made = partition(tmp_path / "log.csv", tmp_path / "parts", 9, config(**INPUTS))
    assert len(made) > 2
    with pytest.raises(OutputExistsError, match=r"holds parts already.*--overwrite"):
        partition(tmp_path / "log.csv", tmp_path / "parts", 2, config(**INPUTS))
    made = partition(tmp_path / "log.csv", tmp_path / "parts", 2, config(**INPUTS), overwrite=True)
    assert sorted(each.name for each in made.folder.iterdir()) == [
        "manifest.json", "part-00000.parquet", "part-00001.parquet",
    ]  # fmt: skip
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="holds other files"):
        partition(tmp_path / "log.csv", tmp_path / "other", 2, overwrite=True)


@pytest.mark.parametrize("size", [3_000, 1 << 26])
def test_nothing_is_left_where_the_disk_is_full(tmp_path, size):
    wide().to_csv(tmp_path / "log.csv", index=False)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limit[1]))
    try:
        with pytest.raises(ResourceError, match="disk full"):
            partition(
                tmp_path / "log.csv", tmp_path / "parts", 2, config(**INPUTS), block_bytes=size
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [each.name for each in tmp_path.iterdir()] == ["log.csv"]


def test_progress_counts_bytes_up_to_all(tmp_path):
    wide().to_csv(tmp_path / "log.csv", index=False)
    seen = []
    partition(
        tmp_path / "log.csv", tmp_path / "parts", 2, config(**INPUTS), block_bytes=3_000,
        on_progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    size = (tmp_path / "log.csv").stat().st_size
    assert {total for _, total in seen} == {size}
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (size, size)
    assert len(seen) > 5


PEAK = """
import resource, sys
from latentode.scale import partition
partition(sys.argv[1], sys.argv[2], 64, block_bytes=1 << 21)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_is_that_of_a_block_however_long_the_log(tmp_path):
    peaks = []
    for series in (500, 2_000):
        rng = np.random.default_rng(0)
        table = pa.table(
            {
                "series": [f"s{n}" for n in range(series) for _ in range(200)],
                "time": np.tile(np.arange(200), series).astype("M8[m]").astype("M8[s]"),
                "flow": rng.normal(size=200 * series).round(3),
            }
        )
        pa.csv.write_csv(table, tmp_path / f"{series}.csv")
        words = [
            sys.executable,
            "-c",
            PEAK,
            str(tmp_path / f"{series}.csv"),
            str(tmp_path / f"{series}"),
        ]
        done = subprocess.run(words, capture_output=True, text=True, env=os.environ, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.3 * peaks[0]
