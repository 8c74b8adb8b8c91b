"""What the answer to one request may take, in bytes."""

import re

import pytest

from latentode.config.memory import VARIABLE, check_drawn, max_memory
from latentode.errors import ConfigError, ResourceError


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 5 * 10**8), ("12 GB", 12 * 10**9), ("1.5kB", 1500), ("7", 7)]
)
def test_the_limit_is_what_the_environment_says(monkeypatch, text, size):
    monkeypatch.setenv(VARIABLE, text)
    assert max_memory() == size


def test_without_it_the_limit_is_four_gigabytes(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert max_memory() == 4 * 10**9


@pytest.mark.parametrize("text", ["", "much", "0GB", "-1GB", "4gb", "1e9", "4GiB", "9" * 40])
def test_what_is_no_size_is_refused(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ConfigError, match=f"{VARIABLE}: expected a size"):
        max_memory()


@pytest.mark.parametrize("asked", [(10**9,), (1_000, 10**9), (250_000, 1_000), (25_000, 1_000, 10)])
def test_what_would_take_more_is_refused_with_a_limit_that_lets_it_through(monkeypatch, asked):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ResourceError, match="at most 4 GB of memory, got about") as refused:
        check_drawn(*asked)
    monkeypatch.setenv(VARIABLE, re.search(rf"{VARIABLE}=(\S+)", str(refused.value))[1])
    check_drawn(*asked)


def test_what_takes_less_is_let_through(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    check_drawn(400_000, 200)
