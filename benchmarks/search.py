"""All pairs within a distance: neardup's search against faiss and scikit-learn.

    python benchmarks/search.py [--sizes 10000 100000 1000000] [--vectors FILE.npz]

Vectors are made up, with the decaying spectrum that trained encoders have and planted copies, or
come from ``neardup embed``. Each method runs alone in a process of its own. Methods that would take
too long search a share of the queries; their time is extrapolated, and marked.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from neardup.search import inverted
from neardup.search.choice import MAX_PAIRS
from neardup.search.exact import pairs_within

PATIENCE = 10_000  # queries that the slow methods search at most at a time
METHODS = ("neardup exact", "neardup inverted", "faiss flat", "scikit-learn")


def made_up(n: int, size: int, spread: float) -> np.ndarray:
    """(n, size) float32 unit vectors; one in a hundred is a copy of another, moved a little."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((n, size), dtype=np.float32)
    vectors *= (np.arange(1, size + 1, dtype=np.float32) ** -0.5)[rng.permutation(size)]
    copies = n // 100
    noise = rng.standard_normal((copies, size), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    noise *= spread / np.linalg.norm(noise, axis=1, keepdims=True)
    vectors[:copies] = vectors[n // 2 : n // 2 + copies] + noise
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def run(method: str, vectors: np.ndarray, threshold: float) -> dict[str, object]:
    """Seconds for all queries, pairs found (each once), and whether the time is extrapolated."""
    n = len(vectors)
    queries = vectors[: min(n, PATIENCE)]
    started = time.perf_counter()
    if method == "neardup exact":
        found = len(pairs_within(vectors, threshold).left)
        return {"seconds": time.perf_counter() - started, "pairs": found}
    if method == "neardup inverted":
        pairs, recall = inverted.pairs_within(vectors, threshold, limit=MAX_PAIRS)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "pairs": len(pairs.left), "recall": recall}
    if method == "faiss flat":
        import faiss

        index = faiss.IndexFlatL2(vectors.shape[1])
        index.add(vectors)
        started = time.perf_counter()
        index.range_search(queries, threshold**2)
    else:
        from sklearn.neighbors import NearestNeighbors

        neighbours = NearestNeighbors(radius=threshold, algorithm="brute", n_jobs=-1).fit(vectors)
        started = time.perf_counter()
        neighbours.radius_neighbors(queries)
    seconds = time.perf_counter() - started
    return {"seconds": seconds * n / len(queries), "extrapolated": len(queries) < n}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--vectors", type=Path, help="an .npz file of `neardup embed` instead")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        if options.vectors:
            vectors = np.load(options.vectors)["embedding"][: options.sizes[0]]
        else:
            vectors = made_up(options.sizes[0], options.dimensions, 0.6 * options.threshold)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures = run(options.one, vectors, options.threshold)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures["seconds"] = round(float(str(figures["seconds"])), 2)
        memory = {"peak_mb": round(peak), "before_mb": round(before)}
        print(json.dumps({"method": options.one, "vectors": len(vectors), **figures, **memory}))
        return
    for size in options.sizes:
        for method in options.methods:
            arguments = [*sys.argv[1:], "--sizes", str(size), "--one", method]
            subprocess.run([sys.executable, __file__, *arguments], check=True)


if __name__ == "__main__":
    main()
