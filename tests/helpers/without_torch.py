"""A plugin of pytest for a Python without torch: what asks for it is skipped, not failed.

`make test-torch-free` loads it. A test that asks for torch in a process of its own may fail without
the words that tell why, so that target names its folders.
"""

import pytest

NEEDS = "No module named 'torch"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if report.failed and NEEDS in str(report.longrepr):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, "needs torch")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.excinfo is not None and NEEDS in str(call.excinfo.value):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, "needs torch")
    return report
