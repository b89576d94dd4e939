"""From distances to the figures of ``report.json``: what was found, how sure that is."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neardup.evaluation.config import EvalConfig
from neardup.evaluation.extrapolation import collection
from neardup.evaluation.extrapolation import collection as collection_report
from neardup.evaluation.measures import bootstrap, hard_negatives
from neardup.evaluation.measures.grouping import find_groups, quality
from neardup.evaluation.measures.measure import PRECISIONS, Judged, headline
from neardup.evaluation.protocols.plan import Encoded, Plan, vectors_of
from neardup.evaluation.protocols.task import Ids
from neardup.evaluation.report import figures as caveats

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


def exactness(main: Judged) -> str:
    """Which of the figures are exact, in a sentence."""
    scores = main.measured.whole.scores
    if np.isinf(scores.complete_to):
        return "every threshold at which a decision changes is listed; all figures are exact"
    return (
        f"all counts are exact; every threshold up to {scores.complete_to:.4f} at which a decision "
        f"changes is listed, beyond it one every {scores.scale.step:.1e}"
    )


def warnings(config: EvalConfig, main: Judged, encoded: Encoded) -> list[str]:
    """Sentences on what weakens the figures."""
    found_wanting = []
    if not main.measured.halved:
        why = "as halves=false asks" if not config.halves else "too few groups of copies to halve"
        found_wanting.append(
            f"thresholds were chosen and measured on the same pictures ({why}): "
            "precision and recall are flattered"
        )
    wanted = f"precision={config.target_precision:g}"
    if main.points[wanted].threshold is None:
        found_wanting.append(f"no threshold reaches precision {config.target_precision:g}")
    elif config.target_precision < 1:
        needed = round(1 / (1 - config.target_precision))
        found = main.points[wanted].recall * len(main.measured.test.scores.positive)
        if found < needed:
            found_wanting.append(
                f"precision {config.target_precision:g} means one false alarm in {needed} pairs, "
                f"but the test half has {round(found)} found pairs: too few to tell it from 1"
            )
    if encoded.unreadable:
        found_wanting.append(f"{len(encoded.unreadable)} files could not be read and were left out")
    return found_wanting


ALL_COPIES = "all copies"
"""Where a baseline wins that finds more copies in all."""


def sentence(report: dict[str, Any]) -> str:
    """What the chosen threshold does, where it fails, and who does better."""
    chosen = report["operating_points"][report["chosen"]]
    if chosen["threshold"] is None:
        return "No threshold works: nothing may be called a duplicate on this data."
    recall = _share(chosen["recall"], report["intervals"].get(f"recall at {report['chosen']}"))
    precision = _share(
        chosen["precision"], report["intervals"].get(f"precision at {report['chosen']}")
    )
    where = f"At distance {chosen['threshold']:.3f} ({report['chosen']}) {report['method']}"
    parts = [f"{where} finds {recall} of the copies, and {precision} of its finds are right"]
    if chosen["recall"] == 0:
        parts = [f"{where} finds none of the copies"]
    weak = sorted(
        (row for row in report["families"] if row["recall"] < 0.5), key=lambda row: row["recall"]
    )
    if weak:
        parts.append("it misses most of: " + ", ".join(row["family"] for row in weak[:4]))
    for baseline in report["baselines"]:
        if ALL_COPIES in baseline["wins"]:
            parts.append(f"{baseline['method']} finds more overall ({baseline['recall']:.0%})")
    return "; ".join(parts) + "."


def _share(value: float, bounds: list[float] | None) -> str:
    text = percent(value)
    return text if bounds is None else f"{text} [{percent(bounds[0])} to {percent(bounds[1])}]"


def percent(value: float) -> str:
    """0.9993 -> 99.93 %, with as many digits as the distance to 0 or 1 needs."""
    gap = min(value, 1 - value)
    digits = 0 if gap == 0 else 1 if gap >= 0.01 else 2
    return f"{100 * value:.{digits}f} %"
