"""``neardup compare``: are two pictures the same picture?"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from neardup.cli.arguments import Commands, add_at, add_bundle, add_json
from neardup.errors import NeardupError
from neardup.files import os_reason

if TYPE_CHECKING:
    from neardup.verify.match import Match

DUPLICATE, DIFFERENT = 0, 1


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "compare",
        help="are two pictures the same picture?",
        description="Exit code: 0 duplicate, 1 not, 2 error, or a blank picture: no telling.",
    )
    parser.add_argument("a", type=Path, metavar="A")
    parser.add_argument("b", type=Path, metavar="B")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="also by local features: say how one was made from the other (needs neardup[verify])",
    )
    parser.add_argument(
        "--explain",
        type=Path,
        metavar="PNG",
        help="with --verify, draw it: the part in the whole, the overlap, the difference",
    )
    add_bundle(parser)
    add_at(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neardup.detector import Detector

    if options.explain is not None and not options.verify:
        raise NeardupError("--explain draws what --verify finds: give both")
    detector = Detector.load(options.bundle)
    if options.verify:
        from neardup.scan.second_look import strict_threshold
        from neardup.verify.match import Kind

        threshold = strict_threshold(detector.bundle, options.at)
        match = detector.explain(options.a, options.b)
        assert match.distance is not None
        distance = match.distance
        shown = match.kind not in (Kind.UNVERIFIED, Kind.SCENE)
        if options.explain is not None:
            _draw(options.a, options.b, match, options.explain)
    else:
        threshold = detector.bundle.threshold(options.at)
        match, shown = None, False
        distance = detector.distance(options.a, options.b)
    duplicate = distance <= threshold or shown
    if options.json:
        answer = {
            "a": str(options.a),
            "b": str(options.b),
            "distance": distance,
            "threshold": threshold,
            "duplicate": duplicate,
        }
        if match is not None:
            answer |= {"sentence": match.sentence(), **match.as_dict()}
        print(json.dumps(answer))
    else:
        print(f"{_words(duplicate, match)}distance {distance:.4f}, threshold {threshold:.4f}")
    return DUPLICATE if duplicate else DIFFERENT


def _words(duplicate: bool, match: "Match | None") -> str:
    words = "duplicate: " if duplicate else "different: "
    if match is None:
        return words
    if match.probability is not None:
        return f"{words}{match.sentence()}; probability {match.probability:.3f}, "
    return f"{words}{match.sentence()}; "


def _draw(a: Path, b: Path, match: "Match", path: Path) -> None:
    from neardup.images.reading import read_image
    from neardup.verify.explanation import draw_explanation

    if match.transform is None:
        print(f"{path} is not drawn: {match.sentence()}", file=sys.stderr)
        return
    drawn = draw_explanation(read_image(a), read_image(b), match)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn.save(path, "PNG")
    except OSError as error:
        raise NeardupError(f"{path} cannot be written: {os_reason(error)}") from error
