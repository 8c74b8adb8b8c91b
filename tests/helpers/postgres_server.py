"""A PostgreSQL server of its own, started in a folder and stopped again."""

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

# the newest of those that Linux distributions put beside the path, then the path
_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -float(p.parent.name))


def missing():
    """Why no server can be started here; empty where one can."""
    if _program("initdb") is None or _program("pg_ctl") is None:
        return "no PostgreSQL server is installed (initdb, pg_ctl)"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "PostgreSQL does not run as root, and there is no setpriv"
    return ""


def _program(name):
    folders = os.pathsep.join([*map(str, _PLACES), os.environ.get("PATH", "")])
    return shutil.which(name, path=folders)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_server(password):
    """Address of a server that listens on 127.0.0.1 only, without the password.

    The user is ``tester``; it is ended with all its connections when the block is left.
    """
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder, port = Path(name), _free_port()
        (folder / "password").write_text(password)
        as_user = []
        if os.geteuid() == 0:  # the server refuses root
            as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            for path in (folder, folder / "password"):
                shutil.chown(path, "nobody", "nogroup")

        def call(program, *words):
            subprocess.run(
                [*as_user, _program(program), "-D", str(folder / "data"), *words],
                check=True, cwd=folder, capture_output=True, timeout=120,
            )  # fmt: skip

        call(
            "initdb", "--auth=scram-sha-256", "--username=tester", "--no-sync", "--encoding=UTF8",
            "--locale=C", f"--pwfile={folder / 'password'}",
        )  # fmt: skip
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        )
        call("pg_ctl", "--wait", "--log", str(folder / "log"), "--options", options, "start")
        try:
            yield f"tester@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "--wait", "--mode=immediate", "stop")
