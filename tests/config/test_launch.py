"""What an environment that torchrun did not write is told."""

import pytest

from latentode.config.launch import processes_told, told
from latentode.errors import ConfigError

GROUP = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.fixture
def environment(monkeypatch):
    def set_to(**variables):
        for name in GROUP:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_to


def test_a_group_of_torchrun_is_believed_and_none_is_one_process(environment):
    environment()
    assert processes_told() == 1
    environment(**GROUP)
    assert (processes_told(), told("RANK", 0)) == (2, 1)


@pytest.mark.parametrize(
    ("variables", "match"),
    [
        ({"WORLD_SIZE": "abc"}, r"WORLD_SIZE: .*got 'abc'.*unset WORLD_SIZE"),
        ({"WORLD_SIZE": "-1"}, r"got '-1'"),
        ({"WORLD_SIZE": "9" * 40}, "whole number"),
        ({"WORLD_SIZE": "2"}, r"WORLD_SIZE=2: .*RANK is missing"),
        (GROUP | {"RANK": "2"}, r"RANK=2: expected less than WORLD_SIZE=2"),
        (GROUP | {"RANK": "x"}, r"RANK: expected the whole number"),
        ({"WORLD_SIZE": "0"}, r"RANK=0: expected less than WORLD_SIZE=0"),
    ],
)
def test_variables_that_describe_no_group_are_refused_by_name(environment, variables, match):
    environment(**variables)
    with pytest.raises(ConfigError, match=match):
        processes_told()
