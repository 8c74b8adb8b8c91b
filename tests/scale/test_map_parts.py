"""A folder in, a folder out: what is done, kept, refused, and said of what failed."""

import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import pytest
import torch
from part_cases import Count, Threads, some_parts
from places import ROOT

from latentode.errors import DataError, OutputExistsError, PartsError
from latentode.files import RunLock, atomic_write
from latentode.scale import Shard, map_parts
from latentode.scale.part_work import PartWork


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return some_parts(tmp_path_factory.mktemp("log"))


def sizes(parts):
    return [entry.series for entry in parts.manifest.parts]


def read(results):
    return [int(file.read_text()) for file in results.files]


def test_every_part_has_its_file(tmp_path, parts):
    results = map_parts(Count(tmp_path / "notes"), parts, tmp_path / "out", suffix=".txt")
    assert read(results) == sizes(parts)
    assert [file.stem for file in results.files] == [f"part-{i:05d}" for i in range(6)]
    assert [record["facts"]["series"] for record in results.done] == sizes(parts)
    assert not results.failures_path.exists()
    results.check()


def test_anything_that_maps_is_an_engine(tmp_path, parts):
    def in_any_order(function, items):
        return [function(item) for item in np.random.default_rng(0).permutation(items)]

    with ThreadPoolExecutor(2) as executor, ThreadPool(2) as pool:

        def submitted(function, items):
            return [executor.submit(function, item) for item in items]

        engines = (map, executor.map, pool.imap_unordered, submitted, in_any_order)
        for number, engine in enumerate(engines):
            out, notes = tmp_path / f"out{number}", tmp_path / f"notes{number}"
            results = map_parts(Count(notes), parts, out, map=engine, suffix=".txt")
            assert read(results) == sizes(parts)


def test_what_stands_is_kept_and_what_is_missing_is_done(tmp_path, parts):
    out, count = tmp_path / "out", Count(tmp_path / "notes")
    map_parts(count, parts, out, suffix=".txt")
    (out / "part-00002.txt").unlink()
    (out / "part-00004.txt").write_bytes(b"")  # not what was written
    results = map_parts(count, parts, out, suffix=".txt")
    assert (results.kept, read(results)) == (4, sizes(parts))
    assert count.asked() == [0, 1, 2, 2, 3, 4, 4, 5]


def test_a_part_of_which_nothing_is_noted_is_done_again(tmp_path, parts):
    """As after a kill between the file and the line about it, or within the line."""
    out, count = tmp_path / "out", Count(tmp_path / "notes")
    map_parts(count, parts, out, suffix=".txt")
    lines = (out / "done.jsonl").read_text().splitlines()
    (out / "done.jsonl").write_text("\n".join([*lines[:4], lines[4][:30]]))
    results = map_parts(count, parts, out, suffix=".txt")
    assert (results.kept, read(results)) == (4, sizes(parts))
    assert len((out / "done.jsonl").read_text().splitlines()) == 6


def test_a_part_that_fails_is_noted_and_the_others_are_done(tmp_path, parts):
    out, notes = tmp_path / "out", tmp_path / "notes"
    results = map_parts(Count(notes, failing=(1, 4)), parts, out, suffix=".txt")
    assert [record["part"] for record in results.done] == [0, 2, 3, 5]
    listed = json.loads((out / "failures.json").read_text())
    assert [(each["part"], each["kind"]) for each in listed] == [(1, "data"), (4, "data")]
    assert listed[0]["message"] == "part 1: expected good luck, got none."
    with pytest.raises(PartsError, match=r"all 6 parts, got failures of 2.*failures\.json"):
        results.check()
    mended = map_parts(Count(notes, failing=(4,)), parts, out, suffix=".txt")
    assert [each["part"] for each in mended.failures] == [4]
    assert [each["part"] for each in json.loads((out / "failures.json").read_text())] == [4]
    map_parts(Count(notes), parts, out, suffix=".txt").check()
    assert not (out / "failures.json").exists()


def test_an_error_that_nobody_expects_is_noted_with_its_type(tmp_path, parts):
    def broken(_parts, _index, file):
        atomic_write(file, b"half of it")
        raise KeyError("missing")

    results = map_parts(broken, parts, tmp_path / "out")
    assert {each["kind"] for each in results.failures} == {"KeyError"}
    assert results.failures[0]["message"] == "KeyError: 'missing'"
    assert not list((tmp_path / "out").glob("part-*"))


def test_a_function_that_writes_nothing_has_failed(tmp_path, parts):
    results = map_parts(lambda *_: {}, parts, tmp_path / "out")
    assert {each["kind"] for each in results.failures} == {"FileNotFoundError"}


