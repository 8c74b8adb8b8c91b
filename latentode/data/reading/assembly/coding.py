"""Names as codes: of series, of channels, and of texts beside them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain, count
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latentode.files.spool import folder_name

_COPIED = 128 << 20  # bytes of texts that may stand twice in memory
Int32 = NDArray[np.int32]
Coded = tuple[Int32, Sequence[str]]


def factorize(texts: pa.ChunkedArray) -> Coded:
    """Codes of a column of strings, shape (row,), and the string of each code."""
    if pa.types.is_string(texts.type) and texts.nbytes < _COPIED:
        whole = texts.combine_chunks()  # one dictionary: those of all chunks take long to join
        texts = pa.chunked_array([whole]) if isinstance(whole, pa.Array) else whole
    coded = texts.dictionary_encode().unify_dictionaries().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = pa.concat_arrays(coded.chunks) if coded.num_chunks else coded.chunk(0)
    return coded.indices.to_numpy(zero_copy_only=False), coded.dictionary.to_pylist()


class Names:
    """Codes of names in the order in which they appear."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.codes = {name: code for code, name in enumerate(names)}

    def encode(self, coded: Coded) -> Int32:
        """Code of each text; -1 for an empty one."""
        codes, names = coded
        known = self.codes
        used = set(np.unique(codes).tolist()) if len(names) > len(codes) else range(len(names))
        table = np.full(len(names), -1, dtype=np.int32)
        for code in used:
            if names[code] != "":
                table[code] = known.setdefault(names[code], len(known))
        if (table == np.arange(len(table))).all():
            return codes
        return table[codes]


def name_of_file(file: str, stem: str, files: Mapping[str, str], taken: Collection[str]) -> str:
    """Name of a file as a series, with its folder, or a number, where another has that name.

    Args:
        file: The file, as messages call it.
        stem: Its name without folder and ending.
        files: Name -> file, of all that were named so far, in this pass over the log or another.
        taken: Names of this pass.
    """
    folder = folder_name(Path(file))
    inside = f"{folder}/{stem}" if folder else stem
    names = chain((stem, inside), (f"{inside}-{number}" for number in count(2)))
    own = (name for name in names if files.get(name, file) == file)
    return next(name for name in own if name not in taken)
