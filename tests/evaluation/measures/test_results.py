"""Every family has a row over its own queries and all references; thresholds stay as chosen."""

import numpy as np
import pytest
from made_up import by_loop, copies
from sklearn.metrics import average_precision_score

from neardup.distance import l2_matrix
from neardup.evaluation.measures.results import (
    choose,
    family_row,
    family_rows,
    headline,
    score_method,
)
from neardup.evaluation.methods import Method
from neardup.evaluation.protocols.task import split_sources

METHOD = Method(name="made up", encode=np.stack)


def test_rows_count_each_familys_queries_against_all_references() -> None:
    task, queries, references = copies(40, 3, noise=0.5, seed=0, size=8)
    scores = score_method(METHOD, task, queries, references)
    rows = family_rows(scores, 0.7)
    assert [row.family for row in rows] == ["family 0", "family 1", "family 2"]
    whole, truth = l2_matrix(queries, references), np.eye(40, dtype=bool)
    for family, row in enumerate(rows):
        block = whole[family::3]
        called = block <= np.float32(0.7)
        assert row.queries == 40
        assert row.recall == np.mean(called[truth])
        assert row.precision == (called & truth).sum() / called.sum()
        assert row.rank_1 == np.mean(block.argmin(axis=1) == np.arange(40))
        expected = average_precision_score(truth.ravel(), -block.ravel())
        assert row.average_precision == pytest.approx(expected)
    overall = family_row("all", scores.whole.scores, 0.7)
    distance, is_positive = by_loop(task, queries, references)
    assert overall.queries == 120
    expected = average_precision_score(is_positive, -distance)
    assert overall.average_precision == pytest.approx(expected)
    assert headline(scores.whole)["rank_1"] == overall.rank_1


def test_an_encoder_that_sees_nothing_ranks_nothing_first() -> None:
    task, queries, references = copies(4, 1, noise=0.1, seed=0)
    scores = score_method(METHOD, task, queries * 0, references * 0)
    row = family_row("zoom", scores.whole.scores, 0.5)
    assert row.rank_1 == 0
    assert row.recall == 1
    assert row.precision == row.average_precision == 0.25


def test_thresholds_come_from_one_half_and_figures_from_the_other() -> None:
    task, queries, references = copies(60, 2, noise=0.2, seed=0, size=8)
    scores = score_method(METHOD, task, queries, references, split_sources(task, seed=0))
    assert scores.halved
    own = set(scores.choice.task.sources) & set(scores.test.task.sources)
    assert not own
    result = choose(scores, (0.9,), 0.99)
    assert list(result.points) == ["f1", "precision=0.9", "precision=0.99"]
    for at, point in result.points.items():
        part = scores.test
        distance, is_positive = by_loop(
            part.task, queries[part.queries], references[part.references]
        )
        called = distance <= np.float32(point.threshold)
        assert point.recall == (called & is_positive).sum() / is_positive.sum(), at
        assert point.precision == is_positive[called].mean(), at
    assert result.chosen == "precision=0.99"
    part = scores.choice
    distance, is_positive = by_loop(part.task, queries[part.queries], references[part.references])
    assert is_positive[distance <= np.float32(result.threshold)].mean() >= 0.99


def test_where_no_threshold_is_right_enough_max_f1_is_used() -> None:
    task, queries, references = copies(40, 1, noise=0.1, seed=0)
    scores = score_method(METHOD, task, np.roll(queries, 1, axis=0), references)
    result = choose(scores, (), 0.99)
    assert result.points["precision=0.99"].threshold is None
    assert result.chosen == "f1"
    assert result.threshold is not None


def test_few_sources_are_not_halved() -> None:
    task, *_ = copies(11, 3, noise=0.1, seed=0)
    assert split_sources(task, seed=0) is None
