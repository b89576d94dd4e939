"""What the reader of a report must know before believing it."""

import numpy as np

from neardup.evaluation.config import EvalConfig
from neardup.evaluation.judged import Judged
from neardup.evaluation.measure import headline
from neardup.evaluation.plan import Encoded


def exactness(main: Judged) -> str:
    """Which of the figures are exact, in a sentence."""
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
