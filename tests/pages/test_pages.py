"""Pages of one file: what is embedded cannot break out, and nothing is loaded."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from browser import SCHEMES, WIDTHS, chromium, draw_all, faults_of_accessibility, visit

from latentode import pages
from latentode.pages import document, embedded, render

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    '"><img src=x onerror=alert(2)>',
    "' onmouseover='alert(3)",
    "\u2028\u2029\x00\ufeff",
    "\u202egnp.exe",
    "x" * 300,
    "{{ 7 * 7 }}{% raw %}",
    "\ud800",
)


def charts_of(name):
    time = [1.76e9 + 600 * i for i in range(40)]
    value = [i % 7 for i in range(40)]
    line = {"label": name, "x": time, "y": value}
    axis = {"kind": "time", "zone": "Europe/Berlin", "label": name}
    quantiles = {str(q): [v + q for v in value] for q in (0.05, 0.25, 0.5, 0.75, 0.95)}
    fan = {
        "kind": "fan", "label": name, "x": axis, "y": {"label": name}, "time": time,
        "quantiles": quantiles, "paths": [value],
        "past": {"time": [time[0] - 60], "value": [1]},
        "later": {"time": [time[3] + 7], "value": [2]},
        "marks": [{"x": time[0], "label": name}], "spans": [{"from": time[1], "to": time[2]}],
    }  # fmt: skip
    bar = {"label": name, "x": [1, 2], "y": [3, 4]}
    gaps = {
        "kind": "map", "label": name, "x": axis, "from": time[0], "to": time[-1],
        "rows": [name, "b"], "cells": [[1, 0, None], [4, 9, 2]],
    }  # fmt: skip
    number = {"kind": "number"}
    return {
        "fan": fan,
        "lines": {"kind": "xy", "x": number, "lines": [line], "points": [line]},
        "bars": {"kind": "xy", "x": number, "bars": [bar], "still": True},
        "nothing": {"kind": "xy", "x": {"kind": "time", "zone": "UTC"}, "lines": []},
        "gaps": gaps,
    }


def page_of(*names):
    charts = {
        f"{key} {index}": spec
        for index, name in enumerate(names)
        for key, spec in charts_of(name).items()
    }
    records = {"names": names, "charts": charts}
    figures = "".join(f'<div class="chart" data-chart="{key}"></div>' for key in records["charts"])
    return document(names[0], f"<main><h1>Charts</h1>{figures}</main>", records=records)


def written(text, folder):
    path = folder / "page.html"
    path.write_bytes(text.encode("utf-8", "replace"))
    return path.as_uri()


@pytest.mark.parametrize("name", HOSTILE)
def test_records_come_out_as_they_went_in_and_end_no_element(name):
    text = embedded({name: name})
    assert json.loads(text) == {name: name}
    assert text.isascii()
    assert not set("<>&") & set(text)


def test_records_that_json_does_not_have_are_refused():
    with pytest.raises(ValueError, match="Out of range float values"):
        embedded([float("nan")])


def test_every_script_and_style_has_its_sum_in_the_policy():
    text = document("title", "<p>", records={}, scripts=["const own = 1;"])
    policy = re.search('Content-Security-Policy" content="([^"]*)"', text)[1]
    inline = re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", text, flags=re.DOTALL)
    assert len(inline) == 6  # two styles, the library, the charts, the start, its own
    for source in inline:
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "connect-src" not in policy
    assert "connect-src 'self'" in document("title", "", connects=True)
    assert "unsafe" not in policy


def test_the_vendored_library_is_the_one_that_its_licence_is_beside():
    assets = Path(pages.__file__).parent / "assets"
    assert "(v1.6.32)" in (assets / "uPlot.iife.min.js").read_text(encoding="utf-8")[:100]
    assert "MIT License" in (assets / "uPlot.LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", HOSTILE)
def test_templates_escape_what_they_are_given(name, tmp_path):
    template = tmp_path / "page.html"
    template.write_text('<b title="{{ name }}">{{ name }}</b>', encoding="utf-8")
    inside = render(template, {"name": name})[len('<b title="') : -len("</b>")]
    assert inside.count("<") == 0
    assert inside.count('"') == 1  # the one of the template


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


def test_no_name_runs_asks_or_complains_in_a_browser(browser, tmp_path):
    address = written(page_of(*HOSTILE), tmp_path)
    with visit(browser, address, offline=True) as seen:
        draw_all(seen.page)
        assert seen.page.locator("canvas").count() == 4 * len(HOSTILE)
        assert seen.page.locator("svg.map path").count() >= 2 * len(HOSTILE)
        assert (seen.dialogs, seen.complaints) == ([], [])
        assert seen.requests == [address]


def test_charts_that_are_visible_are_there_at_load_and_hidden_ones_once_they_show(
    browser, tmp_path
):
    records = {"charts": charts_of("pump")}
    figures = "".join(
        f'<div><div class="chart" data-chart="{key}"></div></div>' for key in records["charts"]
    )
    hides = "document.querySelector('[data-chart=bars]').parentNode.hidden = true;"
    text = document("charts", f"<main>{figures}</main>", records=records, scripts=[hides])
    drawn = "[...document.querySelectorAll('[data-drawn]')].map((e) => e.dataset.chart)"
    with visit(browser, written(text, tmp_path)) as seen:
        before = seen.page.evaluate(drawn)
        assert before == [key for key in records["charts"] if key != "bars"]
        height = "document.documentElement.scrollHeight"
        first = seen.page.evaluate(height)
        seen.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        assert seen.page.evaluate(height) == first
        seen.page.evaluate("document.querySelector('[data-chart=bars]').parentNode.hidden = false")
        seen.page.wait_for_selector("[data-chart=bars][data-drawn] canvas")


def test_nothing_that_a_page_asks_for_leaves_it(browser, tmp_path):
    address = written(page_of("name"), tmp_path)
    with visit(browser, address) as seen:
        asked = """async () => { try { await fetch("http://127.0.0.1:9/"); return "sent"; }
                   catch (error) { return error.name; } }"""
        assert seen.page.evaluate(asked) == "TypeError"
        assert any("Content Security Policy" in said for said in seen.complaints)


def test_a_chart_is_read_and_zoomed_by_keyboard(browser, tmp_path):
    with visit(browser, written(page_of("pump"), tmp_path)) as seen:
        draw_all(seen.page)
        chart = seen.page.locator('[data-chart="fan 0"]')
        chart.locator(".stage").focus()
        seen.page.keyboard.press("ArrowRight")
        first = chart.locator(".readout").text_content()
        assert "read 1" in first
        seen.page.keyboard.press("ArrowRight")
        second = chart.locator(".readout").text_content()
        assert second != first
        assert "median 0.5" in second
        assert "90 % 0.05 to 0.95" in second
        whole = chart.locator("canvas").screenshot()
        chart.get_by_role("button", name="Zoom in").press("Enter")
        near = chart.locator("canvas").screenshot()
        assert near != whole
        chart.get_by_role("button", name="Show all").press("Enter")


def test_colours_follow_the_scheme_and_paper_is_light(browser, tmp_path):
    address = written(page_of("pump"), tmp_path)
    background = "getComputedStyle(document.body).backgroundColor"
    with visit(browser, address, scheme="dark") as seen:
        draw_all(seen.page)
        dark = seen.page.evaluate(background)
        seen.page.emulate_media(color_scheme="light")
        light = seen.page.evaluate(background)
        seen.page.emulate_media(color_scheme="dark", media="print")
        assert dark != light
        assert seen.page.evaluate(background) == light
        assert seen.page.locator(".zoom").first.is_hidden()


@pytest.mark.parametrize(("width", "scheme"), list(zip(WIDTHS, SCHEMES, strict=True)))
def test_axe_finds_no_serious_fault_and_nothing_hangs_over(browser, tmp_path, width, scheme):
    address = written(page_of("pump", "pump" * 60), tmp_path)
    with visit(browser, address, width=width, scheme=scheme) as seen:
        draw_all(seen.page)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        assert faults_of_accessibility(seen.page) == []
