"""Error bars come from redrawing sources, and a source drawn twice counts as two."""

import numpy as np
import pytest
from made_up import copies, make_task, unit
from sklearn.metrics import average_precision_score, precision_recall_curve

from neardup.distance import l2_matrix
from neardup.evaluation.measures.bootstrap import Redrawn, Resampler, intervals, precision_band
from neardup.evaluation.measures.metrics import at_threshold, average_precision, isc2021
from neardup.evaluation.measures.results import PRECISIONS
from neardup.evaluation.measures.scoring import score

THRESHOLD = 0.9


def prepared(task, queries, references):
    scores = score(task, queries, references, l2_matrix)
    return scores, Resampler(task), Redrawn(task, scores, {"mine": THRESHOLD}, PRECISIONS)


def test_drawing_every_source_once_gives_the_figures_themselves():
    task, queries, references = copies(20, 3, noise=0.4, seed=0, size=8)
    scores, resampler, ready = prepared(task, queries, references)
    figures = ready.figures(np.ones(resampler.sources))
    assert figures["average_precision"] == pytest.approx(average_precision(scores))
    point = at_threshold(scores, THRESHOLD)
    assert figures["precision at mine"] == pytest.approx(point.precision)
    assert figures["recall at mine"] == pytest.approx(point.recall)
    assert resampler.of_all_negatives(np.ones(20)) == scores.negatives
    micro_average_precision, recall_at_p90 = isc2021(scores)
    assert figures["micro_average_precision_isc2021"] == pytest.approx(micro_average_precision)
    assert figures["recall_at_p90_isc2021"] == pytest.approx(recall_at_p90)


def test_never_having_seen_an_error_is_not_certainty():
    task, queries, references = copies(30, 1, noise=0.01, seed=0)
    scores = score(task, queries, references, l2_matrix)
    found = intervals(task, scores, thresholds={"mine": 0.3}, precisions=(), draws=50, seed=0)
    point = at_threshold(scores, 0.3)
    assert (point.precision, point.recall) == (1.0, 1.0)
    assert found["precision at mine"] == (pytest.approx(30 / 33), 1.0)
    assert found["recall at mine"] == (pytest.approx(0.9), 1.0)


@pytest.mark.parametrize("same_set", [False, True])
def test_a_draw_is_the_figure_of_the_pairs_repeated(same_set):
    rng = np.random.default_rng(1)
    source = np.repeat(np.arange(10), 2)
    vectors = unit(rng.normal(size=(10, 6))[source] + 0.5 * rng.normal(size=(20, 6)))
    references = vectors if same_set else unit(vectors[::2] + 0.3 * rng.normal(size=(10, 6)))
    task = make_task(source, source if same_set else np.arange(10), same_set=same_set)
    scores, resampler, ready = prepared(task, vectors, references)
    drawn = rng.multinomial(10, np.full(10, 0.1)).astype(float)
    pairs = np.concatenate([scores.positive, scores.near])
    times = resampler.of_pairs(drawn, pairs).astype(int)
    distance = np.concatenate([scores.positive_distance, scores.near_distance])
    is_positive = np.arange(len(pairs)) < len(scores.positive)
    distance, is_positive = np.repeat(distance, times), np.repeat(is_positive, times)
    figures = ready.figures(drawn)
    expected = average_precision_score(is_positive, -distance)
    assert figures["average_precision"] == pytest.approx(expected)
    precision, recall, _ = precision_recall_curve(is_positive, -distance)
    for target in PRECISIONS:
        expected = recall[precision >= target].max()
        assert figures[f"recall_at_precision={target:g}"] == pytest.approx(expected)
    assert resampler.of_all_negatives(drawn) == np.count_nonzero(~is_positive)


def test_the_intervals_hold_the_truth_about_as_often_as_they_say():
    truth = []
    for seed in range(100, 106):
        task, queries, references = copies(300, 1, noise=0.35, seed=seed, size=12)
        truth.append(at_threshold(score(task, queries, references, l2_matrix), THRESHOLD).recall)
    inside = 0
    for seed in range(40):
        task, queries, references = copies(40, 1, noise=0.35, seed=seed, size=12)
        scores = score(task, queries, references, l2_matrix)
        low, high = intervals(
            task, scores, thresholds={"mine": THRESHOLD}, precisions=(0.9,), draws=150, seed=0
        )["recall at mine"]
        inside += low <= np.mean(truth) <= high
    assert inside >= 32


def test_pairs_of_one_source_do_not_make_the_bar_shorter():
    """Ten identical copies of each source say no more than one."""
    bars = []
    for each in (1, 10):
        rng = np.random.default_rng(0)
        references = unit(rng.normal(size=(30, 8)))
        noisy = unit(references + 0.4 * rng.normal(size=(30, 8)))
        task = make_task(np.repeat(np.arange(30), each), np.arange(30))
        scores = score(task, np.repeat(noisy, each, axis=0), references, l2_matrix)
        found = intervals(task, scores, thresholds={"mine": 0.9}, precisions=(), draws=200, seed=0)
        bars.append(np.subtract(*found["recall at mine"]))
    assert bars[0] == pytest.approx(bars[1])


def test_few_sources_have_no_bars():
    task, queries, references = copies(4, 2, noise=0.1, seed=0)
    scores = score(task, queries, references, l2_matrix)
    assert intervals(task, scores, thresholds={"mine": 1.0}, precisions=(), draws=50, seed=0) == {}
    assert precision_band(task, scores, np.array([0.5]), draws=50, seed=0) is None


def test_band_surrounds_the_curve():
    task, queries, references = copies(30, 2, noise=0.5, seed=0, size=6)
    scores, resampler, ready = prepared(task, queries, references)
    recalls = np.linspace(0, 1, 11)
    band = precision_band(task, scores, recalls, draws=100, seed=0)
    curve = ready.precision_at(np.ones(resampler.sources), recalls)
    assert band.shape == (2, 11)
    assert (band[0] <= curve + 0.05).all()
    assert (curve <= band[1] + 0.05).all()
