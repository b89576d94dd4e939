"""Every edit against every original: who is positive, and what each family's row counts."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from neardup.evaluation.edits.named import Edit
from neardup.evaluation.measures.synthetic import EditScores, edit_image, score_edits, summarise

EDITS = (Edit("brightness", 0.2), Edit("mirror", 1), Edit("zoom", 1.5))


def make_images(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (20 + i, 24, 3), dtype=np.uint8) for i in range(count)]


def corner(images: list[np.ndarray]) -> np.ndarray:
    """Embed by the mean of the upper left quarter: mirroring and zooming hurt it."""
    vectors = np.stack([i[:10, :12].reshape(-1, 3).mean(axis=0) - 110.0 for i in images])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_queries_are_every_edit_of_every_image() -> None:
    sizes = []

    def embed(images: list[np.ndarray]) -> np.ndarray:
        sizes.append(len(images))
        return corner(images)

    scores = score_edits(make_images(150), EDITS, embed, seed=0)
    assert scores.distance.shape == (450, 150)
    assert scores.distance.dtype == np.float32
    assert max(sizes) <= 128
    assert (scores.is_positive.sum(axis=1) == 1).all()
    assert scores.families == ("brightness 20%", "mirror", "zoom 1.5x")
    again = score_edits(make_images(150), EDITS, corner, seed=0)
    assert np.array_equal(scores.distance, again.distance)
    assert not np.array_equal(
        scores.distance, score_edits(make_images(150), EDITS, corner, seed=1).distance
    )


def test_an_edit_does_not_depend_on_which_others_are_asked_for() -> None:
    images = make_images(5)
    alone = score_edits(images, EDITS[2:], corner, seed=3)
    among = score_edits(images, EDITS, corner, seed=3)
    assert np.array_equal(alone.distance, among.of(2).distance)
    assert edit_image(images[0], 0, EDITS[2], seed=3).shape == (13, 16, 3)


def test_rows_count_each_familys_queries_against_all_references() -> None:
    scores = score_edits(make_images(40), EDITS, corner, seed=0)
    rows = summarise(scores, 0.2)
    assert [row.family for row in rows] == [*scores.families, "all"]
    assert [row.queries for row in rows] == [40, 40, 40, 120]
    for family, row in enumerate(rows[:-1]):
        block = scores.distance[family * 40 : (family + 1) * 40]
        truth = np.eye(40, dtype=bool)
        called = block <= np.float32(0.2)
        assert row.recall == np.mean(called[truth])
        assert row.precision == (called & truth).sum() / called.sum()
        assert row.rank_1 == np.mean(block.argmin(axis=1) == np.arange(40))
        expected = average_precision_score(truth.ravel(), -block.ravel())
        assert row.average_precision == pytest.approx(expected)
    distance, is_positive = scores.pairs()
    assert rows[-1].average_precision == pytest.approx(
        average_precision_score(is_positive, -distance)
    )


def test_an_encoder_that_sees_nothing_ranks_nothing_first() -> None:
    scores = EditScores(
        np.zeros((4, 4), np.float32), np.arange(4), np.zeros(4, dtype=np.int64), ("zoom",)
    )
    row = summarise(scores, 0.5)[0]
    assert row.rank_1 == 0
    assert row.recall == 1
    assert row.precision == row.average_precision == 0.25
