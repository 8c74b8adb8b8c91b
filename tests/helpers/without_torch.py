"""A plugin of pytest for a Python without torch: what asks for it is skipped, not failed.

`make test-torch-free` loads it. A test that asks for torch in a process of its own may fail without
the words that tell why, so that target names its folders.
"""

import pytest

# the second is what the program says of it
NEEDS = ("No module named 'torch", "expected the package torch")


def asks_for_torch(said):
    return any(words in str(said) for words in NEEDS)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if report.failed and asks_for_torch(report.longrepr):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, "needs torch")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.excinfo is not None and asks_for_torch(call.excinfo.value):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, "needs torch")
    return report
