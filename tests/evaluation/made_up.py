"""Tasks and vectors made up for the tests, and what plain loops say about them."""

from itertools import product

import numpy as np

from neardup.distance import l2_matrix
from neardup.evaluation.protocols.task import Task


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_task(query_source, reference_source, *, ignored=(), same_set=False, families=1) -> Task:
    """Duplicates are pairs of one source."""
    query_source, reference_source = np.array(query_source), np.array(reference_source)
    ignored = {pair for a, b in ignored for pair in ([(a, b), (b, a)] if same_set else [(a, b)])}
    positive = [
        (q, r)
        for q, r in product(range(len(query_source)), range(len(reference_source)))
        if query_source[q] == reference_source[r]
        and (q, r) not in ignored
        and not (same_set and q == r)
    ]
    return Task(
        query_names=tuple(f"q{i}" for i in range(len(query_source))),
        reference_names=tuple(f"r{i}" for i in range(len(reference_source))),
        query_source=query_source,
        reference_source=reference_source,
        positive=np.array(positive, dtype=np.int64).reshape(-1, 2),
        ignored=np.array(sorted(ignored), dtype=np.int64).reshape(-1, 2),
        query_family=np.arange(len(query_source)) % families,
        families=tuple(f"family {i}" for i in range(families)),
        query_class=query_source // 2,
        reference_class=reference_source // 2,
        same_set=same_set,
    )


def copies(sources: int, each: int, *, noise: float, seed: int, size: int = 16):
    """Queries and references: ``each`` noisy copies of every source, and the sources."""
    rng = np.random.default_rng(seed)
    references = unit(rng.normal(size=(sources, size)))
    queries = np.repeat(references, each, axis=0)
    queries = unit(queries + noise * rng.normal(size=queries.shape))
    task = make_task(np.repeat(np.arange(sources), each), np.arange(sources), families=each)
    return task, queries, references


def by_loop(task: Task, queries: np.ndarray, references: np.ndarray, distances=l2_matrix):
    """(distance, is_positive) of every pair that counts, each once."""
    whole = distances(queries, references)
    positive = {tuple(pair) for pair in task.positive.tolist()}
    ignored = {tuple(pair) for pair in task.ignored.tolist()}
    pairs = [
        (whole[q, r], (q, r) in positive)
        for q, r in product(range(len(queries)), range(len(references)))
        if (q, r) not in ignored and not (task.same_set and q >= r)
    ]
    distance, is_positive = zip(*pairs, strict=True)
    return np.array(distance, dtype=np.float32), np.array(is_positive)
