"""From distances to the figures of ``report.json``: what was found, how sure that is."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neardup.bundle import OperatingPoint
from neardup.evaluation import bootstrap, collection, hard_negatives
from neardup.evaluation.config import EvalConfig
from neardup.evaluation.grouping import find_groups, quality
from neardup.evaluation.measure import (
    PRECISIONS,
    KindRow,
    Measured,
    by_family,
    headline,
    operating_points,
    tested,
)
from neardup.evaluation.plan import Encoded, Plan, vectors_of
from neardup.evaluation.task import Ids
from neardup.evaluation.verdict import sentence

_MOST_GROUPED = 20_000
Points = dict[str, OperatingPoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One method with its thresholds.

    Attributes:
        measured: its distances.
        points: operating points by name, chosen on the one half, measured on the other.
        chosen: the name of the one that the report is about.
        families: rows per kind of copies at the chosen threshold.
    """

    measured: Measured
    points: Points
    chosen: str
    families: list[KindRow]

    @property
    def threshold(self) -> float | None:
        return self.points[self.chosen].threshold


def judge(config: EvalConfig, plan: Plan, encoded: Encoded, measured: Measured) -> Judged:
    """Choose the thresholds of one method: for the wanted precision, or max F1 if none has it."""
    points = operating_points(measured, (*PRECISIONS, config.target_precision))
    chosen = f"precision={config.target_precision:g}"
    if points[chosen].threshold is None:
        chosen = "f1"
    return _with_families(plan, encoded, measured, points, chosen)


def judge_at(plan: Plan, encoded: Encoded, judged: Judged, name: str, threshold: float) -> Judged:
    """The same method at a threshold that was chosen elsewhere."""
    points = judged.points | {name: tested(judged.measured, threshold)}
    return _with_families(plan, encoded, judged.measured, points, name)


def _with_families(
    plan: Plan, encoded: Encoded, measured: Measured, points: Points, chosen: str
) -> Judged:
    families = []
    if len(measured.test.task.families) > 1:
        queries, references = vectors_of(plan, encoded, measured.method.name)
        families = by_family(measured, queries, references, points[chosen].threshold)
    return Judged(measured=measured, points=points, chosen=chosen, families=families)


def figures(
    config: EvalConfig, plan: Plan, encoded: Encoded, main: Judged, others: list[Judged]
) -> dict[str, Any]:
    """Everything in ``report.json`` but the robustness map; plain values only."""
    measured, threshold = main.measured, main.threshold
    test, whole = measured.test, measured.whole
    intervals = bootstrap.intervals(
        test.task,
        test.scores,
        threshold=threshold,
        precisions=PRECISIONS,
        draws=config.bootstrap,
        seed=config.seed,
    )
    rates = collection.false_pair_rates(
        whole.task, whole.scores, draws=config.bootstrap, seed=config.seed
    )
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
        "intervals": {name: list(bounds) for name, bounds in intervals.items()},
        "families": [asdict(row) for row in main.families],
        "collection": _collection(config, main, rates),
        "baselines": [_baseline(main, other) for other in others],
        "exactness": _exactness(main),
    }
    if threshold is not None:
        rows = hard_negatives.rows(test.task, test.scores, threshold)
        report["negatives"] = [asdict(row) for row in rows]
        report["groups"] = _groups(plan, encoded, main)
    report["warnings"] = _warnings(config, main, encoded)
    report["verdict"] = sentence(report)
    return report


def _collection(
    config: EvalConfig, main: Judged, rates: collection.FalsePairRates
) -> dict[str, Any]:
    size, whole = config.collection_size, main.measured.whole
    allowed = config.false_pairs_per_image * size
    found = rates.threshold(allowed / (size * (size - 1) / 2))
    held_out = collection.check_by_holding_out(
        whole.task, whole.scores, share=0.4, draws=config.bootstrap, seed=config.seed
    )
    result: dict[str, Any] = {
        "size": size,
        "allowed_false_pairs": allowed,
        "fit": rates.fit if isinstance(rates.fit, str) else asdict(rates.fit),
        "threshold": found if isinstance(found, float) else None,
        "refusal": found if isinstance(found, str) else None,
        "held_out": held_out if isinstance(held_out, str) else [asdict(row) for row in held_out],
        "curves": {},
    }
    if isinstance(found, float):
        name = f"collection={size:g}".replace("e+0", "e").replace("e+", "e")
        result["name"] = name
        main.points[name] = tested(main.measured, found)
    for name in dict.fromkeys([main.chosen, "f1", result.get("name", main.chosen)]):
        threshold = main.points[name].threshold
        known = None if threshold is None else rates.rate(threshold)
        if known is not None:
            result["curves"][name] = [
                [n, *(collection.expected_false_pairs(n, value) for value in known)]
                for n in np.logspace(3, 8, 26).tolist()
            ]
            result.setdefault("expected", {})[name] = [
                collection.expected_false_pairs(size, value) for value in known
            ]
    return result


def _baseline(main: Judged, other: Judged) -> dict[str, Any]:
    ours = {row.family: row.recall for row in main.families}
    point, best = other.points[other.chosen], main.points[main.chosen]
    wins = [row.family for row in other.families if row.recall > ours.get(row.family, 1.0)]
    if not other.families and point.recall > best.recall:
        wins = ["all copies"]
    return {
        "method": other.measured.method.name,
        "unit": other.measured.method.unit,
        "chosen": other.chosen,
        "threshold": point.threshold,
        "precision": point.precision,
        "recall": point.recall,
        "headline": headline(other.measured.test),
        "families": [asdict(row) for row in other.families],
        "wins": wins,
    }


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


def _exactness(main: Judged) -> str:
    scores = main.measured.whole.scores
    if np.isinf(scores.complete_to):
        return "every threshold at which a decision changes is listed; all figures are exact"
    low, high = (
        headline(main.measured.test)["average_precision"],
        headline(main.measured.test)["average_precision_upper_bound"],
    )
    return (
        f"all counts are exact; every threshold up to {scores.complete_to:.4f} at which a decision "
        f"changes is listed, beyond it one every {scores.scale.step:.1e}; "
        f"average precision lies in [{low:.5f}, {high:.5f}]"
    )


def _warnings(config: EvalConfig, main: Judged, encoded: Encoded) -> list[str]:
    warnings = []
    if not main.measured.halved:
        why = "as halves=false asks" if not config.halves else "too few groups of copies to halve"
        warnings.append(
            f"thresholds were chosen and measured on the same pictures ({why}): "
            "precision and recall are flattered"
        )
    wanted = f"precision={config.target_precision:g}"
    if main.points[wanted].threshold is None:
        warnings.append(f"no threshold reaches precision {config.target_precision:g}")
    elif config.target_precision < 1:
        needed = round(1 / (1 - config.target_precision))
        found = main.points[wanted].recall * len(main.measured.test.scores.positive)
        if found < needed:
            warnings.append(
                f"precision {config.target_precision:g} means one false alarm in {needed} pairs, "
                f"but the test half has {round(found)} found pairs: too few to tell it from 1"
            )
    if encoded.unreadable:
        warnings.append(f"{len(encoded.unreadable)} files could not be read and were left out")
    return warnings
