"""The join of ``--engine ray`` on made-up vectors: cells, pairs compared, seconds, and recall.

    python benchmarks/join.py --like real.npz [--sizes 100000 1000000] [--capacity 20000]

``visited`` is the share of all pairs that the cells compare, and ``predicted`` what it would be
were all cells alike. ``core_seconds`` is the processor time of a billion comparisons, which other
programs disturb less, taken from some tasks. Recall is that of the planted copies
(``benchmarks/vectors.py``).
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from vectors import Vectors, collection

from neardup.scale import join as module
from neardup.scale.embedding import start_ray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--like", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000])
    parser.add_argument("--capacity", type=int, default=module.CELL)
    parser.add_argument("--threshold", type=float, default=1.0528)
    options = parser.parse_args()
    like = np.load(options.like)
    ray = start_ray()
    for n in options.sizes:
        planted = collection(like["embedding"], like["copies"], n)
        tasks = list(module.plan(planted.vectors, None, options.capacity))
        compared = sum(len(task.a) * len(task.a if task.b is None else task.b) for task in tasks)
        core_seconds = cost(planted.vectors, tasks[:: -(-len(tasks) // 10)], options.threshold)
        started = time.perf_counter()
        pairs, how = module.join(ray, planted.vectors, options.threshold, capacity=options.capacity)
        seconds = time.perf_counter() - started
        expected = planted.keys(options.threshold)
        cells = max(1, 10 * n // options.capacity)
        print(
            json.dumps(
                {
                    "vectors": n,
                    "cells": cells,
                    "tasks": len(tasks),
                    "fullest": max(len(task.a) for task in tasks),
                    "visited": round(compared / n**2, 4),
                    "predicted": round(module.visits(cells) / cells, 4),
                    "core_seconds": round(core_seconds, 1),
                    "seconds": round(seconds, 1),
                    "pairs": len(pairs.left),
                    "planted": len(expected),
                    "planted_found": float(np.isin(expected, pairs.left * n + pairs.right).mean()),
                    "how": how,
                }
            ),
            flush=True,
        )


def cost(vectors: Vectors, tasks: Sequence[module.Task], threshold: float) -> float:
    """Processor seconds of 10^9 comparisons."""
    started = time.process_time()
    for task in tasks:
        module.compare(vectors, vectors, *task, True, threshold)
    comparisons = sum(len(task.a) * len(task.a if task.b is None else task.b) for task in tasks)
    return (time.process_time() - started) / comparisons * 1e9


if __name__ == "__main__":
    main()
