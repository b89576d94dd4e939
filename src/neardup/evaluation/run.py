"""One evaluation from plan to folder: encode, measure, judge, write."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from neardup.bundle import Bundle, OperatingPoint
from neardup.errors import ConfigError
from neardup.evaluation.config import EvalConfig
from neardup.evaluation.measures import robustness
from neardup.evaluation.measures.measure import Judged, can_halve, judge, judge_at, measure
from neardup.evaluation.methods import Method
from neardup.evaluation.protocols.plan import Encoded, Plan, encode, vectors_of
from neardup.evaluation.protocols.task import Task, split_sources
from neardup.evaluation.report.figures import figures
from neardup.evaluation.report.gallery import gallery
from neardup.evaluation.report.outputs import prepare, write


def evaluate(
    config: EvalConfig,
    plan: Plan,
    bundle: Bundle,
    methods: Sequence[Method],
    *,
    trained_to: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Measure ``methods[0]``, the encoder of ``bundle``, and put the others beside it.

    Args:
        config: see there.
        plan: pictures and labels.
        bundle: where ``threshold`` is looked up and operating points are stored.
        methods: the encoder first, then the baselines.
        trained_to: harshest severity of each family of edits that the training showed.

    Returns:
        What ``report.json`` in ``config.out`` holds.

    Raises:
        ConfigError: no pair of the pictures that could be read is a duplicate, or every one is;
            the folder ``config.out`` cannot be written.
        BundleError: ``threshold`` names no operating point or lies outside [0, 2].
    """
    threshold = None if config.threshold is None else bundle.threshold(config.threshold)
    prepare(Path(config.out), scores=config.scores)
    encoded = encode(plan, methods, batch_size=config.batch_size, show_progress=True)
    task = plan.make_task(encoded.kept)
    _require_pairs(task, encoded)
    halves = split_sources(task, seed=config.seed) if config.halves and can_halve(task) else None
    judged = []
    for method in methods:
        vectors = vectors_of(plan, encoded, method.name)
        measured = measure(method, task, *vectors, halves, show_progress=True)
        judged.append(judge(config, plan, encoded, measured))
    main, others = judged[0], judged[1:]
    if threshold is not None:
        main = judge_at(plan, encoded, main, f"given: {config.threshold}", threshold)
    report = figures(config, plan, encoded, main, others)
    report["bundle"] = _about(bundle)
    report["config"] = asdict(config)
    report["robustness"] = _robustness(config, plan, encoded, main, methods[0], trained_to)
    if config.write_thresholds:
        report["stored"] = store_thresholds(bundle, main.points, plan.description)
    pictures = gallery(plan, encoded, main.measured.test, main.threshold, config.gallery)
    write(Path(config.out), report, main, others, pictures, scores=config.scores)
    return report


def store_thresholds(
    bundle: Bundle, points: Mapping[str, OperatingPoint], measured_on: str
) -> list[str]:
    """Put the operating points into the bundle, replacing those of the same name.

    Returns:
        The names that ``neardup compare --at`` now finds a threshold for.
    """
    named = {
        name: replace(point, measured_on=measured_on)
        for name, point in points.items()
        if not name.startswith("given")
    }
    stored = {**bundle.operating_points, **named}
    default = bundle.default_at
    if default not in stored or stored[default].threshold is None:
        default = "f1"
    replace(bundle, operating_points=stored, default_at=default).save()
    return [name for name, point in stored.items() if point.threshold is not None]


def _require_pairs(task: Task, encoded: Encoded) -> None:
    copies = len(task.positive) // (2 if task.same_set else 1)
    if copies and copies < task.pair_count:
        return
    reason = "no pair of pictures is a copy, so there is nothing to find"
    if copies:
        reason = "every pair of pictures is a copy, so there is nothing to tell copies from"
    if encoded.unreadable:
        name, why = encoded.unreadable[0]
        reason += f"; {len(encoded.unreadable)} files could not be read, the first: {name}: {why}"
    raise ConfigError(f"protocol: {reason}")


def _robustness(
    config: EvalConfig,
    plan: Plan,
    encoded: Encoded,
    main: Judged,
    method: Method,
    trained_to: Mapping[str, float] | None,
) -> list[dict[str, Any]]:
    """On pictures of the test half, so that the threshold was not chosen on them."""
    if not plan.edits or not config.robustness_images or main.threshold is None:
        return []
    test = encoded.kept[main.measured.test.references]
    drawn = np.random.default_rng(config.seed).permutation(test)[: config.robustness_images]
    cells = robustness.measure(
        plan.pictures,
        sorted(drawn.tolist()),
        method,
        main.threshold,
        trained_to=trained_to,
        seed=config.seed + 1,
        batch_size=config.batch_size,
        show_progress=True,
    )
    return [asdict(cell) for cell in cells]


def _about(bundle: Bundle) -> dict[str, Any]:
    return {
        "directory": str(bundle.directory),
        "backbone": bundle.backbone,
        "image_size": bundle.image_size,
        "embedding_size": bundle.embedding_size,
        "files": dict(bundle.files),
        "provenance": dict(bundle.provenance),
    }
