"""Computations captured in CUDA graphs.

This follows the documentation of torch (https://docs.pytorch.org/docs/stable/notes/cuda.html,
"CUDA graphs").
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

Run = Callable[[], None]
_WARM_UPS = 3  # runs in which libraries choose kernels and take their memory


class CudaRecorder:
    """Captures computations on one GPU, in one pool of memory.

    The graphs can share it in any order of replay: nothing of a replay lives on in the pool, as
    results are copied to tensors that were made before.

    Args:
        device: The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Run) -> Run:
        """Run a few times, so that libraries allocate what they need, then capture.

        Args:
            run: Reads and writes tensors of fixed places, and waits for nothing.

        Returns:
            What does the same again, in one launch.

        Raises:
            RuntimeError: If the host waits for the device in `run`, or it cannot be captured.
        """
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device):
            self._stream.wait_stream(torch.cuda.current_stream())
            # the outer block restores the stream if the capture fails
            with torch.cuda.stream(self._stream):
                run()
                # a capture that fails can leave the generator unusable, these runs cannot
                with _waiting_forbidden():
                    for _ in range(_WARM_UPS - 1):
                        run()
                with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                    run()
            torch.cuda.current_stream().wait_stream(self._stream)
        return graph.replay


@contextmanager
def _waiting_forbidden() -> Iterator[None]:
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Synchronization debug mode")  # a prototype, says torch
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode(before)
