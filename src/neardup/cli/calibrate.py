"""``neardup calibrate``: thresholds and probabilities from a person's decisions."""

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from neardup.cli.arguments import Commands, add_json
from neardup.errors import NeardupError

if TYPE_CHECKING:
    from neardup.bundle import Bundle
    from neardup.scan.learned import Lesson


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "calibrate",
        help="learn the threshold for your pictures from your decisions",
        description="Writes a copy of a bundle whose probabilities and thresholds come from pairs "
        "that you accepted and rejected on the page of a scan with it. Decide on pairs as they "
        "come, not on the clear ones only: what is not decided is not known.",
    )
    parser.add_argument(
        "bundle", type=Path, nargs="?", metavar="BUNDLE", help="default: neardup's own encoder"
    )
    parser.add_argument(
        "--decisions",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="what the pages of scans exported",
    )
    parser.add_argument(
        "--target-precision",
        type=_share,
        default=0.99,
        metavar="P",
        help="share of the pairs called duplicates that shall be (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("neardup-bundle"),
        metavar="DIR",
        help="the new bundle's folder (default: %(default)s)",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number < 1:
        raise ValueError
    return number


_share.__name__ = "share between 0 and 1"


def run(options: argparse.Namespace) -> int:
    from neardup.bundle import Bundle
    from neardup.scan.decisions import Decisions
    from neardup.scan.learned import learn

    bundle = Bundle.load(options.bundle)
    if options.out.exists() and any(options.out.iterdir()):
        raise NeardupError(f"{options.out} is not empty: name another folder with --out")
    decided = [Decisions.load(path) for path in options.decisions]
    lesson = learn(bundle, decided, options.target_precision)
    taught = replace(
        bundle,
        directory=options.out,
        calibration=lesson.calibration,
        operating_points=lesson.points,  # decisions say nothing of the others
        default_at=f"precision={options.target_precision:g}",
    )
    options.out.mkdir(parents=True, exist_ok=True)
    for name in bundle.files:
        shutil.copyfile(bundle.directory / name, options.out / name)
    taught.save()
    _print(bundle, taught, lesson, options)
    return 0


def _print(
    bundle: "Bundle", taught: "Bundle", lesson: "Lesson", options: argparse.Namespace
) -> None:
    points = [
        {
            "at": name,
            "threshold": point.threshold,
            "threshold_before": before.threshold if before is not None else None,
            "precision": point.precision,
            "interval": lesson.intervals[name],
            "recall": point.recall,
        }
        for name, point in taught.operating_points.items()
        for before in [bundle.operating_points.get(name)]
    ]
    if options.json:
        written = {
            "bundle": str(options.out),
            "pairs": lesson.pairs,
            "promised": lesson.promised,
            "accepted": lesson.accepted,
            "default_at": taught.default_at,
            "points": points,
        }
        print(json.dumps(written))
        return
    print(
        f"{lesson.pairs} decided pairs: {lesson.accepted:.1%} are copies,"
        f" {lesson.promised:.1%} were expected"
    )
    for point in points:
        if point["threshold"] is None:
            print(f"{point['at']}: no threshold reaches it among these pairs")
            continue
        before = point["threshold_before"]
        was = "" if before is None else f" (was {before:.4f})"
        low, high = lesson.intervals[str(point["at"])]
        print(
            f"{point['at']}: distance <= {point['threshold']:.4f}{was}, precision"
            f" {point['precision']:.3f}, with 95% confidence {low:.3f} to {high:.3f}"
        )
    print(f"use it: neardup scan DIR --bundle {options.out}")
