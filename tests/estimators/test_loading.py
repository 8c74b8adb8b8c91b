"""Loading a model: what a kill left behind is put back, and no random number is taken."""

import subprocess
import sys

import pytest
import torch
from pump_log import tiny, wide_frame

from latentode import LatentODE
from latentode.errors import CheckpointError
from latentode.files import atomic


@pytest.fixture(scope="module")
def model():
    return tiny(wide_frame(), id_column="pump")


def aside(folder):
    """What a writer leaves that is killed after it moved the old folder away."""
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    name = f".{folder.name}.{dead.pid}-{atomic._HOST}01234567.latentode-old"
    return folder.rename(folder.with_name(name))


@pytest.mark.parametrize("place", ["model", "run/model"])
@pytest.mark.parametrize("named", ["model", "around"])
def test_a_swap_that_a_kill_cut_in_two_is_put_back(place, named, model, tmp_path):
    folder = tmp_path / place
    folder.parent.mkdir(exist_ok=True)
    model.save(folder)
    moved = aside(folder)
    again = LatentODE.load(folder if named == "model" else folder.parent)
    assert again.describe() == model.describe()
    assert (folder / "model.json").is_file()
    assert not moved.exists()


def test_a_folder_without_a_model_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="cannot be read"):
        LatentODE.load(tmp_path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        LatentODE.load(tmp_path / "gone")
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_loading_takes_no_random_number(model, tmp_path):
    model.save(tmp_path / "model")
    before = torch.random.get_rng_state()
    LatentODE.load(tmp_path / "model")
    assert torch.equal(torch.random.get_rng_state(), before)
