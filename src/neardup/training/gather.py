"""The batch of all processes, with gradients.

With W processes of B rows each, every process computes the same loss over the same W * B rows:

    process 0: [own 0 | copy 1]      gradients flow back through every block,
    process 1: [copy 0 | own 1]      so DDP's mean over processes is the one-process gradient.
"""

from collections.abc import Callable, Iterable
from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn import functional

_gather_with_gradient = cast(Callable[[Tensor], Iterable[Tensor]], functional.all_gather)


def gather_batch(embeddings: Tensor, source: Tensor, *, views: int = 2) -> tuple[Tensor, Tensor]:
    """Put the batch of all processes together, in the order one process would have had it.

    Args:
        embeddings: (B, D), the same B everywhere; gradients reach every process's rows.
        source: (B,) int64.
        views: of how many views, one after another, the B rows consist. Of each view, process r
            holds the rows r, r + W, r + 2 W ... (:class:`StepBatchSampler`).

    Returns:
        (W * B, D) and (W * B,); the arguments themselves when there is one process.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return embeddings, source
    sources = [torch.empty_like(source) for _ in range(dist.get_world_size())]
    dist.all_gather(sources, source)

    def in_order(parts: Iterable[Tensor]) -> Tensor:
        by_process = torch.stack(list(parts))  # (W, B, ...)
        rows = by_process.view(len(by_process), views, -1, *by_process.shape[2:])
        return rows.movedim(0, 2).flatten(0, 2)

    return in_order(_gather_with_gradient(embeddings)), in_order(sources)
