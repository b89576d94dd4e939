"""The part of the report about a large collection."""

from dataclasses import asdict
from typing import Any

import numpy as np

from neardup.evaluation import collection
from neardup.evaluation.config import EvalConfig
from neardup.evaluation.held_out import check_by_holding_out
from neardup.evaluation.judged import Judged
from neardup.evaluation.measure import tested


def describe(config: EvalConfig, main: Judged, rates: collection.FalsePairRates) -> dict[str, Any]:
    """Expected false pairs, the tail behind them, its check, and a threshold or a refusal.

    The threshold, or None, becomes an operating point of ``main``, named like ``collection=1e6``.
    """
    size, whole = config.collection_size, main.measured.whole
    allowed = config.false_pairs_per_image * size
    found = rates.threshold(allowed / (size * (size - 1) / 2))
    held_out = check_by_holding_out(
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
    name = point_name(size)
    main.points[name] = tested(main.measured, result["threshold"])
    for point in dict.fromkeys([main.chosen, "f1", name]):
        threshold = main.points[point].threshold
        known = None if threshold is None else rates.rate(threshold)
        if known is not None:
            result["curves"][point] = [
                [n, *(collection.expected_false_pairs(n, value) for value in known)]
                for n in np.logspace(3, 8, 26).tolist()
            ]
            result.setdefault("expected", {})[point] = [
                collection.expected_false_pairs(size, value) for value in known
            ]
    return result


def point_name(size: float) -> str:
    """1,000,000 -> ``collection=1e6``, 250,000 -> ``collection=2.5e5``: what follows ``--at``."""
    mantissa, exponent = f"{size:e}".split("e")
    return f"collection={mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
