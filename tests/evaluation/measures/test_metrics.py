"""Curves, thresholds and ranks agree with scikit-learn and with counting by hand, ties included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import copies, make_task, unit
from sklearn.metrics import average_precision_score
from sklearn.metrics import precision_recall_curve as scikit_learn_curve

from neardup.distance import l2_matrix
from neardup.evaluation.measures.metrics import (
    at_threshold,
    average_precision,
    best_f1,
    best_recall,
    false_alarm_rows,
    isc2021,
    precision_recall_curve,
    query_average_precision,
    query_rank_1,
)
from neardup.evaluation.measures.scoring import PairScores, Scale, score

pairs = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60).filter(
    lambda rows: any(positive for _, positive in rows)
)


def arrays(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    distance, is_positive = zip(*rows, strict=True)
    return np.array(distance, dtype=np.float32) / 8, np.array(is_positive)


def scored(distance, is_positive) -> PairScores:
    """The pairs of one query at 0 and references at these distances."""
    places = np.asarray(distance, dtype=np.float32)[:, None]
    task = make_task([0], np.where(is_positive, 0, np.arange(len(places)) + 1))
    zero, scale = np.zeros((1, 1), dtype=np.float32), Scale(upper=2.0, step=2.0**-15)
    return score(task, zero, places, lambda a, b: np.abs(a - b.T), scale)


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_the_curve_is_what_counting_gives(rows: list[tuple[int, bool]]) -> None:
    distance, is_positive = arrays(rows)
    scores = scored(distance, is_positive)
    curve = precision_recall_curve(scores)
    assert list(curve.threshold) == sorted(set(distance.tolist()))
    for row, threshold in enumerate(curve.threshold):
        called = [bool(p) for d, p in zip(distance, is_positive, strict=True) if d <= threshold]
        assert curve.true_positives[row] == sum(called)
        assert curve.false_positives[row] == len(called) - sum(called)
        assert curve.precision[row] == sum(called) / len(called)
        assert curve.recall[row] == sum(called) / sum(is_positive)
    assert average_precision(scores) == pytest.approx(
        average_precision_score(is_positive, -distance)
    )


@settings(max_examples=200, deadline=None)
@given(pairs, st.sampled_from([0.5, 0.75, 0.9, 0.999, 1.0]))
def test_operating_points_are_the_best_threshold_there_is(
    rows: list[tuple[int, bool]], target: float
) -> None:
    distance, is_positive = arrays(rows)
    scores = scored(distance, is_positive)
    curve = precision_recall_curve(scores)
    outcomes = {}
    for threshold in set(distance.tolist()):
        called = is_positive[distance <= threshold]
        outcomes[threshold] = called.mean(), called.sum() / is_positive.sum()
        at = at_threshold(scores, threshold)
        assert (at.precision, at.recall) == outcomes[threshold]
    best = best_f1(curve)
    f1 = {t: 2 * p * r / (p + r) if p + r else 0 for t, (p, r) in outcomes.items()}
    assert f1[best.threshold] == pytest.approx(max(f1.values()))
    assert (best.precision, best.recall) == outcomes[best.threshold]

    point = best_recall(curve, target)
    reaching = [r for p, r in outcomes.values() if p >= target and r > 0]
    assert point.recall == max(reaching, default=0)
    if point.threshold is None:
        nothing = at_threshold(scores, None)
        assert (nothing.precision, nothing.recall) == (1.0, 0.0)
    else:
        assert (point.precision, point.recall) == outcomes[point.threshold]
        assert point.precision >= target


def test_random_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    is_positive = rng.random(20_000) < 0.02
    distance = np.round(rng.normal(1.2 - 0.5 * is_positive, 0.1), 3).clip(0, 2).astype(np.float32)
    scores = scored(distance, is_positive)
    curve = precision_recall_curve(scores)
    precision, recall, threshold = scikit_learn_curve(is_positive, -distance)
    np.testing.assert_allclose(curve.precision[::-1], precision[:-1])
    np.testing.assert_allclose(curve.recall[::-1], recall[:-1])
    np.testing.assert_allclose(curve.threshold[::-1], -threshold)
    expected = average_precision_score(is_positive, -distance)
    assert average_precision(scores) == pytest.approx(expected)


def test_a_threshold_never_splits_equal_distances() -> None:
    scores = scored([0.1, 0.5, 0.5, 0.5, 0.9], np.array([True, True, True, False, True]))
    point = best_recall(precision_recall_curve(scores), 0.9)
    assert point.threshold == pytest.approx(0.1)
    assert point.recall == 0.25


def test_the_first_pairs_may_be_false_alarms() -> None:
    curve = precision_recall_curve(scored([0.1, 0.2, 0.3], np.array([False, True, True])))
    assert best_recall(curve, 0.6).recall == 1
    assert best_recall(curve, 0.9).threshold is None


def test_without_a_duplicate_recall_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="no pair is positive"):
        precision_recall_curve(scored([0.1], np.array([False])))


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


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_challenge_metrics_follow_their_definition(rows: list[tuple[int, bool]]) -> None:
    distance, is_positive = arrays(rows)
    listed = [(0, place, float(d)) for place, d in enumerate(distance)]
    area, recall = challenge_by_definition(listed, {(0, int(p)) for p in is_positive.nonzero()[0]})
    micro_average_precision, recall_at_p90 = isc2021(scored(distance, is_positive))
    assert micro_average_precision == pytest.approx(area)
    assert recall_at_p90 == (None if recall is None else pytest.approx(recall))


@pytest.mark.parametrize("keep", [10_000, 5])
def test_all_pairs_predicted(keep):
    task, queries, references = copies(15, 2, noise=0.5, seed=3, size=6)
    distance = l2_matrix(queries, references)
    rows = [(q, r, float(distance[q, r])) for q, r in np.ndindex(*distance.shape)]
    expected, recall = challenge_by_definition(rows, {tuple(p) for p in task.positive.tolist()})
    scores = score(task, queries, references, l2_matrix, keep=keep)
    micro_average_precision, recall_at_p90 = isc2021(scores)
    assert micro_average_precision == pytest.approx(expected, abs=1e-3)
    assert recall_at_p90 == pytest.approx(recall, abs=0.04)


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


def test_hard_negatives_are_counted_by_kind():
    task, queries, references = copies(400, 2, noise=0.05, seed=0, size=12)
    scores = score(task, queries, references, l2_matrix)
    threshold = 0.5
    found = {row.kind: row for row in false_alarm_rows(task, scores, threshold)}
    distance = scores.near_distance
    assert found["all"].false_alarms == np.count_nonzero(distance <= threshold)
    same = task.query_class[scores.near[:, 0]] == task.reference_class[scores.near[:, 1]]
    assert found["same class"].pairs == np.count_nonzero(same)
    assert found["same class"].false_alarms == np.count_nonzero(same & (distance <= threshold))
    assert found["nearest of each query"].pairs == 800
    nearest = np.count_nonzero(scores.nearest_distance <= threshold)
    assert found["nearest of each query"].false_alarms == nearest
