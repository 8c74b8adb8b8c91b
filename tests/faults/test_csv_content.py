"""F01 to F08: what stands in a text file."""

import pytest
from cli_cases import run

HEADER = "time,level\n"


def written(folder, content, name="log.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("content", ["", HEADER, HEADER + "\n\n"])
def test_f01_a_file_without_rows(tmp_path, content):
    result = run("train", written(tmp_path, content), "--out", tmp_path / "run")
    assert result.exit_code == 3
    assert "no data rows" in result.stderr
    assert not (tmp_path / "run").exists()
