"""Where the repository and its surroundings lie."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HELPERS = ROOT / "tests" / "helpers"
SHARED = (ROOT / ".." / "shared").resolve()
