"""The ``neardup`` command. Heavy imports wait until a command needs them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from neardup import __version__
from neardup.errors import NeardupError

DUPLICATE, DIFFERENT, FAILED = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors take one line on stderr and give 2."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except NeardupError as error:
        print(f"neardup: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("neardup: interrupted", file=sys.stderr)
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="neardup", description="Find the pictures that are the same picture."
    )
    parser.add_argument("--version", action="version", version=f"neardup {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_compare(commands)
    return parser


def _add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bundle",
        type=Path,
        default=Path("outputs/latest/bundle"),
        metavar="DIR",
        help="the trained encoder (default: %(default)s)",
    )


def _add_at(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--at",
        metavar="POINT",
        help="how sure to be: an operating point of the bundle, such as f1 or precision=0.999, "
        "or a distance in [0, 2] (default: the bundle's own choice)",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_compare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "compare",
        help="are two pictures the same picture?",
        description="Exit code: 0 duplicate, 1 not, 2 error.",
    )
    parser.add_argument("a", type=Path, metavar="A")
    parser.add_argument("b", type=Path, metavar="B")
    _add_bundle(parser)
    _add_at(parser)
    _add_json(parser)
    parser.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    import json

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


if __name__ == "__main__":
    sys.exit(main())
