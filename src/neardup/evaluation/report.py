"""From distances to the figures of ``report.json``: what was found, how sure that is."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neardup.evaluation import (
    bootstrap,
    caveats,
    collection,
    collection_report,
    hard_negatives,
)
from neardup.evaluation.config import EvalConfig
from neardup.evaluation.grouping import find_groups, quality
from neardup.evaluation.judged import Judged
from neardup.evaluation.measure import PRECISIONS, headline
from neardup.evaluation.plan import Encoded, Plan, vectors_of
from neardup.evaluation.task import Ids
from neardup.evaluation.verdict import ALL_COPIES, sentence

_MOST_GROUPED = 20_000


def figures(
    config: EvalConfig, plan: Plan, encoded: Encoded, main: Judged, others: list[Judged]
) -> dict[str, Any]:
    """Everything in ``report.json`` but the robustness map; plain values only."""
    measured, threshold = main.measured, main.threshold
    test, whole = measured.test, measured.whole
    rates = collection.false_pair_rates(
        whole.task, whole.scores, draws=config.bootstrap, seed=config.seed
    )
    about_collection = collection_report.describe(config, main, rates)
    report: dict[str, Any] = {
        "data": plan.description,
        "method": measured.method.name,
        "pictures": len(encoded.kept),
        "unreadable": [{"name": n, "reason": r} for n, r in encoded.unreadable],
        "pairs": {
            part_name: {
                "sources": len(part.task.sources),
                "queries": len(part.task.query_source),
                "references": len(part.task.reference_source),
                "duplicates": len(part.scores.positive),
                "others": part.scores.negatives,
            }
            for part_name, part in (("all", whole), ("choice", measured.choice), ("test", test))
        },
        "halved": measured.halved,
        "chosen": main.chosen,
        "operating_points": {name: asdict(point) for name, point in main.points.items()},
        "headline": headline(test),
        "intervals": _intervals(config, main),
        "families": [asdict(row) for row in main.families],
        "collection": about_collection,
        "baselines": [_baseline(config, main, other) for other in others],
        "exactness": caveats.exactness(main),
    }
    if threshold is not None:
        rows = hard_negatives.rows(test.task, test.scores, threshold)
        report["negatives"] = [asdict(row) for row in rows]
        report["groups"] = _groups(plan, encoded, main)
    report["warnings"] = caveats.warnings(config, main, encoded)
    report["verdict"] = sentence(report)
    return report


def _intervals(config: EvalConfig, judged: Judged) -> dict[str, list[float]]:
    test = judged.measured.test
    found = bootstrap.intervals(
        test.task,
        test.scores,
        thresholds={name: point.threshold for name, point in judged.points.items()},
        precisions=PRECISIONS,
        draws=config.bootstrap,
        seed=config.seed,
    )
    return {name: list(bounds) for name, bounds in found.items()}


def _baseline(config: EvalConfig, main: Judged, other: Judged) -> dict[str, Any]:
    point = other.points[other.chosen]
    return {
        "method": other.measured.method.name,
        "unit": other.measured.method.unit,
        "chosen": other.chosen,
        "threshold": point.threshold,
        "precision": point.precision,
        "recall": point.recall,
        "headline": headline(other.measured.test),
        "intervals": _intervals(config, other),
        "families": [asdict(row) for row in other.families],
        "wins": wins(main, other, f"precision={config.target_precision:g}"),
    }


def wins(main: Judged, other: Judged, wanted: str) -> list[str]:
    """The kinds of copies of which ``other`` finds more, ``ALL_COPIES`` first if it does in all.

    To find more by being right less often is no win: it must be judged at the operating point
    ``wanted``, or be right at least as often.
    """
    point, best = other.points[other.chosen], main.points[main.chosen]
    if other.chosen != wanted and point.precision < best.precision:
        return []
    ours = {row.family: row.recall for row in main.families}
    overall = [ALL_COPIES] if point.recall > best.recall else []
    return overall + [row.family for row in other.families if row.recall > ours[row.family]]


def _groups(plan: Plan, encoded: Encoded, main: Judged) -> dict[str, Any] | None:
    """The engine's grouping of the pictures of the test half; with their edits where it has any."""
    test, threshold = main.measured.test, main.threshold
    if plan.references_from is not None or threshold is None:
        return None
    queries, references = vectors_of(plan, encoded, main.measured.method.name)
    vectors: NDArray[np.float32] = references[test.references]
    truth: Ids = test.task.reference_source
    if plan.edits:
        vectors = np.concatenate([vectors, queries[test.queries]])
        truth = np.concatenate([truth, test.task.query_source])
    if len(vectors) > _MOST_GROUPED:
        return None
    found = find_groups(vectors, min(threshold, 2.0))
    ignored = test.task.ignored if test.task.same_set else None
    return asdict(quality(found, truth, ignored))
