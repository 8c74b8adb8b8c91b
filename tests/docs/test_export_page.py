"""What the page on exported models says came of its code."""

import pytest

pytestmark = pytest.mark.page("docs/export.md")


def test_the_file_answers_at_the_shell_and_in_python(found):
    written = {path.name for path in found.folder.iterdir()}
    assert {"pump.onnx", "forecast.csv", "filled.csv", "scores.json"} <= written
    assert found.names["forecast"].sizes["series"] == 24
