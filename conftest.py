"""Options, fixtures and guards of every test, those in docstrings of the package included."""

import os
import signal
import sys

import numpy as np
import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from places import SHARED

try:
    import torch
except ModuleNotFoundError:  # what needs no torch is tested without it, too: make test-torch-free
    torch = None

# make search: other random examples in each run; all other runs have the profile of pyproject.toml
settings.register_profile("search", settings.get_profile("default"), deadline=None, print_blob=True)

# docstrings are tested where the package has them, so what tests share needs no look
collect_ignore_glob = ["tests/helpers/*", "tests/architecture.py"]

# what a test must leave as it was: how it is read, and how it is put back
STATE = {
    "numpy errors": (np.geterr, lambda errors: np.seterr(**errors)),
    "working folder": (os.getcwd, os.chdir),
}
if torch is not None:
    # one thread a worker: results do not depend on the machine, and two workers do not fight
    torch.set_num_threads(1)
    STATE |= {
        "torch default dtype": (torch.get_default_dtype, torch.set_default_dtype),
        "torch threads": (torch.get_num_threads, torch.set_num_threads),
        "torch gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
    }


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", choices=["cpu", "cuda"], help="device of the tests")


def pytest_configure(config):
    if config.getoption("--device") == "cuda" and not torch.cuda.is_available():
        raise pytest.UsageError("--device cuda: this machine has no CUDA device")


def pytest_sessionstart():
    # what nohup ignores, its children would ignore as well, and tests send it to some
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # hypothesis also draws what stands in modules of the package, and in those only that are loaded
    if settings().derandomize:
        providers.is_local_module_file = lambda _: False


def pytest_collection_modifyitems(config, items):
    if config.getoption("--device") == "cuda":
        return
    gpu = [item for item in items if item.get_closest_marker("gpu")]
    if gpu:
        config.hook.pytest_deselected(items=gpu)
        items[:] = [item for item in items if not item.get_closest_marker("gpu")]


@pytest.fixture(scope="session")
def device(pytestconfig):
    return torch.device(pytestconfig.getoption("--device"))


@pytest.fixture(autouse=True)
def _same_seed_for_every_test():
    np.random.seed(0)  # code under test, or a library it calls, may draw from it
    if torch is not None:
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _no_leaked_global_state():
    before = {name: read() for name, (read, _) in STATE.items()}
    yield
    leaked = [name for name, (read, _) in STATE.items() if read() != before[name]]
    for name in leaked:
        STATE[name][1](before[name])
    if leaked:
        pytest.fail(f"the test changed global state and did not restore it: {', '.join(leaked)}")


@pytest.fixture(autouse=True)
def _no_part_stays_registered():
    yield
    if "latentode.registration" in sys.modules:  # some test has looked at `register`
        from registered import forget_registered

        forget_registered()


@pytest.fixture(scope="session")
def shared_data():
    """Folder of the large public data sets, which are not part of the repository."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("needs the public data sets in ../shared/data")
    return folder
