"""The learning rate over a run."""

import math
from collections.abc import Callable


def warmup_cosine(max_steps: int, warmup_fraction: float) -> Callable[[int], float]:
    """Linear warm-up from near 0 to 1, then half a cosine down to 0 (Loshchilov & Hutter 2017).

    Args:
        max_steps: steps of the whole run.
        warmup_fraction: share of them spent warming up.

    Returns:
        step (from 0) -> factor in [0, 1] on the peak learning rate.
    """
    warmup = max(1, round(max_steps * warmup_fraction))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, max_steps - warmup))
        return 0.5 * (1.0 + math.cos(math.pi * progress))

    return factor
