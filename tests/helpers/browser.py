"""Pages in headless Chromium: what they ask of the network, what they say, and what axe finds."""

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

WIDTHS, SCHEMES = (1280, 420), ("light", "dark")


@contextmanager
def chromium():
    """A browser; the test is skipped where there is none. One a module: it holds an event loop."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if path is None:
        pytest.skip("no Chromium here")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """An opened page, and what happened on it."""

    page: object
    requests: list = field(default_factory=list)
    complaints: list = field(default_factory=list)
    dialogs: list = field(default_factory=list)


@contextmanager
def visit(browser, address, *, width=1280, scheme="light", offline=False):
    """Open a page; notes requests but for its own file, errors, warnings and dialogs."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=offline
    )
    seen = Visit(context.new_page())
    seen.page.on(
        "console",
        lambda said: (
            seen.complaints.append(said.text) if said.type in ("error", "warning") else None
        ),
    )
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on("request", lambda asked: seen.requests.append(asked.url))

    def dismiss(dialog):
        seen.dialogs.append(dialog.message)
        dialog.dismiss()

    seen.page.on("dialog", dismiss)
    try:
        seen.page.goto(address)
        yield seen
    finally:
        context.close()


def draw_all(page):
    """Scroll to every chart that is not hidden, and wait until it is drawn."""
    for chart in page.query_selector_all("[data-chart]"):
        if chart.evaluate("element => element.offsetParent !== null"):
            chart.evaluate("element => element.scrollIntoView()")
            page.wait_for_function("element => element.dataset.drawn", arg=chart)


def faults_of_accessibility(page):
    """Serious and critical faults that axe finds."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    found = axe.Axe().run(page).response["violations"]
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