def test_a_damaged_part_is_a_failure_of_its_own(tmp_path):
    parts = some_parts(tmp_path)
    path = parts.folder / "part-00003.parquet"
    path.write_bytes(path.read_bytes()[:-5])
    results = map_parts(Count(tmp_path / "notes"), parts, tmp_path / "out", suffix=".txt")
    assert len(results.done) == 5
    (failed,) = results.failures
    assert (failed["part"], failed["kind"]) == (3, "data")
    assert "part-00003.parquet: expected the part of" in failed["message"]


def test_parts_that_are_exchanged_during_a_run_are_refused(tmp_path, parts):
    work = PartWork(Count(tmp_path), parts.folder, "0" * 64, tmp_path, ".txt")
    assert "expected the parts that the run was started on" in work(0)["message"]


def test_results_of_another_request_are_refused_with_what_differs(tmp_path, parts):
    out, count = tmp_path / "out", Count(tmp_path / "notes")
    map_parts(count, parts, out, suffix=".txt", request={"model": "a" * 64, "every": "1h"})
    others = [
        ({"request": {"model": "a" * 64, "every": "2h"}}, r'every \("1h" there, "2h" now\)'),
        ({"request": {"model": "b" * 64, "every": "1h"}}, r"model \(.*aaaa.* there, .*bbb"),
        ({"request": {"every": "1h"}}, "model .* there, null now"),
        ({"request": {"model": "a" * 64, "every": "1h"}, "suffix": ".csv"}, "ending"),
    ]
    for options, message in others:
        with pytest.raises(OutputExistsError, match=f"{message}.*--overwrite"):
            map_parts(count, parts, out, **{"suffix": ".txt", **options})
    other = some_parts(tmp_path, 3)
    with pytest.raises(OutputExistsError, match="parts "):
        map_parts(count, other, out, suffix=".txt", request={"model": "a" * 64, "every": "1h"})
    assert count.asked() == [0, 1, 2, 3, 4, 5]


def test_results_are_thrown_away_where_that_is_asked_and_nothing_else(tmp_path, parts):
    out, count = tmp_path / "out", Count(tmp_path / "notes")
    map_parts(count, parts, out, suffix=".txt", request={"every": "1h"})
    (out / "mine.txt").write_text("mine")
    results = map_parts(
        count, some_parts(tmp_path, 3), out, suffix=".txt", request={"every": "2h"}, overwrite=True
    )
    assert results.kept == 0
    assert sorted(each.name for each in out.iterdir()) == [
        "done.jsonl", "manifest.json", "mine.txt", *(f"part-{i:05d}.txt" for i in range(3)),
    ]  # fmt: skip


def test_a_folder_with_other_files_is_refused(tmp_path, parts):
    (tmp_path / "thesis.tex").touch()
    for overwrite in (False, True):
        with pytest.raises(OutputExistsError, match=r"got one with 'thesis\.tex'"):
            map_parts(Count(tmp_path / "notes"), parts, tmp_path, overwrite=overwrite)


def test_two_runs_into_one_folder_do_not_mix(tmp_path, parts):
    out = tmp_path / "out"
    out.mkdir()
    with RunLock(out), pytest.raises(OutputExistsError, match="held by process"):
        map_parts(Count(tmp_path / "notes"), parts, out)
    with RunLock(out, ".lock-1-of-2"):
        with pytest.raises(OutputExistsError, match="held by process"):
            map_parts(Count(tmp_path / "notes"), parts, out, shard=Shard(1, 2))
        map_parts(Count(tmp_path / "notes"), parts, out, suffix=".txt", shard=Shard(2, 2))


def test_shards_together_are_one_run(tmp_path, parts):
    count = Count(tmp_path / "notes")
    whole = map_parts(count, parts, tmp_path / "whole", suffix=".txt")
    for number in (2, 1):
        results = map_parts(count, parts, tmp_path / "out", suffix=".txt", shard=Shard(number, 2))
        assert len(results.done) == 3
    again = map_parts(count, parts, tmp_path / "out", suffix=".txt")
    assert again.kept == 6
    assert [each.read_bytes() for each in again.files] == [e.read_bytes() for e in whole.files]


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "a/b", "-1/2"])
def test_what_names_no_shard_is_refused(text):
    with pytest.raises(ValueError, match="3/16"):
        Shard.parse(text)
    assert Shard.parse(" 3/16 ") == Shard(3, 16)


def test_each_part_is_computed_on_one_thread_and_the_caller_keeps_its_own(tmp_path, parts):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        results = map_parts(Threads(), parts, tmp_path / "out")
        assert read(results) == [1] * 6
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_progress_counts_what_stood_and_what_failed(tmp_path, parts):
    told, count = [], Count(tmp_path / "notes", failing=(5,))
    map_parts(count, parts, tmp_path / "out", suffix=".txt", shard=Shard(1, 2))
    map_parts(
        count, parts, tmp_path / "out", suffix=".txt", on_progress=lambda *now: told.append(now)
    )
    assert told == [(4, 6, 0), (5, 6, 0), (5, 6, 1)]


