"""How far a picture may be changed and still be found: recall by kind of change and strength."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from neardup.distance import l2
from neardup.errors import ConfigError
from neardup.evaluation.config import EvalConfig
from neardup.evaluation.edits.named import Edit
from neardup.evaluation.measures.results import Result
from neardup.evaluation.protocols.dataset import Encoded, encode

LADDER: dict[str, tuple[float, ...]] = {
    "brightness": (0.1, 0.2, 0.4, 0.8, 1.5, 3.0),
    "contrast": (0.1, 0.2, 0.4, 0.8, 1.5, 3.0),
    "saturation": (0.1, 0.2, 0.4, 0.8, 1.5, 3.0),
    "hue": (9, 18, 36, 60, 90, 180),
    "zoom": (1.0, 1.2, 1.5, 2.0, 2.5, 3.0),
    "salt_and_pepper": (0.01, 0.03, 0.06, 0.12, 0.25, 0.5),
    "gaussian_noise": (5, 10, 20, 40, 60, 80),
    "jpeg": (80, 50, 30, 20, 10, 5),
    "blur": (0.5, 1, 2, 3, 5, 8),
    "grayscale": (0.2, 0.4, 0.6, 0.8, 0.9, 1.0),
    "rotation": (2, 5, 10, 20, 45, 90),
    "mirror": (1,),
    "aspect": (1.05, 1.15, 1.35, 1.6, 2.0, 3.0),
    "border": (0.02, 0.05, 0.1, 0.15, 0.25, 0.4),
    "caption": (0.05, 0.1, 0.15, 0.25, 0.35, 0.5),
    "downscale": (1.5, 2, 4, 8, 12, 16),
}
"""Severities of each family, mild to harsh, in the family's unit."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of change at one strength.

    Attributes:
        family, severity: the edit.
        recall: share of the pictures within the threshold of their edit, in [0, 1].
        median_distance: of the edits to their originals, L2.
        beyond_training: the training showed no such change, or only milder ones; None: not known.
    """

    family: str
    severity: float
    recall: float
    median_distance: float
    beyond_training: bool | None


def robustness_map(
    config: EvalConfig, encoded: Encoded, result: Result, trained_to: Mapping[str, float] | None
) -> list[Cell]:
    """Recall of every family and severity of :data:`LADDER`, at the chosen threshold.

    Args:
        config: says of how many pictures.
        encoded: the pictures; those of the test half are drawn from, so that the threshold was not
            chosen on them.
        result: of an encoder.
        trained_to: harshest severity of each family that the training showed; a family that is
            not in it was not shown. None: not known.

    Returns:
        A cell for each family and severity; none where copies are real, no picture is asked for,
        or there is no threshold.
    """
    threshold, dataset = result.threshold, encoded.dataset
    if not dataset.edits or not config.robustness_images or threshold is None:
        return []
    test = encoded.kept[result.scores.test.references]
    drawn = np.random.default_rng(config.seed).permutation(test)[: config.robustness_images]
    edits = tuple(Edit(family, step) for family, steps in LADDER.items() for step in steps)
    edited = encode(
        replace(dataset, edits=edits, seed=config.seed + 1),
        [result.scores.method],
        batch_size=config.batch_size,
        only=sorted(drawn.tolist()),
        bar="robustness",
    )
    if not len(edited.kept):  # the files have gone since
        return []
    vectors = edited.vectors[result.scores.method.name]
    distances = np.stack([l2(views[1:], views[:1]) for views in vectors], axis=1)
    cells = []
    for edit, column in zip(edits, distances, strict=True):
        recall = float(np.mean(column <= np.float32(threshold)))
        beyond = None if trained_to is None else _is_beyond(edit, trained_to)
        cells.append(Cell(edit.family, edit.severity, recall, float(np.median(column)), beyond))
    return cells


def _is_beyond(edit: Edit, trained_to: Mapping[str, float]) -> bool:
    steps = LADDER[edit.family]
    limit = trained_to.get(edit.family)
    if limit is None:
        return edit.severity != 1.0 or edit.family not in ("zoom", "aspect")
    return edit.severity < limit if steps[0] > steps[-1] else edit.severity > limit


def read_training(run: Path) -> dict[str, Any]:
    """The configuration of a training run; empty if ``run`` is not the folder of one.

    Raises:
        ConfigError: it is damaged.
    """
    path = run / "config.yaml"
    if not path.is_file():
        return {}
    try:
        return dict(yaml.safe_load(path.read_text("utf-8")))
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is damaged: {str(error).splitlines()[0]}") from error


_AUGMENT_KEYS = {
    "brightness": ("brightness", "colour", 1),
    "contrast": ("contrast", "colour", 1),
    "saturation": ("saturation", "colour", 1),
    "hue": ("hue", "colour", 1),
    "zoom": ("max_zoom", "zoom", 1),
    "salt_and_pepper": ("salt_pepper", "salt_pepper", 1),
    "gaussian_noise": ("gaussian", "gaussian", 255),
    "jpeg": ("jpeg_quality", "jpeg", 1),
    "blur": ("blur", "blur", 100),
    "rotation": ("rotation", "rotation", 1),
    "aspect": ("aspect", "aspect", 1),
    "border": ("border", "border", 1),
}
"""Family of edits: the training's strength and probability, and what takes the strength to units
of the family."""


def trained_limits(augment: Mapping[str, Any]) -> dict[str, float]:
    """The harshest severity of each family that the training's ``augment`` section shows.

    Keys of the result are families of :data:`neardup.evaluation.edits.named.FAMILIES`.
    """

    def shows(name: str) -> bool:
        return bool(augment.get(f"{name}_probability", 0) > 0)

    limits = {
        family: float(augment[strength]) * factor
        for family, (strength, name, factor) in _AUGMENT_KEYS.items()
        if shows(name) and strength in augment
    }
    whole = {"grayscale": 1.0, "mirror": 1.0, "caption": 0.25}
    return limits | {family: harshest for family, harshest in whole.items() if shows(family)}
