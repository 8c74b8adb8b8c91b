"""Ten million readings: time against plain `pandas.read_csv`, and memory."""

import subprocess
import sys

import numpy as np
import pytest

READINGS = 10_000_000
MEASURE = """
import resource, sys, time
import pandas as pd
from latentode.data.reading.log import read_log

def timed(read):
    start = time.perf_counter()
    read()
    return time.perf_counter() - start

number = read_log(sys.argv[1])[0].readings.num_readings
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
# in turn, and the best of each: other work on the machine hits both alike
pairs = [
    (timed(lambda: pd.read_csv(sys.argv[1])), timed(lambda: read_log(sys.argv[1])))
    for _ in range(5)
]
plain, ours = (min(times) for times in zip(*pairs))
print(number, ours / plain, peak, ours, plain)
"""


def write_long(path):
    """50 nodes, a time each about 10 s, four channels a time, in the order of arrival."""
    generator = np.random.default_rng(0)
    start = np.datetime64("2017-03-01", "us").astype(np.int64)
    names = ("temperature", "humidity", "light", "voltage")
    with path.open("w") as file:
        file.write("series,time,channel,value\n")
        for block in range(READINGS // 200_000):
            steps = (block * 1_000 + np.arange(1_000))[:, None] * 10_000_000
            times = start + steps + generator.integers(0, 9_000_000, (1_000, 50))
            stamps = np.datetime_as_string(times.astype("M8[us]").ravel())
            values = np.round(generator.normal(20, 5, (len(stamps), 4)), 3)
            rows = [
                f"node-{i % 50:02d},{stamp}Z,{name},{value}\n"
                for i, stamp in enumerate(stamps)
                for name, value in zip(names, values[i].tolist(), strict=True)
            ]
            file.write("".join(rows))


def write_wide(path):
    """10 stations, a row a minute, ten channels, in the order of arrival."""
    generator = np.random.default_rng(0)
    start = np.datetime64("2017-03-01", "s").astype(np.int64)
    with path.open("w") as file:
        file.write("station,timestamp," + ",".join(f"c{i}" for i in range(10)) + "\n")
        for block in range(READINGS // 1_000_000):
            minutes = block * 10_000 + np.arange(10_000)
            stamps = np.datetime_as_string((start + minutes * 60).astype("M8[s]"))
            values = np.round(generator.normal(20, 5, (10_000, 10, 10)), 3).tolist()
            rows = [
                f"s{station},{stamp},{','.join(map(str, values[i][station]))}\n"
                for i, stamp in enumerate(stamps)
                for station in range(10)
            ]
            file.write("".join(rows))


@pytest.mark.slow
@pytest.mark.parametrize("write", [write_long, write_wide], ids=["long", "wide"])
def test_ten_million_readings_take_three_plain_reads_and_four_gigabytes(tmp_path, write):
    path = tmp_path / "log.csv"
    write(path)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    number, ratio, peak, *_ = (float(item) for item in done.stdout.split())
    assert number == READINGS
    assert peak < 4e9
    assert ratio < 3
