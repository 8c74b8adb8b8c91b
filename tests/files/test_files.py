import errno
import json
import os
import random
import signal
import socket
import sys
import textwrap
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import ended, started

from latentode.errors import LatentODEWarning, OutputExistsError, ResourceError
from latentode.files import RunLock, atomic_folder, atomic_write, clean_stray, slug
from latentode.files.atomic import recover, remove_temporary
from latentode.files.processes import is_alive, start_of

posix = pytest.mark.skipif(os.name == "nt", reason="needs signals and limits of POSIX")


def started_python(code, *arguments):
    return started(sys.executable, "-c", textwrap.dedent(code), *arguments)


def run_python(code, *arguments):
    with started_python(code, *arguments) as process:
        output, errors = ended(process)
    return process.returncode, output.strip(), errors


def test_atomic_write_replaces_a_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.bin"
    atomic_write(path, b"old")
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_atomic_write_obeys_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        path = atomic_write(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_atomic_write_follows_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    atomic_write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_atomic_write_takes_a_name_as_long_as_the_file_system_does(tmp_path):
    name = "\N{CUNEIFORM SIGN A}" * 63  # 252 of 255 bytes
    assert atomic_write(tmp_path / name, b"x").read_bytes() == b"x"


@pytest.mark.parametrize("place", ["folder", "device", "missing folder", "below a file"])
def test_atomic_write_refuses_what_is_no_file(tmp_path, place):
    (tmp_path / "file").write_bytes(b"")
    paths = {
        "folder": tmp_path,
        "device": Path(os.devnull),
        "missing folder": tmp_path / "nowhere" / "a",
        "below a file": tmp_path / "file" / "a",
    }
    with pytest.raises(ResourceError, match=r"expected a file|cannot be written"):
        atomic_write(paths[place], b"x")
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, number, call):
    path = atomic_write(tmp_path / "a", b"old")

    def fail(*_arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(f"latentode.files.atomic.os.{call}", fail)
    with pytest.raises(ResourceError, match=r"disk full: need 3\.2 MB at .*a \(.*Free some space"):
        atomic_write(path, bytes(3_200_000))
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_read_only_place_is_named(tmp_path, monkeypatch, number):
    def fail(*_arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("latentode.files.atomic.os.open", fail)
    with pytest.raises(ResourceError, match="read-only"):
        atomic_write(tmp_path / "a", b"x")


@posix
def test_a_size_limit_leaves_the_old_file(tmp_path):
    path = atomic_write(tmp_path / "a", b"old")
    code, output, errors = run_python(
        """
        import resource, sys
        from latentode.errors import ResourceError
        from latentode.files import atomic_write
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            atomic_write(sys.argv[1], bytes(1_000_000))
        except ResourceError as error:
            print(error)
        """,
        path,
    )
    assert (code, errors) == (0, "")
    assert output.startswith("disk full: need 1.0 MB at ")
    assert "file too large" in output
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_the_old_file(tmp_path, monkeypatch):
    path = atomic_write(tmp_path / "a", b"old")

    def interrupted(_descriptor):
        assert len(list(tmp_path.iterdir())) == 2
        raise KeyboardInterrupt

    monkeypatch.setattr("latentode.files.atomic.os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_folder_swaps_a_whole_folder(tmp_path):
    target = tmp_path / "model"
    for content in ("old", "new"):
        with atomic_folder(target) as folder:
            (folder / "sub").mkdir()
            (folder / "sub" / "a").write_text(content)
            assert not (target / "sub" / "a").exists() or content == "new"
    assert (target / "sub" / "a").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def fill_and_fail(target):
    with atomic_folder(target) as folder:
        (folder / "a").write_text("new")
        raise LookupError("weights")


def test_atomic_folder_keeps_the_old_folder_on_an_error(tmp_path):
    target = tmp_path / "model"
    with atomic_folder(target) as folder:
        (folder / "a").write_text("old")
    with pytest.raises(LookupError, match="weights"):
        fill_and_fail(target)
    assert (target / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_atomic_folder_puts_the_old_folder_back_when_the_swap_fails(tmp_path, monkeypatch):
    target = tmp_path / "model"
    with atomic_folder(target) as folder:
        (folder / "a").write_text("old")
    replace = os.replace

    def fail_on_new(source, destination):
        if Path(destination) == target and str(source).endswith("tmp"):
            raise OSError(errno.ENOSPC, "full")
        replace(source, destination)

    monkeypatch.setattr("latentode.files.atomic.os.replace", fail_on_new)
    with pytest.raises(ResourceError, match="disk full"), atomic_folder(target) as folder:
        (folder / "a").write_text("new")
    assert (target / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_atomic_folder_refuses_to_lose_a_file_that_it_did_not_write(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years")
    with (
        pytest.raises(OutputExistsError, match=r"would lose 'thesis\.tex'"),
        atomic_folder(tmp_path / "home") as folder,
    ):
        (folder / "model.json").write_text("{}")
    assert (tmp_path / "home" / "thesis.tex").read_text() == "years"
    with (
        pytest.raises(OutputExistsError, match="got a file"),
        atomic_folder(tmp_path / "home" / "thesis.tex"),
    ):
        pass


def test_atomic_folder_loses_what_is_expendable(tmp_path):
    target = tmp_path / "parts"
    for names in (("1", "2", "mine"), ("1",)):
        with atomic_folder(target, expendable=("2", "mine")) as folder:
            for name in names:
                (folder / name).write_text("x")
    assert [path.name for path in target.iterdir()] == ["1"]
    with (
        pytest.raises(OutputExistsError, match="would lose '1' and 0 more"),
        atomic_folder(target, expendable=("2",)) as folder,
    ):
        (folder / "3").write_text("x")


@posix
def test_a_kill_at_any_moment_leaves_a_whole_file_and_a_whole_folder(tmp_path):
    code = """
        import pathlib, sys
        from latentode.files import atomic_folder, atomic_write
        root = pathlib.Path(sys.argv[1])
        for letter in "ab" * 100_000:
            content = letter.encode() * 50_000
            atomic_write(root / "file", content)
            with atomic_folder(root / "folder") as folder:
                atomic_write(folder / "one", content)
                atomic_write(folder / "two", content)
            print(letter, flush=True)
        """
    random_state = random.Random(0)
    for _ in range(8):
        with started_python(code, tmp_path) as process:
            assert process.stdout.readline().strip() == "a"
            time.sleep(random_state.uniform(0.0, 0.03))  # any moment will do
            process.send_signal(signal.SIGKILL)
        clean_stray(tmp_path)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
        contents = [(tmp_path / "folder" / name).read_bytes() for name in ("one", "two")]
        for content in (*contents, (tmp_path / "file").read_bytes()):
            assert len(content) == 50_000
            assert len(set(content)) == 1
        assert contents[0] == contents[1]


def dead_pid():
    with started_python("") as process:
        ended(process)
    return process.pid


def test_clean_stray_removes_only_what_dead_writers_left(tmp_path):
    deep = tmp_path / "checkpoints" / "000001"
    deep.mkdir(parents=True)
    dead = dead_pid()
    strays = [deep / f".state.json.{dead}-0123abcd.latentode-tmp"]
    strays[0].write_text("half")
    strays.append(tmp_path / f".model.{dead}-0123abcd.latentode-tmp")
    strays[1].mkdir()
    (strays[1] / "a").write_text("half")
    kept = [
        tmp_path / f".model.{os.getpid()}-0123abcd.latentode-tmp",
        tmp_path / "mine.tmp",
        tmp_path / ".state.json.tmp",
    ]
    for path in kept:
        path.write_text("keep")
    assert sorted(clean_stray(tmp_path)) == sorted(strays)
    assert not any(path.exists() for path in strays)
    assert all(path.exists() for path in kept)


@pytest.mark.parametrize("successor", [True, False])
def test_clean_stray_puts_back_a_folder_without_successor(tmp_path, successor):
    old = tmp_path / f".model.{dead_pid()}-0123abcd.latentode-old"
    old.mkdir()
    (old / "a").write_text("old")
    if successor:
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "a").write_text("new")
    clean_stray(tmp_path)
    assert (tmp_path / "model" / "a").read_text() == ("new" if successor else "old")
    assert not old.exists()


@pytest.mark.parametrize(
    ("clean", "obstacle"),
    [
        (clean_stray, "an empty folder"),
        (clean_stray, "a dangling link"),
        (lambda folder: recover(folder / "model"), "an empty folder"),
    ],
)
def test_a_folder_that_was_moved_aside_is_kept_where_its_place_is_taken(tmp_path, obstacle, clean):
    old = tmp_path / f".model.{dead_pid()}-0123abcd.latentode-old"
    old.mkdir()
    (old / "a").write_text("old")
    if obstacle == "an empty folder":
        (tmp_path / "model").mkdir()
    else:
        (tmp_path / "model").symlink_to("nowhere")
    with pytest.warns(LatentODEWarning, match="moved aside to replace it, got something else"):
        clean(tmp_path)
    assert (old / "a").read_text() == "old"


def test_temporary_folders_of_others_are_none_of_ours(tmp_path, monkeypatch):
    dead = dead_pid()
    left = tmp_path / f".spool.{dead}-0123abcd.latentode-tmp"
    left.mkdir()
    (tmp_path / f".spool.{dead}-0123abcd.latentode-old").mkdir()
    (tmp_path / f".spool.{dead}-4567abcd.latentode-tmp").symlink_to(left)
    before = sorted(tmp_path.iterdir())
    with monkeypatch.context() as patched:
        patched.setattr(os, "getuid", lambda: 4711)
        remove_temporary(tmp_path, "spool")
        assert sorted(tmp_path.iterdir()) == before
    remove_temporary(tmp_path, "spool")
    assert sorted(tmp_path.iterdir()) == [path for path in before if path != left]


def test_atomic_folder_recovers_a_folder_that_was_moved_aside(tmp_path):
    old = tmp_path / f".model.{dead_pid()}-0123abcd.latentode-old"
    old.mkdir()
    (old / "a").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "model"):
        raise ZeroDivisionError
    assert (tmp_path / "model" / "a").read_text() == "old"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pump-1", "0003-pump-1"),
        ("../../etc/x", "0003-etc-x"),
        ("a/b\\c", "0003-a-b-c"),
        ("CON", "0003-CON"),
        ("=cmd|' /C calc'!A0", "0003-cmd-C-calc-A0"),
        ("<script>", "0003-script"),
        ("Kühler №7", "0003-Kuhler-No7"),
        ("\x00\n", "0003"),
        ("泵", "0003"),
        ("", "0003"),
    ],
)
def test_slug_makes_a_safe_name(name, expected):
    assert slug(name, 3) == expected


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_slug_never_leaves_its_folder_and_never_collides(names):
    slugs = [slug(name, index) for index, name in enumerate(names)]
    assert len({text.lower() for text in slugs}) == len(names)
    for text in slugs:
        assert (Path("run") / text).resolve().parent == Path("run").resolve()
        assert text.isascii()
        assert len(text) <= 70


def test_run_lock_refuses_a_second_holder_and_frees_on_exit(tmp_path):
    with RunLock(tmp_path):
        held = rf"held by process {os.getpid()} on"
        with pytest.raises(OutputExistsError, match=held), RunLock(tmp_path):
            pass
        assert (tmp_path / ".lock").exists()
    assert list(tmp_path.iterdir()) == []


HOLD = """
    import sys
    from latentode.errors import LatentODEWarning, OutputExistsError
    from latentode.files import RunLock
    try:
        with RunLock(sys.argv[1]):
            print("held", flush=True)
            sys.stdin.read()
    except OutputExistsError:
        print("refused", flush=True)
"""


@posix
def test_run_lock_of_a_killed_process_is_taken_over(tmp_path):
    with started_python(HOLD, tmp_path) as process:
        assert process.stdout.readline().strip() == "held"
        held = f"held by process {process.pid}"
        with pytest.raises(OutputExistsError, match=held), RunLock(tmp_path):
            pass
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / ".lock").exists()
    with RunLock(tmp_path):
        assert json.loads((tmp_path / ".lock").read_bytes())["pid"] == os.getpid()


@posix
@pytest.mark.parametrize("stale", [True, False])
def test_of_many_processes_one_gets_the_lock(tmp_path, stale):
    if stale:
        owner = {"pid": dead_pid(), "start": "1", "host": socket.gethostname(), "token": "x"}
        (tmp_path / ".lock").write_text(json.dumps(owner))
    with ExitStack() as stack:
        processes = [stack.enter_context(started_python(HOLD, tmp_path)) for _ in range(5)]
        # the one that holds it goes on until its standard input is closed
        outputs = [process.stdout.readline().strip() for process in processes]
    assert sorted(outputs) == ["held"] + ["refused"] * 4


@pytest.mark.skipif(start_of(os.getpid()) is None, reason="the system tells no start of a process")
def test_run_lock_of_a_pid_that_was_given_out_again_is_taken_over(tmp_path):
    owner = {"pid": os.getpid(), "start": "1", "host": socket.gethostname(), "token": "x"}
    (tmp_path / ".lock").write_text(json.dumps(owner))
    with RunLock(tmp_path):
        pass


def test_run_lock_of_another_host_is_never_taken_over(tmp_path):
    owner = {"pid": dead_pid(), "start": "1", "host": "elsewhere", "token": "x"}
    (tmp_path / ".lock").write_text(json.dumps(owner))
    with pytest.raises(OutputExistsError, match="on elsewhere"), RunLock(tmp_path):
        pass


def test_run_lock_waits_for_a_half_written_lock_to_grow_old(tmp_path):
    path = tmp_path / ".lock"
    path.write_bytes(b"")
    with pytest.raises(OutputExistsError, match="just starting"), RunLock(tmp_path):
        pass
    os.utime(path, (0, 0))
    with RunLock(tmp_path):
        pass


def test_run_lock_explains_a_missing_folder(tmp_path):
    with pytest.raises(ResourceError, match="cannot be written"), RunLock(tmp_path / "nowhere"):
        pass


def test_a_process_is_known_by_its_start():
    assert is_alive(os.getpid())
    assert is_alive(os.getpid(), start_of(os.getpid()))
    assert not is_alive(dead_pid())
    assert not is_alive(10**30)


def test_clean_stray_leaves_files_that_other_machines_may_be_writing(tmp_path):
    dead = 2**22 + 1  # above the greatest pid
    names = [f".{name}.{dead}-0123abcd.latentode-tmp" for name in ("ours", "theirs")]
    for name in names:
        (tmp_path / name).touch()
    assert clean_stray(tmp_path, ["ours"]) == [tmp_path / names[0]]
    assert [each.name for each in tmp_path.iterdir()] == [names[1]]


def test_locks_of_other_names_hold_other_parts_of_a_folder(tmp_path):
    with RunLock(tmp_path, ".lock-1-of-2"), RunLock(tmp_path, ".lock-2-of-2"):
        with (
            pytest.raises(OutputExistsError, match="held by process"),
            RunLock(tmp_path, ".lock-1-of-2"),
        ):
            pass
        assert len(list(tmp_path.iterdir())) == 2
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_of_a_folder_is_removed_by_the_next_try(tmp_path):
    dead = dead_pid()
    left = tmp_path / f".parts.{dead}-0123abcd.latentode-tmp"
    left.mkdir()
    (left / "half").write_text("half")
    living = tmp_path / f".parts.{os.getpid()}-0123abcd.latentode-tmp"
    living.mkdir()
    with atomic_folder(tmp_path / "parts") as folder:
        (folder / "whole").write_text("whole")
    assert not left.exists()
    assert living.exists()
