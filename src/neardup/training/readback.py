"""Figures of a step on their way from a GPU to the program that judges them.

``float(tensor)`` waits until all that is queued has been computed. Done at every step, the GPU then
stands idle while the next step is being queued. A copy that is read a step later costs nothing.
"""

import torch
from torch import Tensor


class Readback:
    """A copy under way.

    Args:
        figures: (N,) floats, on any device.
        step: which step they are of.
    """

    def __init__(self, figures: Tensor, *, step: int) -> None:
        self.step = step
        self._copy = figures.to("cpu", non_blocking=figures.is_cuda)
        self._arrival = None
        if figures.is_cuda:
            self._arrival = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrival.record(torch.cuda.current_stream(figures.device))

    def values(self) -> list[float]:
        """The N figures; waits for their own step, for none after it."""
        if self._arrival:
            self._arrival.synchronize()
        return [float(value) for value in self._copy]
