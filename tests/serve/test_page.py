"""The page in a browser: what it shows, by mouse and by keyboard, and what axe finds."""

import re

import pytest
from browser import SCHEMES, WIDTHS, chromium, faults_of_accessibility, visit
from served import serving

pytestmark = pytest.mark.slow
TOKEN = "a-token-of-more-than-sixteen-signs"
DONE = "#answer:not([hidden]), #error:not([hidden])"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def loaded(page):
    page.wait_for_selector("#series option:nth-child(2)", state="attached")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_log_is_chosen_shown_and_forecast(server, folder, browser, width, scheme):
    with visit(browser, server.address, width=width, scheme=scheme) as seen:
        page = seen.page
        loaded(page)
        assert "It forecasts level, flow" in page.inner_text("#about")
        assert (page.inner_text("h1"), page.title()) == ("run", "run - latentode")
        page.set_input_files("#file", folder / "next.csv")
        page.wait_for_selector(DONE)
        assert page.inner_text("#error") == ""
        facts = page.inner_text("#read-facts")
        assert "60" in facts
        assert "1 Mar 2025" in facts or "Mar 2025" in facts
        assert page.locator("#read-channels tbody tr").count() == 2
        assert page.locator("#charts .chart canvas").count() == 2
        chart = page.locator("#charts .u-over").first
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
        said = page.locator("#charts .readout").first
        assert re.search(r"median [\d.,-]+", said.inner_text())
        assert "90 %" in said.inner_text()
        assert faults_of_accessibility(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
        assert (seen.complaints, seen.dialogs) == ([], [])
        own = {server.address, "blob:", "data:"}
        assert all(any(url.startswith(each) for each in own) for url in seen.requests)


def test_a_series_is_chosen_by_keyboard_and_downloaded(server, browser, tmp_path):
    with visit(browser, server.address) as seen:
        page = seen.page
        loaded(page)
        page.focus("#series")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        page.wait_for_selector(DONE)
        assert page.inner_text("#answer-title") == "Forecast of north"
        page.focus("#charts .stage")
        page.keyboard.press("ArrowRight")
        assert page.locator("#charts .readout").first.inner_text() != ""
        with page.expect_download() as waiting:
            page.focus("#download")
            page.keyboard.press("Enter")
        waiting.value.save_as(tmp_path / "forecast.csv")
        body = {"series": ["north"]}
        expected = server.post("/forecast?horizon=6h", body, accept="text/csv").content
        assert (tmp_path / "forecast.csv").read_bytes() == expected
        assert waiting.value.suggested_filename == "forecast-north.csv"
        assert seen.complaints == []


def test_a_dropped_log_is_read_with_the_options_that_are_typed(server, body, browser):
    text = body.decode().replace(",", ";").replace("\n", ";\n")
    with visit(browser, server.address) as seen:
        page = seen.page
        loaded(page)
        page.evaluate(
            """(text) => {
                const given = new DataTransfer();
                given.items.add(new File([text], "<b>log</b>.csv", { type: "text/csv" }));
                const how = { bubbles: true, cancelable: true, dataTransfer: given };
                document.getElementById("drop").dispatchEvent(new DragEvent("drop", how));
            }""",
            text,
        )
        page.wait_for_selector(DONE)
        assert page.inner_text("#answer-title") == "Forecast of <b>log</b>.csv"
        page.click("#how summary")
        page.fill("#options", "--time-unit parsecs")
        page.click("#go")
        page.wait_for_selector("#error:not([hidden])")
        assert "data.time.unit" in page.inner_text("#error")
        page.fill("#options", "--sep ';' --no-dayfirst")
        page.click("#go")
        page.wait_for_selector("#answer:not([hidden])")
        assert page.locator("#error").is_hidden()


def test_names_of_a_log_are_text(server, body, browser, tmp_path):
    log = tmp_path / "log.csv"
    text = body.decode().replace("south", HOSTILE).replace("level,flow", f"level,flow,{HOSTILE}")
    head, *rows = text.splitlines()
    log.write_text("\n".join([head, *(f"{row},word{i}" for i, row in enumerate(rows))]))
    with visit(browser, server.address) as seen:
        page = seen.page
        loaded(page)
        page.set_input_files("#file", log)
        page.wait_for_selector(DONE)
        assert page.locator("img").count() == 0
        assert (seen.dialogs, seen.complaints) == ([], [])
        assert HOSTILE in page.text_content("body")


def test_the_page_asks_for_the_token_and_says_what_is_wrong(folder, browser):
    with (
        serving(folder / "run", environment={"LATENTODE_TOKEN": TOKEN}) as server,
        visit(browser, server.address) as seen,
    ):
        page = seen.page
        page.wait_for_selector("#token:not([hidden])")
        assert "expected the token" in page.inner_text("#error")
        assert (page.inner_text("h1"), page.title()) == ("latentode", "latentode")
        page.fill("#token-text", TOKEN)
        page.keyboard.press("Enter")
        loaded(page)
        assert page.locator("#token").is_hidden()
        page.select_option("#series", "south")
        page.wait_for_selector(DONE)
        assert page.inner_text("#answer-title") == "Forecast of south"
        page.click("#answer details:last-of-type summary")
        assert "Bearer $LATENTODE_TOKEN" in page.inner_text("#curl")
        assert TOKEN not in page.text_content("body")
