"""Time and memory of the exact sweep: ``python benchmarks/sweep.py [--queries N]``.

Unit vectors are made up: every query is a noisy copy of one reference. The run fails if the
process ever takes more than the limit.
"""

import argparse
import json
import resource
import time

import numpy as np

from neardup.distance import l2_matrix
from neardup.evaluation.measures.metrics import (
    average_precision,
    best_f1,
    best_recall,
    precision_recall_curve,
)
from neardup.evaluation.measures.scoring import score
from neardup.evaluation.protocols.task import Task


def made_up(queries: int, references: int, size: int, seed: int = 0):
    """Task, query vectors (Q, D) and reference vectors (R, D), float32 of unit length."""
    rng = np.random.default_rng(seed)
    right = rng.standard_normal((references, size), dtype=np.float32)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    source = np.arange(queries, dtype=np.int64) % references
    noise = rng.standard_normal((queries, size), dtype=np.float32)
    left = (
        right[source] + noise * (0.2 + 4 * rng.random((queries, 1), dtype=np.float32)) / size**0.5
    )
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    numbers = np.arange(references, dtype=np.int64)
    task = Task(
        query_names=tuple(f"q{i}" for i in range(queries)),
        reference_names=tuple(f"r{i}" for i in range(references)),
        query_source=source,
        reference_source=numbers,
        positive=np.stack([np.arange(queries, dtype=np.int64), source], axis=1),
        ignored=np.empty((0, 2), dtype=np.int64),
        query_family=np.zeros(queries, dtype=np.int64),
        families=("copies",),
        query_class=np.full(queries, -1),
        reference_class=np.full(references, -1),
    )
    return task, left, right


def main() -> None:
    """Measure once and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--references", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=512, help="length of a vector")
    parser.add_argument("--limit-gb", type=float, default=4.0)
    options = parser.parse_args()
    task, left, right = made_up(options.queries, options.references, options.size)
    started = time.perf_counter()
    scores = score(task, left, right, l2_matrix, show_progress=True)
    scored = time.perf_counter()
    curve = precision_recall_curve(scores)
    finished = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    result = {
        "pairs": task.pair_count,
        "seconds_scoring": round(scored - started, 1),
        "seconds_sweep": round(finished - scored, 2),
        "pairs_per_second": round(task.pair_count / (scored - started)),
        "peak_gb": round(peak, 2),
        "rows": len(curve.threshold),
        "exact_to": scores.complete_to,
        "average_precision": average_precision(scores),
        "max_f1": best_f1(curve).threshold,
        "recall_at_precision_0.999": best_recall(curve, 0.999).recall,
    }
    print(json.dumps(result, indent=2))
    if peak > options.limit_gb:
        raise SystemExit(f"took {peak:.2f} GB, more than {options.limit_gb} GB")


if __name__ == "__main__":
    main()