def test_a_folder_that_holds_no_parts_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected a folder of parts"):
        map_parts(Count(tmp_path / "notes"), tmp_path, tmp_path / "out")


FULL = """
    import resource, signal, sys
    from pathlib import Path
    from latentode.files import atomic_write
    from latentode.scale import map_parts

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    def copied(parts, index, file):
        atomic_write(file, bytes(30_000 if index == 2 else 100))
        return {}

    results = map_parts(copied, sys.argv[1], sys.argv[2])
    print([(each["part"], each["kind"], each["message"]) for each in results.failures])
"""


@pytest.mark.skipif(os.name == "nt", reason="needs limits of POSIX")
def test_a_full_disk_leaves_no_half_part(tmp_path, parts):
    """A limit of the size of files stands for it."""
    words = [sys.executable, "-c", textwrap.dedent(FULL), parts.folder, tmp_path / "out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert "(2, 'resources', 'disk full: need 30.0 kB" in done.stdout
    left = sorted(each.name for each in Path(tmp_path / "out").iterdir())
    files = [f"part-{i:05d}.parquet" for i in (0, 1, 3, 4, 5)]
    assert left == ["done.jsonl", "failures.json", "manifest.json", *files]


def _one(parts, index, file):
    atomic_write(file, f"one {len(parts.read(index))}".encode())
    return {}


def _other(parts, index, file):
    atomic_write(file, f"other {len(parts.read(index))}".encode())
    return {}


def test_another_function_is_another_request(tmp_path, parts):
    map_parts(_one, parts, tmp_path / "out", suffix=".txt")
    with pytest.raises(OutputExistsError, match=r"what \("):
        map_parts(_other, parts, tmp_path / "out", suffix=".txt")
    with pytest.raises(OutputExistsError, match="parts"):  # no request hides what they are of
        map_parts(_one, some_parts(tmp_path, 3), tmp_path / "out", request={"parts": "mine"})


def test_starting_again_leaves_nothing_of_what_was(tmp_path, parts):
    out = tmp_path / "out"
    map_parts(_one, parts, out, suffix=".txt")
    for name in ("metrics.json", "series-00000.parquet", "part-00000.half"):
        (out / name).write_text("old")
    map_parts(Count(tmp_path / "notes", failing=(1,)), parts, out, suffix=".json", overwrite=True)
    names = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert names == {
        "manifest.json", "done.jsonl", "failures.json",
        *(f"part-{index:05d}.json" for index in (0, 2, 3, 4, 5)),
    }  # fmt: skip


@pytest.mark.parametrize(("held", "shard"), [(".lock", Shard(1, 2)), (".lock-1-of-2", Shard())])
def test_all_parts_and_a_shard_exclude_each_other(tmp_path, parts, held, shard):
    (tmp_path / "out").mkdir()
    with (
        RunLock(tmp_path / "out", held),
        pytest.raises(OutputExistsError, match="expected a folder that nobody else works on"),
    ):
        map_parts(_one, parts, tmp_path / "out", shard=shard)


def test_a_run_whose_folder_was_taken_by_another_request_notes_nothing_more(tmp_path, parts):
    out = tmp_path / "out"

    def taken_over(function, items):
        for item in items:
            record = function(item)
            manifest = json.loads((out / "manifest.json").read_text())
            manifest["request"]["what"] = "another"
            (out / "manifest.json").write_text(json.dumps(manifest))
            yield record

    with pytest.raises(OutputExistsError, match="another request"):
        map_parts(_one, parts, out, map=taken_over)
    assert not (out / "done.jsonl").exists() or not (out / "done.jsonl").read_text()


@pytest.mark.parametrize(
    "record",
    [{"part": "x"}, {"file": 5}, {"file": ".."}, {"file": "/etc/passwd"}, {"bytes": None}],
)
def test_records_that_are_none_count_for_nothing(tmp_path, parts, record):
    out = tmp_path / "out"
    map_parts(_one, parts, out, suffix=".txt")
    lines = [json.loads(line) for line in (out / "done.jsonl").read_text().splitlines()]
    lines[0] |= record
    (out / "done.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    again = map_parts(_one, parts, out, suffix=".txt")
    assert again.kept == 5
    assert all(file.parent == out for file in again.files)


def test_a_result_of_the_same_size_and_another_content_is_made_again(tmp_path, parts):
    first = map_parts(_one, parts, tmp_path / "out", suffix=".txt")
    whole = first.files[2].read_bytes()
    first.files[2].write_bytes(whole[::-1])
    again = map_parts(_one, parts, tmp_path / "out", suffix=".txt")
    assert again.kept == 5
    assert again.files[2].read_bytes() == whole
