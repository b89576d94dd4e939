"""All pairs within a distance: neardup's search against faiss and scikit-learn.

    python benchmarks/search.py [--like real.npz] [--sizes 10000 100000 1000000]

Vectors are made up, as ``benchmarks/vectors.py`` says: from embeddings of real photographs
(``--like`` what it wrote), or evenly spread. Each method runs alone in a process of its own.
Other methods than neardup's search a share of the queries; the time of these is extrapolated, and
marked. ``seconds`` pass on the clock; ``of_two_cores`` is half the processor time, which other
programs disturb less. ``faiss ivf`` has as many lists as the root of the number of vectors, and
visits one in twenty.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from vectors import Planted, collection, even

from neardup.search import inverted
from neardup.search.choice import MAX_PAIRS
from neardup.search.exact import Pairs, pairs_within

PATIENCE = 2_000  # queries that the other methods search at most
METHODS = ("neardup exact", "neardup inverted", "faiss flat", "faiss ivf", "scikit-learn")
EVEN_COPIES = np.linspace(0.0, 1.3, 1000, dtype=np.float32)


def run(method: str, planted: Planted, threshold: float) -> dict[str, Any]:
    """Share of the queries searched, and what was found; ``built``: how long that took before."""
    vectors = planted.vectors
    n = len(vectors)
    queries = vectors[: min(n, PATIENCE)]
    started, busy = time.perf_counter(), time.process_time()
    if method == "neardup exact":
        return {"share": 1.0, **found(pairs_within(vectors, threshold), planted, threshold)}
    if method == "neardup inverted":
        pairs, recall = inverted.pairs_within(vectors, threshold, limit=MAX_PAIRS)
        return {"share": 1.0, "recall": recall, **found(pairs, planted, threshold)}
    if method.startswith("faiss"):
        import faiss

        index = faiss.IndexFlatL2(vectors.shape[1])
        if method == "faiss ivf":
            index = faiss.IndexIVFFlat(index, vectors.shape[1], round(n**0.5))
            index.nprobe = index.nlist // 20
            index.train(vectors)
        index.add(vectors)
        built = time.perf_counter() - started, time.process_time() - busy
        limits, distance, right = index.range_search(queries, threshold**2)
        left = np.repeat(np.arange(len(queries)), np.diff(limits.astype(np.int64)))
        pairs = Pairs(np.minimum(left, right), np.maximum(left, right), distance)
        share = len(queries) / n
        figures = found(pairs, planted, threshold, len(queries))
        return {"share": share, "built": built, "planted_found": figures["planted_found"]}
    from sklearn.neighbors import NearestNeighbors

    neighbours = NearestNeighbors(radius=threshold, algorithm="brute", n_jobs=-1).fit(vectors)
    neighbours.radius_neighbors(queries)
    return {"share": len(queries) / n}


def found(
    pairs: Pairs, planted: Planted, threshold: float, queries: int | None = None
) -> dict[str, object]:
    """What was found of the planted pairs; with ``queries``, of those of the first rows."""
    expected = planted.keys(threshold)
    if queries is not None:
        expected = expected[expected // len(planted.vectors) < queries]
    known = np.isin(expected, pairs.left * len(planted.vectors) + pairs.right)
    return {"pairs": len(pairs.left), "planted": len(expected), "planted_found": known.mean()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--dimensions", type=int, default=512, help="of evenly spread vectors")
    parser.add_argument("--threshold", type=float, default=1.0528)
    parser.add_argument("--like", type=Path, help="what benchmarks/vectors.py wrote")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.one:
        for size in options.sizes:
            for method in options.methods:
                arguments = [*sys.argv[1:], "--sizes", str(size), "--one", method]
                subprocess.run([sys.executable, __file__, *arguments], check=True)
        return
    n = options.sizes[0]
    if options.like:
        like = np.load(options.like)
        planted = collection(like["embedding"], like["copies"], n)
    else:
        planted = even(options.dimensions, EVEN_COPIES, n)
    started, busy = time.perf_counter(), time.process_time()
    figures = run(options.one, planted, options.threshold)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    share, built = figures.pop("share"), figures.pop("built", (0.0, 0.0))
    print(
        json.dumps(
            {
                "method": options.one,
                "vectors": n,
                "seconds": round(built[0] + (seconds - built[0]) / share, 2),
                "of_two_cores": round((built[1] + (busy - built[1]) / share) / 2, 2),
                "extrapolated": share < 1,
                **figures,
                "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
