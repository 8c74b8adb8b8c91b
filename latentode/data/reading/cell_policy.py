"""Cells that hold no number: left out, asked about, or text that is no channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.reading.cells.bad_cells import BadText, bad_cells_message, missing_spellings
from latentode.data.reading.cells.joint_questions import together
from latentode.data.reading.row_policy import RowPolicy


@dataclass(frozen=True)
class CellPolicy:
    """Decides which cells of a log count, after `RowPolicy` has decided on the rows.

    Attributes:
        rows: Rows, settings and counts.
    """

    rows: RowPolicy

    def cells(self, keep: NDArray[np.bool_]) -> set[int]:
        """Apply the policy to bad cells; drops rows from `keep` in place.

        Args:
            keep: Rows that count, shape (row,).

        Returns:
            Slots that are text and no channel: they are left out.
        """
        self._say_what_was_understood()
        rows, got = self.rows, self.rows.got
        if not len(got.bad_slots):
            return set()
        text = self._text_only()
        real = ~np.isin(got.bad_slots, list(text)) & keep[got.bad_rows] & (got.bad_slots >= 0)
        bad_rows, slots = got.bad_rows[real], got.bad_slots[real]
        if not len(bad_rows):
            return text
        policy, tally = rows.config.cells, rows.tally
        share = len(bad_rows) / (len(bad_rows) + got.numeric.sum())
        if policy.on_bad_row == "error" or share > policy.max_bad:
            texts = self._spellings(text)
            message = bad_cells_message(texts, len(bad_rows), share, policy)
            rows.doubts.ask("cells", message)
            tally.proposed_na = tuple(missing_spellings(texts))
        tally.add("bad_cells", len(bad_rows))
        tally.add_by("bad_cells", tally.per_channel, got.slots, slots)
        rows.count_by_series("bad_cells", bad_rows)
        if policy.on_bad_row == "drop":
            dropped = np.unique(bad_rows)
            rows.count_rows("rows_with_bad_cells", dropped[keep[dropped]])
            keep[dropped] = False
        return text

    def _say_what_was_understood(self) -> None:
        rows = self.rows
        for numbers in rows.got.numbers:
            rows.table.units.update(numbers.units)
            for decision in numbers.decisions:
                if decision not in rows.doubts.decisions:
                    rows.doubts.decisions.append(decision)
        questions = [question for numbers in rows.got.numbers for question in numbers.questions]
        for question in together(list(dict.fromkeys(questions)), rows.config):
            rows.doubts.ask(question.about, question.message, blocks=question.blocks)

    def _text_only(self) -> set[int]:
        """Slots without a number, unless they were chosen."""
        rows, got = self.rows, self.rows.got
        if rows.roles.chosen:
            return set()
        bad = np.bincount(got.bad_slots[got.bad_slots >= 0], minlength=len(got.slots))
        slots = np.flatnonzero((bad > 0) & (got.numeric == 0)).tolist()
        text = {slot for slot in slots if got.slots[slot] not in rows.roles.future}
        for slot in sorted(text):
            name = got.slots[slot]
            rows.tally.add("cells_of_text_columns", int(bad[slot]))
            is_column = got.row_slot is None or name in rows.roles.values
            option = f'--id-column "{name}" if it tells the series apart' if is_column else ""
            rows.doubts.decide(
                "columns", f"{name!r} holds text only: left out", confidence="likely", option=option
            )
        return text

    def _spellings(self, text: set[int]) -> list[BadText]:
        """Spellings of bad cells, but for those of text columns."""
        out = {self.rows.got.slots[slot] for slot in text}
        return [
            each
            for numbers in self.rows.got.numbers
            for each in numbers.texts
            if each.channel not in out
        ]
