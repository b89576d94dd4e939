"""From scores to the figures of ``report.json``: what was found, how sure that is."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from neardup.evaluation.config import EvalConfig
from neardup.evaluation.measures.bootstrap import intervals
from neardup.evaluation.measures.grouping import find_groups, quality
from neardup.evaluation.measures.metrics import false_alarm_rows
from neardup.evaluation.measures.results import PRECISIONS, Result, headline
from neardup.evaluation.protocols.dataset import Dataset, Encoded

ALL_COPIES = "all copies"
"""Where a baseline wins that finds more copies in all."""

_MOST_GROUPED = 20_000


def figures(
    config: EvalConfig,
    encoded: Encoded,
    main: Result,
    others: list[Result],
    collection: Mapping[str, Any],
) -> dict[str, Any]:
    """What ``report.json`` says of the results; plain values only.

    Args:
        config, encoded: of the evaluation.
        main: of the encoder.
        others: of the baselines.
        collection: the section on large collections.
    """
    scores = main.scores
    parts = {"all": scores.whole, "choice": scores.choice, "test": scores.test}
    report: dict[str, Any] = {
        "data": encoded.dataset.description,
        "method": scores.method.name,
        "pictures": len(encoded.kept),
        "unreadable": [{"name": n, "reason": r} for n, r in encoded.unreadable],
        "pairs": {
            name: {
                "sources": len(part.task.sources),
                "queries": len(part.task.query_source),
                "references": len(part.task.reference_source),
                "duplicates": len(part.scores.positive),
                "others": part.scores.negatives,
            }
            for name, part in parts.items()
        },
        "halved": scores.halved,
        "chosen": main.chosen,
        "operating_points": {name: asdict(point) for name, point in main.points.items()},
        **_section(config, main),
        "collection": collection,
        "baselines": [],
        "exactness": _exactness(main),
    }
    for other in others:
        baseline = {
            "method": other.scores.method.name,
            "unit": other.scores.method.unit,
            "chosen": other.chosen,
            "threshold": other.threshold,
            "precision": other.point.precision,
            "recall": other.point.recall,
            **_section(config, other),
        }
        baseline["wins"] = wins(report, baseline, f"precision={config.target_precision:g}")
        report["baselines"].append(baseline)
    if main.threshold is not None:
        rows = false_alarm_rows(scores.test.task, scores.test.scores, main.threshold)
        report["negatives"] = [asdict(row) for row in rows]
        report["groups"] = _groups(encoded.dataset, main, main.threshold)
    report["warnings"] = _warnings(config, main, encoded)
    report["verdict"] = _summary_sentence(report)
    return report


def _section(config: EvalConfig, result: Result) -> dict[str, Any]:
    """What a method has whether it is the encoder or a baseline."""
    test = result.scores.test
    thresholds = {name: point.threshold for name, point in result.points.items()}
    draw = {"draws": config.bootstrap, "seed": config.seed}
    bounds = intervals(test.task, test.scores, thresholds, PRECISIONS, **draw)
    return {
        "headline": headline(test),
        "intervals": {name: list(ends) for name, ends in bounds.items()},
        "families": [asdict(row) for row in result.families],
    }


def wins(report: Mapping[str, Any], baseline: Mapping[str, Any], wanted: str) -> list[str]:
    """The kinds of copies of which a baseline finds more, ``ALL_COPIES`` first if it does in all.

    To find more by being right less often is no win: the baseline must be at the operating point
    ``wanted``, or be right at least as often.

    Args:
        report: with ``operating_points``, ``chosen`` and ``families`` of the encoder.
        baseline: with ``chosen``, ``precision``, ``recall`` and ``families``.
        wanted: the name of an operating point.
    """
    best = report["operating_points"][report["chosen"]]
    if baseline["chosen"] != wanted and baseline["precision"] < best["precision"]:
        return []
    ours = {row["family"]: row["recall"] for row in report["families"]}
    overall = [ALL_COPIES] if baseline["recall"] > best["recall"] else []
    return overall + [
        row["family"] for row in baseline["families"] if row["recall"] > ours[row["family"]]
    ]


def _groups(dataset: Dataset, main: Result, threshold: float) -> dict[str, Any] | None:
    """The scan's grouping of the pictures of the test half; with their edits where it has any."""
    scores, test = main.scores, main.scores.test
    if dataset.references_from is not None:
        return None
    vectors, truth = scores.references[test.references], test.task.reference_source
    if dataset.edits:
        vectors = np.concatenate([vectors, scores.queries[test.queries]])
        truth = np.concatenate([truth, test.task.query_source])
    if len(vectors) > _MOST_GROUPED:
        return None
    found = find_groups(vectors, min(threshold, 2.0))
    return asdict(quality(found, truth, test.task.ignored if test.task.same_set else None))


