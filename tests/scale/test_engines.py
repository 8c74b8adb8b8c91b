"""Processes, Dask and Ray: the same bits as a loop, and a worker that dies costs its part alone."""

import os
import signal
import sys
import textwrap
import time
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

import pytest
from part_cases import Count, irregular_parts, some_parts
from places import ROOT
from programs import PATIENCE, ended, python, started
from pump_log import perturb, tiny

from latentode.errors import DataError, ResourceError
from latentode.files import packages
from latentode.scale import map_parts
from latentode.scale.engines.choice import engine_of
from latentode.scale.engines.processes import Processes
from latentode.scale.engines.results import Lost, results_of
from latentode.scale.engines.workers import Here, check_workers, what_is_here
from latentode.scale.model_file import ModelFile
from latentode.scale.predictions import PartForecast

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "helpers"))),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # else it writes a token into the home folder
}
posix = pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return some_parts(tmp_path_factory.mktemp("log"))


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A forecast of four parts, and the files that a loop makes of it."""
    folder = tmp_path_factory.mktemp("forecast")
    log, parts = irregular_parts(folder)
    model = tiny(log)
    perturb(model)
    model.save(folder / "model")
    forecast = PartForecast(
        model=ModelFile.of(folder / "model"), num_draws=4, quantiles=(0.5,), every="1h"
    )
    return forecast, parts, contents(map_parts(forecast, parts, folder / "loop"))


def contents(results):
    results.check()
    return [file.read_bytes() for file in results.files]


@contextmanager
def dask_cluster(folder, workers=2):
    """A scheduler and workers of one thread each, on this machine."""
    where = folder / "scheduler.json"
    common = ("--scheduler-file", where, "--no-dashboard")
    with ExitStack() as stack:
        for program, *words in (
            ("scheduler", "--port", 0),
            *[("worker", "--nthreads", 1)] * workers,
        ):
            module = f"distributed.cli.dask_{program}"
            nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), -3)
            stack.enter_context(
                started(
                    sys.executable, "-m", module, *words, *common,
                    *(("--local-directory", folder) if program == "worker" else ()),
                    env=ENVIRONMENT, cwd=folder, **nowhere,
                )
            )  # fmt: skip
        import distributed

        with distributed.Client(scheduler_file=str(where), set_as_default=False) as client:
            if workers:
                client.wait_for_workers(workers, timeout=PATIENCE)
            address = client.scheduler.address
        yield address


def test_futures_are_taken_as_they_are_done_and_a_lost_one_is_told(tmp_path, parts):
    from concurrent.futures import Future

    def submitted(function, items):
        futures = [Future() for _ in items]
        for future, item in list(zip(futures, items, strict=True))[::-1]:
            if item == 2:
                future.set_exception(OSError("the worker has gone"))
            else:
                future.set_result(function(item))
        return futures

    found = list(results_of(submitted, lambda item: item * 10, range(4)))
    (lost,) = [each for each in found if isinstance(each, Lost)]
    assert (lost.item, str(lost.why)) == (2, "the worker has gone")
    assert sorted(each for each in found if each is not lost) == [0, 10, 30]
    results = map_parts(
        Count(tmp_path / "notes"), parts, tmp_path / "out", suffix=".txt", map=submitted
    )
    assert [(each["part"], each["kind"]) for each in results.failures] == [(2, "OSError")]


def test_nothing_is_started_where_nothing_is_to_do():
    assert list(results_of(lambda *_: pytest.fail("called"), str, [])) == []


def test_processes_give_the_bits_of_a_loop(tmp_path, asked):
    forecast, parts, expected = asked
    assert contents(map_parts(forecast, parts, tmp_path / "out", map=Processes(2))) == expected


@posix
@pytest.mark.fault
def test_a_killed_process_costs_its_part_alone(tmp_path, parts):
    count = Count(tmp_path / "notes", deadly=(1,))
    results = map_parts(count, parts, tmp_path / "out", suffix=".txt", map=Processes(2))
    results.check()
    assert count.asked() == [0, 1, 1, 2, 3, 4, 5]


@posix
@pytest.mark.fault
def test_a_part_whose_process_dies_twice_has_failed(tmp_path, parts):
    count = Count(tmp_path / "notes", deadly=(1,), deaths=9)
    results = map_parts(count, parts, tmp_path / "out", suffix=".txt", map=Processes(2))
    assert count.asked() == [0, 1, 1, 2, 3, 4, 5]
    (failed,) = results.failures
    assert (failed["part"], failed["kind"]) == (1, "resources")
    assert failed["message"].startswith("its process died 2 times (killed, or out of memory).")
    again = map_parts(Count(tmp_path / "notes"), parts, tmp_path / "out", suffix=".txt")
    assert (again.kept, len(again.done)) == (5, 6)


SLOW = """
    import sys
    from pathlib import Path
    from part_cases import Slow
    from latentode.scale import map_parts
    from latentode.scale.engines.processes import Processes

    if __name__ == "__main__":
        map_parts(Slow(Path(sys.argv[2])), sys.argv[1], sys.argv[3], map=Processes(2))
