"""What the join of ``--engine ray`` would compare and find among up to ten million vectors.

    python benchmarks/cells.py --like real.npz [--sizes 100000 1000000] [--part 1]

Two vectors are compared where one's home is a cell that the other visits. So the cells alone say
what a join compares and which planted copies it finds, and no memory holds the vectors: they are
made lot by lot (``benchmarks/vectors.py``), each lot with its own copies, and forgotten. Beside the
figures stands the model: with K = 10 N / capacity cells, of which each vector visits 1.8 K^0.6, the
join makes N^2 1.8 K^-0.4 comparisons. With ``--part 10`` one lot in ten stands for all ten, so that
ten million take minutes. ``benchmarks/join.py`` runs the join itself.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from vectors import Planted, collection

from neardup.distance import l2
from neardup.scale import join
from neardup.search.inverted import centres

Like: TypeAlias = dict[str, npt.NDArray[np.float32]]

LOT = 50_000
ROWS_AT_ONCE = 8192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--like", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--capacity", type=int, default=join.CELL)
    parser.add_argument("--part", type=int, default=1, help="one lot of so many is looked at")
    parser.add_argument("--threshold", type=float, default=1.0528)
    options = parser.parse_args()
    like = np.load(options.like)
    for n in options.sizes:
        found = measured(like, n, options.capacity, options.threshold, options.part)
        print(json.dumps(found), flush=True)


def measured(like: Like, n: int, capacity: int, threshold: float, part: int) -> dict[str, float]:
    """Cells, comparisons and planted copies of one collection, beside the model."""
    cells = max(1, 10 * n // capacity)
    visited = join.visits(cells)
    enough = lots(like, min(n, LOT + join.SAMPLE_PER_CELL * cells))
    sample = np.concatenate([lot.vectors for lot in enough])
    started = time.process_time()
    means = centres(sample, cells, join.SAMPLE_PER_CELL)
    for_centres = time.process_time() - started
    at_home, visitors = np.zeros((2, cells), dtype=np.int64)
    expected = found = 0
    spent = 0.0
    for lot in lots(like, n // part):
        started = time.process_time()
        nearest = np.concatenate(
            [
                in_order(lot.vectors[start : start + ROWS_AT_ONCE] @ means.T, visited)
                for start in range(0, len(lot.vectors), ROWS_AT_ONCE)
            ]
        )
        spent += time.process_time() - started
        at_home += np.bincount(nearest[:, 0], minlength=cells)
        visitors += np.bincount(nearest.ravel(), minlength=cells)
        near = l2(lot.vectors[lot.original], lot.vectors[lot.copy]) <= threshold
        a, b = nearest[lot.original[near]], nearest[lot.copy[near]]
        met = (a[:, :1] == b).any(axis=1) | (b[:, :1] == a).any(axis=1)
        expected, found = expected + len(met), found + int(met.sum())
    at_home, visitors = part * at_home, part * visitors
    compared = int((at_home * visitors).sum())
    return {
        "vectors": n,
        "looked at": n // part,
        "cells": cells,
        "visited": visited,
        "fullest": int(at_home.max()),
        "most visitors": int(visitors.max()),
        "comparisons": compared,
        "model": round(n**2 * visited / cells),
        "ratio": round(compared / (n**2 * visited / cells), 4),
        "planted": expected,
        "found": round(found / expected, 5),
        "core seconds for the centres": round(for_centres, 1),
        "core seconds of 10^9 looks at a cell": round(spent / (n // part * cells) * 1e9, 2),
    }


def lots(like: Like, n: int) -> Iterator[Planted]:
    """The same collection each time."""
    for seed in range(n // LOT):
        yield collection(like["embedding"], like["copies"], LOT, seed=seed)


def in_order(cosine: npt.NDArray[np.float32], visited: int) -> npt.NDArray[np.int64]:
    """The cells that each row visits, (N, visited), its home first."""
    nearest = np.argpartition(-cosine, visited - 1, axis=1)[:, :visited]
    home = np.take_along_axis(cosine, nearest, axis=1).argmax(axis=1)
    rows = np.arange(len(nearest))
    nearest[rows, home], nearest[:, 0] = nearest[:, 0], nearest[rows, home]
    return nearest


if __name__ == "__main__":
    main()