def _exactness(main: Result) -> str:
    """Which of the figures are exact, in a sentence."""
    scores = main.scores.whole.scores
    if np.isinf(scores.complete_to):
        return "every threshold at which a decision changes is listed; all figures are exact"
    return (
        f"all counts are exact; every threshold up to {scores.complete_to:.4f} at which a decision "
        f"changes is listed, beyond it one every {scores.scale.step:.1e}"
    )


def _warnings(config: EvalConfig, main: Result, encoded: Encoded) -> list[str]:
    """Sentences on what weakens the figures."""
    found = []
    if not main.scores.halved:
        why = "as halves=false asks" if not config.halves else "too few groups of copies to halve"
        found.append(
            f"thresholds were chosen and measured on the same pictures ({why}): "
            "precision and recall are flattered"
        )
    precision = config.target_precision
    point = main.points[f"precision={precision:g}"]
    if point.threshold is None:
        found.append(f"no threshold reaches precision {precision:g}")
    elif precision < 1:
        needed = round(1 / (1 - precision))
        copies = point.recall * len(main.scores.test.scores.positive)
        if copies < needed:
            found.append(
                f"precision {precision:g} means one false alarm in {needed} pairs, "
                f"but the test half has {round(copies)} found pairs: too few to tell it from 1"
            )
    if encoded.unreadable:
        found.append(f"{len(encoded.unreadable)} files could not be read and were left out")
    return found


def _summary_sentence(report: Mapping[str, Any]) -> str:
    """What the chosen threshold does, where it fails, and who does better."""
    chosen = report["operating_points"][report["chosen"]]
    if chosen["threshold"] is None:
        return "No threshold works: nothing may be called a duplicate on this data."
    recall, precision = (
        _share(chosen[name], report["intervals"].get(f"{name} at {report['chosen']}"))
        for name in ("recall", "precision")
    )
    where = f"At distance {chosen['threshold']:.3f} ({report['chosen']}) {report['method']}"
    parts = [f"{where} finds {recall} of the copies, and {precision} of its finds are right"]
    if chosen["recall"] == 0:
        parts = [f"{where} finds none of the copies"]
    families = sorted(report["families"], key=lambda row: row["recall"])
    if weak := [row["family"] for row in families if row["recall"] < 0.5]:
        parts.append("it misses most of: " + ", ".join(weak[:4]))
    for baseline in report["baselines"]:
        if ALL_COPIES in baseline["wins"]:
            parts.append(f"{baseline['method']} finds more overall ({baseline['recall']:.0%})")
    return "; ".join(parts) + "."


def _share(value: float, bounds: list[float] | None) -> str:
    around = "" if bounds is None else f" [{percent(bounds[0])} to {percent(bounds[1])}]"
    return percent(value) + around


def percent(value: float) -> str:
    """0.9993 -> 99.93 %, with as many digits as the distance to 0 or 1 needs."""
    gap = min(value, 1 - value)
    digits = 0 if gap == 0 else 1 if gap >= 0.01 else 2
    return f"{100 * value:.{digits}f} %"
