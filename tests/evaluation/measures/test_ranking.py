"""Ranked-list measures against plain loops, and the challenge's against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import copies, make_task, unit

from neardup.distance import l2_matrix
from neardup.evaluation.measures.ranking import (
    isc_metrics,
    isc_of_scores,
    query_average_precision,
    query_rank_1,
)
from neardup.evaluation.measures.scoring import score

predictions = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 6)),
    unique_by=lambda row: row[:2],
    max_size=36,
)
truth = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1, max_size=12)


def challenge_by_definition(rows, true_pairs):
    """Sort by score, false ones first among equals, and walk down the list."""
    ordered = sorted(rows, key=lambda row: (row[2], (row[0], row[1]) in true_pairs))
    found, area, best = 0, 0.0, None
    for rank, (query, reference, _) in enumerate(ordered, start=1):
        if (query, reference) in true_pairs:
            found += 1
            area += found / rank / len(true_pairs)
        if found / rank >= 0.9:
            best = found / len(true_pairs)
    return area, best


@settings(max_examples=300, deadline=None)
@given(predictions, truth)
def test_challenge_metrics_follow_their_definition(rows, true_pairs):
    area, recall = challenge_by_definition(rows, true_pairs)
    found = isc_metrics([(q, r, d / 4) for q, r, d in rows], true_pairs)
    assert found.micro_average_precision == pytest.approx(area)
    assert found.recall_at_p90 == (None if recall is None else pytest.approx(recall))


def test_missing_predictions_are_misses_and_double_ones_are_refused():
    true_pairs = [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
    found = isc_metrics([("a", 1, 0.1), ("b", 9, 0.2), ("b", 2, 0.3)], true_pairs)
    assert found.micro_average_precision == pytest.approx((1 + 2 / 3) / 4)
    assert found.recall_at_p90 == 0.25
    assert found.distance_at_p90 == 0.1
    nothing = isc_metrics([], true_pairs)
    assert (nothing.micro_average_precision, nothing.recall_at_p90) == (0, None)
    with pytest.raises(ValueError, match="predicted twice"):
        isc_metrics([("a", 1, 0.1), ("a", 1, 0.4)], true_pairs)
    with pytest.raises(ValueError, match="no true pair"):
        isc_metrics([("a", 1, 0.1)], [])


@pytest.mark.parametrize("keep", [10_000, 5])
def test_all_pairs_predicted(keep):
    task, queries, references = copies(15, 2, noise=0.5, seed=3, size=6)
    distance = l2_matrix(queries, references)
    rows = [(q, r, float(distance[q, r])) for q, r in np.ndindex(*distance.shape)]
    expected, recall = challenge_by_definition(rows, {tuple(p) for p in task.positive.tolist()})
    found = isc_of_scores(score(task, queries, references, l2_matrix, keep=keep))
    assert found.micro_average_precision == pytest.approx(expected, abs=1e-3)
    assert found.recall_at_p90 == pytest.approx(recall, abs=0.04)


@pytest.mark.parametrize("same_set", [False, True])
def test_mean_average_precision_and_rank_1(same_set):
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 9, size=24)
    vectors = unit(rng.normal(size=(9, 4))[groups] + 0.7 * rng.normal(size=(24, 4)))
    queries, query_groups = (vectors, groups) if same_set else (vectors[:10], groups[:10])
    references, reference_groups = (vectors, groups) if same_set else (vectors[10:], groups[10:])
    task = make_task(query_groups, reference_groups, same_set=same_set)
    scores = score(task, queries, references, l2_matrix)
    average, first = {}, {}
    for q in range(len(queries)):
        others = [r for r in range(len(references)) if not (same_set and q == r)]
        others.sort(key=lambda r: float(l2_matrix(queries[q : q + 1], references[r : r + 1])[0, 0]))
        hits = [query_groups[q] == reference_groups[r] for r in others]
        if any(hits):
            ranks = np.flatnonzero(hits) + 1
            average[q] = np.mean(np.arange(1, len(ranks) + 1) / ranks)
            first[q] = hits[0]
    found, values = query_average_precision(scores)
    assert dict(zip(found.tolist(), values.tolist(), strict=True)) == pytest.approx(average)
    found, hit = query_rank_1(scores)
    assert dict(zip(found.tolist(), hit.tolist(), strict=True)) == first
