"""How training evaluates: thresholds chosen on validation images, applied to test images."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from neardup.bundle import OperatingPoint
from neardup.evaluation.edits.named import MISSION, Edit
from neardup.evaluation.measures.metrics import at_threshold
from neardup.evaluation.measures.results import (
    FamilyRow,
    MethodScores,
    Part,
    Result,
    choose,
    family_row,
    family_rows,
    score_method,
)
from neardup.evaluation.methods import Encode, Method
from neardup.evaluation.protocols.dataset import InMemory, encode
from neardup.evaluation.protocols.pairs import pairs_dataset
from neardup.training.data.images import Images

PRECISIONS = (0.99, 0.999)
EDIT_SEED = 0
"""Validation and test edits are the same in every run, so that runs can be compared."""

TOO_FEW = "too few copies to vouch for"
"""Stands in ``measured_on`` of a point whose copies, were one pair false, would show less."""

_AT_ONCE = 128
"""Pictures that are held and encoded together."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An encoder on validation and test images.

    Attributes:
        val: where the thresholds come from.
        test: the scores of the test images.
        points: the thresholds of ``val``, unchanged, with their precision and recall on ``test``.
        rows: one per edit at the chosen threshold on ``test``, then ``all``.
    """

    val: Result
    test: Part
    points: dict[str, OperatingPoint]
    rows: list[FamilyRow]

    def figures(self) -> dict[str, float]:
        """The test at validation's chosen threshold, under the names that dashboards show."""
        point = self.points[self.val.chosen]
        figures = {
            "test/average_precision": self.test.average_precision,
            "test/recall": point.recall,
            "test/precision": point.precision,
        }
        return figures if point.threshold is None else figures | {"test/threshold": point.threshold}

    def as_dict(self) -> dict[str, Any]:
        """Plain values for ``summary.json``."""
        return {
            "val": {
                "average_precision": self.val.scores.whole.average_precision,
                "operating_points": {k: asdict(v) for k, v in self.val.points.items()},
            },
            "test": {
                "average_precision": self.test.average_precision,
                "operating_points": {k: asdict(v) for k, v in self.points.items()},
                "families": [asdict(row) for row in self.rows],
            },
            "default_at": self.val.chosen,
        }


def validate(
    images: Images, embed: Encode, *, name: str, edits: Sequence[Edit] = MISSION
) -> Result:
    """Score the edits of every image against every original and choose operating points.

    Args:
        images: (H, W, 3) uint8 RGB each, no two of the same picture.
        embed: images to unit vectors.
        name: what the images are, for ``measured_on``.
        edits: that copies are made by.

    Returns:
        Chosen is precision 0.99, or max F1 where no threshold reaches it.
    """
    result = choose(_score(images, embed, edits), PRECISIONS, PRECISIONS[0])
    points = {at: _named(at, p, name, images, edits) for at, p in result.points.items()}
    return replace(result, points=points)


def evaluate(
    val: Images, test: Images, embed: Encode, *, data: str, edits: Sequence[Edit] = MISSION
) -> Evaluation:
    """Choose thresholds on ``val`` and apply them unchanged to ``test``; see :func:`validate`."""
    result = validate(val, embed, name=f"validation split of {data}", edits=edits)
    scores = _score(test, embed, edits)
    pairs, name = scores.whole.scores, f"test split of {data}"
    points = {
        at: _named(at, at_threshold(pairs, point.threshold), name, test, edits)
        for at, point in result.points.items()
    }
    overall = family_row("all", pairs, result.threshold)
    rows = [*family_rows(scores, result.threshold), overall]
    return Evaluation(result, scores.whole, points, rows)


def _score(images: Images, embed: Encode, edits: Sequence[Edit]) -> MethodScores:
    pictures = InMemory([f"image {i}" for i in range(len(images))], images)
    dataset = pairs_dataset(pictures, tuple(edits), where="training", seed=EDIT_SEED)
    method = Method(name="encoder", encode=embed)
    encoded = encode(dataset, [method], batch_size=_AT_ONCE)
    vectors = encoded.of_task(method.name)
    return score_method(method, dataset.make_task(encoded.kept), *vectors)


def _named(
    at: str, point: OperatingPoint, name: str, images: Images, edits: Sequence[Edit]
) -> OperatingPoint:
    """The point with what it was measured on, and whether that is too few copies for it."""
    on = f"{name}: {len(images)} images x {len(edits)} edits against all {len(images)}"
    if at != "f1":
        target = float(at.removeprefix("precision="))
        if len(images) * len(edits) * (1.0 - target) < 1.0 - 1e-9:
            on += f"; {TOO_FEW} {target:g}"
    return replace(point, measured_on=on)
