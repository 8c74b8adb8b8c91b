"""Files that are whole or absent: atomic writes, safe file names, and the lock of a run folder.

Use `atomic_write` for a file, `atomic_folder` for files that belong together, `check_writable`
before the work whose results go there, `slug` for a file name made from a name of the data, and
`RunLock` before writing into a run folder.
"""

from latentode.files.atomic import (
    atomic_folder,
    atomic_write,
    check_writable,
    clean_stray,
    recover,
)
from latentode.files.lock import RunLock
from latentode.files.names import slug

__all__ = [
    "RunLock",
    "atomic_folder",
    "atomic_write",
    "check_writable",
    "clean_stray",
    "recover",
    "slug",
]
