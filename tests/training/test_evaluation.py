"""Every edit against every original; validation chooses, the test only says what that gives."""

import numpy as np
import pytest

from neardup.distance import l2_matrix
from neardup.evaluation.edits.named import Edit, edit_image
from neardup.training.evaluation import EDIT_SEED, TOO_FEW, evaluate, validate

EDITS = (Edit("brightness", 0.2), Edit("mirror", 1), Edit("zoom", 1.5))


def make_images(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (20 + i % 7, 24, 3), dtype=np.uint8) for i in range(count)]


def corner(images: list[np.ndarray]) -> np.ndarray:
    """Embed by the mean of the upper left quarter: mirroring and zooming hurt it."""
    vectors = np.stack([i[:10, :12].reshape(-1, 3).mean(axis=0) - 110.0 for i in images])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_queries_are_every_edit_of_every_image() -> None:
    sizes = []

    def embed(images: list[np.ndarray]) -> np.ndarray:
        sizes.append(len(images))
        return corner(images)

    images = make_images(150)
    result = validate(images, embed, name="these", edits=EDITS)
    scores = result.scores.whole.scores
    assert max(sizes) <= 128
    assert sum(sizes) == 150 * 4
    assert len(scores.positive) == 450
    assert scores.negatives == 450 * 149
    edited = [edit_image(images[7], 7, edit, seed=EDIT_SEED) for edit in EDITS]
    expected = l2_matrix(corner(edited), corner([images[7]]))[:, 0]
    assert scores.positive_distance[21:24] == pytest.approx(expected, abs=1e-6)


def test_the_test_is_at_validations_thresholds() -> None:
    val, test = make_images(60), make_images(40, seed=1)
    found = evaluate(val, test, corner, data="noise", edits=EDITS)
    result = validate(val, corner, name="validation split of noise", edits=EDITS)
    assert found.val.points == result.points
    scores = found.test.scores
    for at, point in found.points.items():
        assert point.threshold == result.points[at].threshold
        if point.threshold is not None:
            within = scores.positive_distance <= np.float32(point.threshold)
            assert point.recall == within.mean()
        assert point.measured_on.startswith("test split of noise: 40 images x 3 edits against")
    assert [row.family for row in found.rows] == [*(edit.name for edit in EDITS), "all"]
    assert found.rows[-1].recall == found.points[result.chosen].recall
    assert found.as_dict()["test"]["average_precision"] == found.rows[-1].average_precision
    assert TOO_FEW in found.points["precision=0.999"].measured_on
    assert TOO_FEW not in found.points["precision=0.99"].measured_on
