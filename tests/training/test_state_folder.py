"""States of a run on a disk that is full for a moment, or for good."""

import errno

import pytest
import torch

from latentode.errors import ResourceError
from latentode.training import state_folder
from latentode.training.state_folder import StateFolder, has_states


class Disk:
    """Writes nothing for a number of times; counts how long somebody waited."""

    def __init__(self, monkeypatch, failures, code=errno.ENOSPC):
        self.failures, self.waited, self.code = failures, [], code
        self._save = state_folder.save_folder
        monkeypatch.setattr(state_folder, "save_folder", self.save)

    def save(self, *arguments):
        if self.failures:
            self.failures -= 1
            raise ResourceError("disk full.") from OSError(self.code, "no")
        self._save(*arguments)


def folder_of(tmp_path, disk=None):
    wait = (lambda _: None) if disk is None else disk.waited.append
    folder = StateFolder(tmp_path, ("model",), "facts", wait)
    folder.prepare()
    return folder


def state(step):
    return {"model": {"weight": torch.full((2,), float(step))}}


def test_a_disk_that_is_full_for_a_moment_is_tried_once_more(tmp_path, monkeypatch):
    disk = Disk(monkeypatch, failures=1)
    folder = folder_of(tmp_path, disk)
    folder.save(1, state(1), {"n": 1}, best=1)
    assert disk.waited == [state_folder._MOMENT]
    _, parts, facts = folder.load()
    assert (parts["model"]["weight"].tolist(), facts) == ([1.0, 1.0], {"n": 1})


def test_a_disk_that_stays_full_leaves_the_last_state_whole(tmp_path, monkeypatch):
    folder_of(tmp_path).save(1, state(1), {"n": 1}, best=1)
    disk = Disk(monkeypatch, failures=9)
    folder = folder_of(tmp_path, disk)
    with pytest.raises(ResourceError, match="disk full") as raised:
        folder.save(2, state(2), {"n": 2}, best=2)
    assert raised.value.exit_code == 7
    assert (disk.failures, len(disk.waited)) == (7, 1)
    assert has_states(tmp_path)
    _, parts, facts = folder.load()
    assert (parts["model"]["weight"].tolist(), facts) == ([1.0, 1.0], {"n": 1})
    assert sorted(path.name for path in folder.path.iterdir())[1:] == ["best.json", "last.json"]


def test_other_faults_are_not_tried_again(tmp_path, monkeypatch):
    disk = Disk(monkeypatch, failures=1, code=errno.EROFS)
    with pytest.raises(ResourceError, match="disk full"):
        folder_of(tmp_path, disk).save(1, state(1), {}, best=1)
    assert disk.waited == []
