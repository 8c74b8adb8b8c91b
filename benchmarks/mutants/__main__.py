"""`python -m benchmarks.mutants`: sample, try, print; a run that was ended goes on."""

from __future__ import annotations

import compileall
import json
import py_compile
import shutil
import subprocess
from functools import partial
from pathlib import Path

import click
from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult

from benchmarks.mutants import report, trials
from benchmarks.mutants.mutations import PACKAGES, mutated, sampled
from benchmarks.mutants.selection import TESTS, Recorder, Selected, Selection

ROOT = Path(__file__).resolve().parents[2]
_NOT_FOUND = 5  # of pytest: none of the tests is left, by the names that they had


@click.command(help=__doc__)
@click.option("--seed", default=0, show_default=True, help="Which mutants are drawn.")
@click.option("--sample", default=60, show_default=True, help="How many, of each package.")
def main(seed: int, sample: int) -> None:
    """Prepare what is not there yet, try what was not tried yet, and print all."""
    folder = ROOT / ".mutants" / f"{seed}-{sample}"
    tree = folder / "tree"
    trials.load_libraries()
    prepare(folder, tree, seed, sample)
    trials.restore(tree)
    session = WorkDB(folder / "session.sqlite", WorkDB.Mode.open)
    selection = Selection(folder)
    pending = session.pending_work_items
    for number, item in enumerate(pending, start=1):
        click.echo(f"\r{number} of {len(pending)} ", nl=False)
        session.set_result(item.job_id, tried(item, tree, selection))
    counts = json.loads((folder / "counts.json").read_text())
    click.echo("\n".join(report.lines(session.completed_work_items, counts, tree)))


def prepare(folder: Path, tree: Path, seed: int, size: int) -> None:
    """Copy the tree, learn which tests execute which lines, and draw mutations."""
    if not (folder / "seconds.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        copy_tree(tree)
        # a changed module is told by its text, as its size and second may be the same
        by_text = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(tree, quiet=1, invalidation_mode=by_text)
        places = [*TESTS, *(f"latentode/{place}" for place in PACKAGES)]
        click.echo("Running the tests once, to learn which lines they execute.")
        code = trials.run_tests(tree, places, partial(Recorder, tree, folder))
        if code not in (0, 1):  # 1: some tests fail, which are left out
            raise click.ClickException(f"pytest ended {code}: see {folder / 'output'}")
        click.echo(f"{Selection(folder).left_out} of them failed or were skipped: left out.")
    if not (folder / "counts.json").exists():
        (folder / "session.sqlite").unlink(missing_ok=True)
        drawn, counts = sampled(tree, seed, size)
        session = WorkDB(folder / "session.sqlite", WorkDB.Mode.create)
        session.add_work_items(drawn)
        session.close()
        (folder / "counts.json").write_text(json.dumps(counts))


def copy_tree(tree: Path) -> None:
    """Copy what git knows or would take, as it is now."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def tried(item: WorkItem, tree: Path, selection: Selection) -> WorkResult:
    """Run the tests that execute the mutation until one fails."""
    (mutation,) = item.mutations
    text = mutated(mutation)
    diff = report.difference(mutation.module_path.read_text(), text)
    outcome, said, codes = TestOutcome.SURVIVED, "no test executes it", []
    with trials.replaced(mutation.module_path, text):
        for tests in selection.of(mutation, tree):
            taken = sum(selection.seconds[test] for test in tests)
            files = sorted({test.split("::")[0] for test in tests})
            code = trials.run_tests(tree, ["-x", *files], Selected(tests), 30 + 3 * taken)
            codes.append(code)
            said = "timed out" if code is None else f"pytest ended {code}"
            if code not in (0, _NOT_FOUND):
                outcome = TestOutcome.KILLED
                break
    if codes and {*codes} == {_NOT_FOUND}:
        outcome, said = TestOutcome.INCOMPETENT, report.NOT_FOUND
    return WorkResult(WorkerOutcome.NORMAL, said, outcome, diff)


if __name__ == "__main__":
    main()