"""


@posix
@pytest.mark.fault
def test_processes_end_with_a_parent_that_is_killed(tmp_path, parts):
    script = tmp_path / "slow.py"
    script.write_text(textwrap.dedent(SLOW))
    words = (script, parts.folder, tmp_path / "pids", tmp_path / "out")
    with started(sys.executable, *words, env=ENVIRONMENT) as process:
        limit = time.monotonic() + PATIENCE
        while len(list(tmp_path.glob("pids/*"))) < 2:
            assert process.poll() is None, ended(process)
            assert time.monotonic() < limit
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in tmp_path.glob("pids/*"):
            while alive(int(path.name)):
                assert time.monotonic() < limit
                time.sleep(0.02)
    assert not list((tmp_path / "out").glob("part-*"))


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:  # a zombie has ended
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("distributed") is None, reason="needs distributed")
def test_dask_gives_the_bits_of_a_loop_and_does_again_what_a_killed_worker_did(
    tmp_path, parts, asked
):
    forecast, forecast_parts, expected = asked
    with dask_cluster(tmp_path) as address:
        here = Here.of(forecast_parts.folder)
        with engine_of(here, cluster="dask", address=address) as engine:
            made = map_parts(forecast, forecast_parts, tmp_path / "forecast", map=engine)
            count = Count(tmp_path / "notes", deadly=(1,))
            results = map_parts(count, parts, tmp_path / "out", suffix=".txt", map=engine)
        missing = Here.of(tmp_path / "nowhere")
        with (
            pytest.raises(ResourceError, match=r"workers: expected .* the same paths"),
            engine_of(missing, cluster="dask", address=address),
        ):
            pass
    assert contents(made) == expected
    results.check()
    # the part that the other worker was given already may be given once more, and no other
    assert set(count.asked()) == set(range(6))
    assert count.asked().count(1) == 2


@pytest.mark.skipif(find_spec("distributed") is None, reason="needs distributed")
def test_a_scheduler_that_does_not_answer_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("latentode.scale.engines.dask_cluster._PATIENCE", "0.1s")
    with (
        pytest.raises(ResourceError, match=r"--address: expected a scheduler of Dask"),
        engine_of(Here.of(tmp_path), cluster="dask", address="tcp://127.0.0.1:9"),
    ):
        pass


@pytest.mark.skipif(find_spec("distributed") is None, reason="needs distributed")
def test_a_scheduler_without_workers_is_said_and_not_waited_for(tmp_path):
    with (
        dask_cluster(tmp_path, workers=0) as address,
        pytest.raises(ResourceError, match="got a scheduler without any"),
        engine_of(Here.of(tmp_path), cluster="dask", address=address),
    ):
        pass


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="needs ray")
def test_ray_gives_the_bits_of_a_loop_and_does_again_what_a_killed_worker_did(tmp_path, asked):
    """In programs of their own, as Ray leaves threads, files and settings behind."""
    forecast, forecast_parts, expected = asked
    parts = some_parts(tmp_path)
    words = (forecast.model.path, forecast_parts.folder, parts.folder, tmp_path)
    options = {"env": ENVIRONMENT, "cwd": tmp_path}
    with started(sys.executable, "-c", textwrap.dedent(RAY_CLUSTER), **options) as cluster:
        address = cluster.stdout.readline().split()[-1]
        done = python("-c", textwrap.dedent(ON_RAY), address, *words, **options)
        assert done.returncode == 0, done.stderr
        ended(cluster)
    made = sorted((tmp_path / "forecast").glob("part-*"))
    assert [file.read_bytes() for file in made] == expected
    assert done.stdout.splitlines()[-1] == "[0, 1, 1, 2, 3, 4, 5]"


RAY_CLUSTER = """
    import sys
    import ray

    context = ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100_000_000)
    print(context.address_info["address"], flush=True)
    sys.stdin.read()
    ray.shutdown()
"""
ON_RAY = """
    import sys
    from pathlib import Path
    from part_cases import Count
    from latentode.scale import map_parts
    from latentode.scale.engines.choice import engine_of
    from latentode.scale.engines.workers import Here
    from latentode.scale.model_file import ModelFile
    from latentode.scale.predictions import PartForecast

    address, *paths = sys.argv[1:]
    model, folder, parts, out = map(Path, paths)
    forecast = PartForecast(model=ModelFile.of(model), num_draws=4, quantiles=(0.5,), every="1h")
    with engine_of(Here.of(folder), cluster="ray", address=address) as engine:
        map_parts(forecast, folder, out / "forecast", map=engine).check()
        count = Count(out / "notes", deadly=(1,))
        map_parts(count, parts, out / "counts", suffix=".txt", map=engine).check()
    print(count.asked())
"""


@pytest.mark.parametrize(("cluster", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch, cluster, package):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(packages, "import_module", absent)
    message = rf"as an engine it needs {package}\. Type: pip install 'latentode\[{cluster}\]'"
    with (
        pytest.raises(DataError, match=message),
        engine_of(Here.of(tmp_path), cluster=cluster, address="here:1"),
    ):
        pass


def test_workers_of_another_version_or_without_the_files_are_refused(tmp_path):
    assert what_is_here(Here.of(tmp_path)) == ""
    assert what_is_here(Here.of(tmp_path / "gone")).startswith(f"no {tmp_path / 'gone'} on ")
    assert what_is_here(Here("9.9.9", ())).startswith("latentode ")
    check_workers({"one": "", "two": ""})
    with pytest.raises(ResourceError, match=r"got no /data on far .*\(worker two\)"):
        check_workers({"one": "", "two": "no /data on far"})
