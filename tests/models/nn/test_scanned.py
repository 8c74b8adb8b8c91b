"""Loops over padded rows give the states of packed recurrences."""

import torch
from torch import nn

from latentode.models.encoders.rnn import states_after_rows
from latentode.models.nn.gated import Field, Unit
from latentode.models.nn.scanned import states_of_moved_rows, states_of_rows

LENGTHS = torch.tensor([7, 1, 4])


def test_a_gated_unit_is_that_of_torch():
    torch.manual_seed(0)
    gru, features = nn.GRU(5, 6, batch_first=True), torch.randn(3, 7, 5)
    with torch.no_grad():
        found = states_of_rows(features, Unit(*gru.parameters()))
        counts = torch.arange(8).minimum(LENGTHS[:, None])
        packed = states_after_rows(gru, features, LENGTHS, counts)
        torch.testing.assert_close(found[:, 1:], gru(features)[0])
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(found[row, : length + 1], packed[row, : length + 1])


def test_states_move_by_as_many_steps_as_each_gap_has():
    torch.manual_seed(0)
    cell, field = nn.GRUCell(5, 6), nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 6))
    features, gaps = torch.randn(2, 3, 5), torch.rand(2, 3)
    counts = torch.tensor([[1.0, 3.0, 2.0], [2.0, 1.0, 3.0]])
    weights = Field(*field[0].parameters(), *field[2].parameters())
    with torch.no_grad():
        found = states_of_moved_rows(features, Unit(*cell.parameters()), gaps, counts, 3, weights)
        for window in range(2):
            state = torch.zeros(1, 6)
            for row in range(3):
                for _ in range(int(counts[window, row])):
                    state = state + gaps[window, row] / counts[window, row] * field(state)
                state = cell(features[window, row][None], state)
                torch.testing.assert_close(found[window, row + 1][None], state)
