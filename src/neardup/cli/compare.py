"""``neardup compare``: are two pictures the same picture?"""

import argparse
import json
from pathlib import Path

from neardup.cli.arguments import Commands, add_at, add_bundle, add_json

DUPLICATE, DIFFERENT = 0, 1


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "compare",
        help="are two pictures the same picture?",
        description="Exit code: 0 duplicate, 1 not, 2 error, or a blank picture: no telling.",
    )
    parser.add_argument("a", type=Path, metavar="A")
    parser.add_argument("b", type=Path, metavar="B")
    add_bundle(parser)
    add_at(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neardup.detector import Detector

    detector = Detector.load(options.bundle)
    threshold = detector.bundle.threshold(options.at)
    distance = detector.distance(options.a, options.b)
    duplicate = distance <= threshold
    if options.json:
        answer = {
            "a": str(options.a),
            "b": str(options.b),
            "distance": distance,
            "threshold": threshold,
            "duplicate": duplicate,
        }
        print(json.dumps(answer))
    else:
        verdict = "duplicate" if duplicate else "different"
        print(f"{verdict}: distance {distance:.4f}, threshold {threshold:.4f}")
    return DUPLICATE if duplicate else DIFFERENT
