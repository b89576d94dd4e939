"""The pass in bounded memory finds what plain loops find, however little it may keep."""

import numpy as np
import pytest
from made_up import by_loop, copies, make_task, unit
from sklearn.metrics import average_precision_score

from neardup.distance import l2_matrix
from neardup.evaluation.measures import scoring
from neardup.evaluation.measures.metrics import (
    at_threshold,
    average_precision,
    false_positives,
    precision_recall_curve,
)
from neardup.evaluation.measures.scoring import Scale, score

BITS = Scale(upper=12, step=1, whole=True)


@pytest.fixture(params=[8_000_000, 50], ids=["one block", "many blocks"])
def _blocks(request, monkeypatch):
    monkeypatch.setattr(scoring, "_PAIRS_AT_ONCE", request.param)


def cases():
    rng = np.random.default_rng(0)
    yield "copies", *copies(12, 3, noise=0.3, seed=1), l2_matrix, scoring.L2_SCALE
    groups = rng.integers(0, 8, size=30)
    vectors = unit(rng.normal(size=(8, 5))[groups] + 0.5 * rng.normal(size=(30, 5)))
    task = make_task(groups, groups, same_set=True, ignored=[(0, 1), (5, 20), (3, 4)])
    yield "groups", task, vectors, vectors, l2_matrix, scoring.L2_SCALE
    query, reference = rng.integers(0, 25, size=20), rng.integers(0, 25, size=40)
    task = make_task(query, reference, ignored=[(0, 0), (7, 39)])
    bits = rng.integers(0, 2, size=(60, 12)).astype(np.float32)
    yield "retrieval with ties", task, bits[:20], bits[20:], hamming, BITS


def hamming(a, b):
    return np.abs(a[:, None] - b[None]).sum(axis=2)


CASES = {name: rest for name, *rest in cases()}


def loop(case):
    return by_loop(*CASES[case][:4])


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("case", CASES)
def test_with_room_for_all_pairs_everything_is_exact(case):
    scores = score(*CASES[case])
    distance, is_positive = loop(case)
    assert np.isinf(scores.complete_to)
    assert scores.negatives == np.count_nonzero(~is_positive)
    np.testing.assert_allclose(
        np.sort(scores.positive_distance), np.sort(distance[is_positive]), atol=1e-6
    )
    np.testing.assert_allclose(scores.near_distance, np.sort(distance[~is_positive]), atol=1e-6)
    expected_precision = average_precision_score(is_positive, -distance)
    assert average_precision(scores) == pytest.approx(expected_precision)
    curve = precision_recall_curve(scores)
    np.testing.assert_allclose(curve.threshold, np.unique(distance), atol=1e-6)
    called = distance[None] <= np.unique(distance)[:, None]
    np.testing.assert_array_equal(curve.true_positives, (called & is_positive).sum(axis=1))
    np.testing.assert_array_equal(curve.false_positives, (called & ~is_positive).sum(axis=1))


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("keep", [0, 3, 17, 100])
@pytest.mark.parametrize("case", CASES)
def test_with_little_room_counts_stay_exact_and_bounds_hold(case, keep):
    scores = score(*CASES[case], keep=keep)
    distance, is_positive = loop(case)
    assert len(scores.near) <= keep
    curve = precision_recall_curve(scores)
    assert curve.true_positives[-1] == np.count_nonzero(is_positive)
    assert curve.false_positives[-1] == np.count_nonzero(~is_positive)
    for row, threshold in enumerate(curve.threshold):
        below = distance <= np.float32(threshold)
        assert curve.true_positives[row] == np.count_nonzero(below & is_positive)
        assert curve.false_positives[row] == np.count_nonzero(below & ~is_positive)
        assert false_positives(scores, threshold) == curve.false_positives[row]
    exact = average_precision_score(is_positive, -distance)
    assert exact - 0.05 <= average_precision(scores) <= exact + 1e-9
    inside = np.sort(distance[~is_positive])[: len(scores.near)]
    np.testing.assert_allclose(scores.near_distance, inside, atol=1e-6)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("case", CASES)
def test_neighbours_of_each_query(case):
    task, queries, references, distances, _ = CASES[case]
    scores = score(*CASES[case], keep=5)
    whole = distances(queries, references)
    positive = {tuple(pair) for pair in task.positive.tolist()}
    apart = positive | {tuple(pair) for pair in task.ignored.tolist()}
    negatives = {
        q: [whole[q, r] for r in range(len(references))
            if (q, r) not in apart and not (task.same_set and q == r)]
        for q in range(len(queries))
    }  # fmt: skip
    for q in range(len(queries)):
        assert scores.nearest_distance[q] == pytest.approx(min(negatives[q]), abs=1e-6)
    assert {tuple(pair) for pair in scores.ranked.tolist()} == positive
    for (q, r), closer in zip(scores.ranked, scores.closer_negatives, strict=True):
        assert closer == sum(d <= whole[q, r] + 1e-7 for d in negatives[q])


def test_a_threshold_chosen_elsewhere():
    task, queries, references, *_ = CASES["copies"]
    scores = score(task, queries, references, l2_matrix)
    distance, is_positive = loop("copies")
    for threshold in (0.0, 0.7, 1.1, 2.0):
        called = distance <= np.float32(threshold)
        point = at_threshold(scores, threshold)
        assert point.recall == (called & is_positive).sum() / is_positive.sum()
        assert point.precision == (is_positive[called].mean() if called.any() else 1.0)
    nothing = at_threshold(scores, None)
    assert (nothing.precision, nothing.recall) == (1.0, 0.0)


def test_parts_are_what_scoring_them_alone_gives():
    task, queries, references, *_ = CASES["copies"]
    half, rows, columns = task.of_sources(np.array([1, 4, 5, 9]))
    assert half.positive_sources.tolist() == [1, 4, 5, 9]
    distance, is_positive = by_loop(half, queries[rows], references[columns])
    assert len(distance) == half.pair_count == 12 * 4
    assert is_positive.sum() == 12
    family, rows, columns = task.of_family(2)
    assert len(rows) == 12
    assert len(columns) == 12
    assert len(family.positive) == 12
