"""Where a result goes: checked before the work, so that no hour of work ends without a file."""

from __future__ import annotations

from pathlib import Path

import click

from latentode.cli.failures import UsageFailure
from latentode.cli.session import Session
from latentode.errors import OutputExistsError, ResourceError
from latentode.files import check_writable, recover

STDOUT = Path("-")
#: Endings of the files that draws, and pictures, are written as.
RESULTS, PICTURES = (".csv", ".nc", ".parquet", ".json"), (".png", ".svg", ".pdf")

output_option = click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Output file; - is stdout."
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace an existing output.")


def make_folder(path: Path, advice: str) -> Path:
    """Make a folder for results where it is missing.

    Args:
        path: The folder.
        advice: What to do where it cannot be made.

    Raises:
        ResourceError: If it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"{path}: cannot be made ({error.strerror}). {advice}") from None
    return path


def check_folder(path: Path) -> None:
    """Check that files can be written into a folder, before the work whose results it takes.

    Args:
        path: The folder; where it is missing, one around it is checked.

    Raises:
        ResourceError: If it is not writable, or a file.
    """
    path = path.absolute()
    there = next(each for each in (path, *path.parents) if each.exists())
    if not there.is_dir():
        raise ResourceError(f"{there}: expected a folder, got a file. Name another place with -o.")
    check_writable(there)


def check_output(
    path: Path | None,
    *,
    suffixes: tuple[str, ...],
    overwrite: bool,
    stdout: Session | None = None,
) -> None:
    """Check that a file can be written, before the work whose result it takes.

    Args:
        path: The file; None where none was named.
        suffixes: Endings that stand for the known formats, with the dot.
        overwrite: Whether an existing file may be replaced.
        stdout: The session of the call where ``-`` is stdout; None where it is a file like others.

    Raises:
        UsageFailure: If the ending stands for no format, nothing was named to overwrite, or
            ``--json`` and ``-o -`` both write on stdout.
        OutputExistsError: If the file exists and may not be replaced, or is a folder.
        ResourceError: If its folder is missing or not writable.
    """
    if stdout is not None and path == STDOUT and stdout.json_output:
        raise UsageFailure("--json and -o - both write on stdout. Give -o a file.")
    if path is None or (stdout is not None and path == STDOUT):
        if overwrite:
            raise UsageFailure(
                "--overwrite: expected an output file that may be replaced, got none. Name it, or "
                "leave --overwrite out."
            )
        return
    if path.suffix.lower() not in suffixes:
        raise UsageFailure(
            f"--output: expected a file that ends in {', '.join(suffixes)}, got {str(path)!r}."
        )
    if path.is_dir():
        raise OutputExistsError(f"{path}: expected a file, got a folder. Choose another --output.")
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path}: exists already. Choose another name or pass --overwrite.")
    if not path.parent.is_dir():
        raise ResourceError(f"{path}: its folder {path.parent} does not exist. Make it first.")
    check_writable(path.resolve().parent)
    recover(path)
