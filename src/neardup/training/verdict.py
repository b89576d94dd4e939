"""The verdict on an encoder: thresholds chosen on validation sources, applied to test sources."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neardup.bundle import OperatingPoint
from neardup.evaluation.edits.named import MISSION, Edit
from neardup.evaluation.measures.metrics import (
    Sweep,
    area,
    at_threshold,
    max_f1,
    recall_at_precision,
    sweep,
)
from neardup.evaluation.measures.synthetic import (
    EditScores,
    Embed,
    FamilyRow,
    score_edits,
    summarise,
)

PRECISIONS = (0.99, 0.999)
DEFAULT_AT = "precision=0.99"
EDIT_SEED = 0
"""Validation and test edits are the same in every run, so that runs can be compared."""

TOO_FEW = "too few copies to vouch for"
"""Stands in ``measured_on`` of a point whose copies, were one pair false, would show less."""

Images = Sequence[NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Measured:
    """An encoder on one set of sources.

    Attributes:
        scores: the distances of all edits to all originals.
        sweep: precision and recall at every threshold.
        points: operating points by name.
    """

    scores: EditScores
    sweep: Sweep
    points: dict[str, OperatingPoint]

    @property
    def average_precision(self) -> float:
        """Over all pairs at once, in [0, 1]."""
        return area(self.sweep)

    @property
    def default_at(self) -> str:
        """The operating point to use: precision 0.99, or max F1 where no threshold reaches it."""
        return DEFAULT_AT if self.points[DEFAULT_AT].threshold is not None else "f1"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Validation chose, test judged.

    Attributes:
        val: where the thresholds come from.
        test: the held-out figures.
        rows: one per family of edits at the default operating point's threshold, then ``all``.
        tested: every operating point's precision and recall on test, threshold unchanged.
    """

    val: Measured
    test: Measured
    rows: list[FamilyRow]
    tested: dict[str, OperatingPoint]

    def figures(self) -> dict[str, float]:
        """The test at validation's default threshold, under the names that dashboards show."""
        point = self.tested[self.val.default_at]
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
                "average_precision": self.val.average_precision,
                "operating_points": {k: asdict(v) for k, v in self.val.points.items()},
            },
            "test": {
                "average_precision": self.test.average_precision,
                "operating_points": {k: asdict(v) for k, v in self.tested.items()},
                "families": [asdict(row) for row in self.rows],
            },
            "default_at": self.val.default_at,
        }


def measure(
    images: Images, embed: Embed, *, name: str, edits: Sequence[Edit] = MISSION
) -> Measured:
    """Score the edits of every image against every original and choose operating points."""
    scores = score_edits(images, edits, embed, seed=EDIT_SEED)
    swept = sweep(*scores.pairs())
    on = f"{name}: {len(images)} images x {len(edits)} edits against all {len(images)}"
    points = {"f1": max_f1(swept, measured_on=on)}
    for target in PRECISIONS:
        few = len(images) * len(edits) * (1.0 - target) < 1.0 - 1e-9
        where = f"{on}; {TOO_FEW} {target:g}" if few else on
        points[f"precision={target:g}"] = recall_at_precision(swept, target, measured_on=where)
    return Measured(scores, swept, points)


def judge(
    val: Images, test: Images, embed: Embed, *, data: str, edits: Sequence[Edit] = MISSION
) -> Verdict:
    """Choose thresholds on ``val`` and apply them unchanged to ``test``."""
    chosen = measure(val, embed, name=f"validation split of {data}", edits=edits)
    judged = measure(test, embed, name=f"test split of {data}", edits=edits)
    tested = {}
    for at, point in chosen.points.items():
        precision, recall = at_threshold(*judged.scores.pairs(), point.threshold)
        tested[at] = OperatingPoint(
            threshold=point.threshold,
            precision=precision,
            recall=recall,
            measured_on=judged.points[at].measured_on,
        )
    rows = summarise(judged.scores, chosen.points[chosen.default_at].threshold)
    return Verdict(chosen, judged, rows, tested)
