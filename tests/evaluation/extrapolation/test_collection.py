"""False pairs in a large collection, predicted from a small part and counted in the whole."""

import numpy as np
import pytest
from made_up import copies

from neardup.distance import l2_matrix
from neardup.evaluation.extrapolation.collection import (
    check_predictions,
    expected_false_pairs,
    false_pair_rates,
    point_name,
)
from neardup.evaluation.measures.scoring import score


@pytest.fixture(scope="module")
def sample():
    task, queries, references = copies(400, 2, noise=0.05, seed=0, size=12)
    return task, score(task, queries, references, l2_matrix)


@pytest.mark.parametrize(
    ("size", "name"), [(1e6, "1e6"), (10_000, "1e4"), (250_000, "2.5e5"), (3e11, "3e11")]
)
def test_the_name_to_type_after_at(size, name):
    assert point_name(size) == f"collection={name}"


def test_expected_false_pairs_is_pairs_times_rate():
    assert expected_false_pairs(1000, 1e-3) == pytest.approx(499.5)


def test_rates_are_counted_where_they_can_be_and_modelled_below(sample):
    task, scores = sample
    rates = false_pair_rates(task, scores, draws=60, seed=0)
    counted = float(scores.near_distance[999])
    estimate, low, high = rates.rate(counted)
    assert estimate == pytest.approx(1000 / scores.negatives)
    assert low < estimate < high
    deeper = rates.rate(float(scores.near_distance[4]))
    assert deeper is not None
    assert deeper[0] * scores.negatives == pytest.approx(5, rel=2)


def test_a_threshold_keeps_its_promise_at_the_upper_end(sample):
    task, scores = sample
    rates = false_pair_rates(task, scores, draws=60, seed=0)
    threshold = rates.threshold(100 / scores.negatives)
    assert isinstance(threshold, float)
    assert rates.rate(threshold)[2] <= 100 / scores.negatives
    assert np.count_nonzero(scores.near_distance <= threshold) <= 100
    refused = rates.threshold(1e-12)
    assert "evaluate on more pictures" in refused


def test_holding_out_predicts_the_whole(sample):
    task, scores = sample
    checked = check_predictions(task, scores, share=0.5, draws=100, seed=1)
    assert len(checked) >= 4
    inside = [row.low <= row.counted <= row.high for row in checked]
    assert np.mean(inside) >= 0.7
    for row in checked:
        if row.counted >= 100:
            assert row.predicted == pytest.approx(row.counted, rel=0.6)


def test_a_part_too_small_is_refused():
    task, queries, references = copies(12, 1, noise=0.05, seed=0)
    scores = score(task, queries, references, l2_matrix)
    assert "a fit needs" in check_predictions(task, scores, share=0.4, draws=20, seed=0)
