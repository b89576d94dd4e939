"""The sweep agrees with scikit-learn and with counting by hand, ties included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve

from neardup.evaluation.measures.metrics import (
    area,
    at_threshold,
    average_precision,
    max_f1,
    recall_at_precision,
    sweep,
)

pairs = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60).filter(
    lambda rows: any(positive for _, positive in rows)
)


def arrays(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    distance, is_positive = zip(*rows, strict=True)
    return np.array(distance, dtype=np.float32) / 8, np.array(is_positive)


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_sweep_is_what_counting_gives(rows: list[tuple[int, bool]]) -> None:
    distance, is_positive = arrays(rows)
    swept = sweep(distance, is_positive)
    assert list(swept.threshold) == sorted(set(distance.tolist()))
    for row, threshold in enumerate(swept.threshold):
        called = [bool(p) for d, p in zip(distance, is_positive, strict=True) if d <= threshold]
        assert swept.true_positives[row] == sum(called)
        assert swept.false_positives[row] == len(called) - sum(called)
        assert swept.precision[row] == sum(called) / len(called)
        assert swept.recall[row] == sum(called) / sum(is_positive)
    assert average_precision(distance, is_positive) == pytest.approx(
        average_precision_score(is_positive, -distance)
    )


@settings(max_examples=200, deadline=None)
@given(pairs, st.sampled_from([0.5, 0.75, 0.9, 0.999, 1.0]))
def test_operating_points_are_the_best_threshold_there_is(
    rows: list[tuple[int, bool]], target: float
) -> None:
    distance, is_positive = arrays(rows)
    swept = sweep(distance, is_positive)
    outcomes = {t: at_threshold(distance, is_positive, t) for t in set(distance.tolist())}
    best = max_f1(swept)
    f1 = {t: 2 * p * r / (p + r) if p + r else 0 for t, (p, r) in outcomes.items()}
    assert f1[best.threshold] == pytest.approx(max(f1.values()))
    assert (best.precision, best.recall) == outcomes[best.threshold]

    point = recall_at_precision(swept, target)
    reaching = [r for p, r in outcomes.values() if p >= target and r > 0]
    assert point.recall == max(reaching, default=0)
    if point.threshold is None:
        assert at_threshold(distance, is_positive, None) == (1.0, 0.0)
    else:
        assert (point.precision, point.recall) == outcomes[point.threshold]
        assert point.precision >= target


def test_random_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    is_positive = rng.random(20_000) < 0.02
    distance = np.round(rng.normal(1.2 - 0.5 * is_positive, 0.2), 3).astype(np.float32)
    swept = sweep(distance, is_positive)
    precision, recall, threshold = precision_recall_curve(is_positive, -distance)
    np.testing.assert_allclose(swept.precision[::-1], precision[:-1])
    np.testing.assert_allclose(swept.recall[::-1], recall[:-1])
    np.testing.assert_allclose(swept.threshold[::-1], -threshold)
    assert area(swept) == pytest.approx(average_precision_score(is_positive, -distance))


def test_a_threshold_never_splits_equal_distances() -> None:
    distance = np.array([0.1, 0.5, 0.5, 0.5, 0.9], dtype=np.float32)
    is_positive = np.array([True, True, True, False, True])
    point = recall_at_precision(sweep(distance, is_positive), 0.9)
    assert point.threshold == pytest.approx(0.1)
    assert point.recall == 0.25


def test_the_first_pairs_may_be_false_alarms() -> None:
    swept = sweep([0.1, 0.2, 0.3], [False, True, True])
    assert recall_at_precision(swept, 0.6).recall == 1
    assert recall_at_precision(swept, 0.9).threshold is None


@pytest.mark.parametrize(
    ("distance", "is_positive", "reason"),
    [
        ([0.1, np.nan], [True, False], "not finite"),
        ([0.1], [False], "no pair is positive"),
        ([], [], "no pair is positive"),
        ([0.1, 0.2], [True], "expected two arrays"),
    ],
)
def test_scores_without_meaning_are_refused(distance, is_positive, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        sweep(distance, is_positive)
