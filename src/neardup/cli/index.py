"""``neardup index``: pictures remembered on disk, to be added to and asked."""

import argparse
import json
import sys
from pathlib import Path

from neardup.cli.arguments import Commands, add_at, add_bundle, add_effort, add_json, say_skipped

FOUND, NONE_FOUND = 0, 1


def add(commands: Commands) -> None:
    parser = commands.add_parser("index", help="keep an index of pictures and ask it")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, what in (
        ("create", create, "make an index of a folder"),
        ("add", extend, "add what is new or changed"),
    ):
        action = actions.add_parser(name, help=what)
        action.add_argument("index", type=Path, metavar="INDEX")
        action.add_argument("folders", type=Path, nargs="+", metavar="DIR")
        add_effort(action)
        _finish(action, run)
    action = actions.add_parser(
        "query",
        help="which pictures of the index are this one?",
        description="Exit code: 0 found, 1 none, 2 error.",
    )
    action.add_argument("index", type=Path, metavar="INDEX")
    action.add_argument("image", type=Path, metavar="IMG")
    add_at(action)
    _finish(action, query)
    action = actions.add_parser("remove", help="forget files, or all below a folder")
    action.add_argument("index", type=Path, metavar="INDEX")
    action.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    _finish(action, remove)


def _finish(parser: argparse.ArgumentParser, run: object) -> None:
    add_bundle(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def create(options: argparse.Namespace) -> int:
    from neardup.bundle import Bundle
    from neardup.index import PictureIndex

    PictureIndex.create(options.index, Bundle.load(options.bundle))
    return extend(options)


def extend(options: argparse.Namespace) -> int:
    from neardup.cli.arguments import effort
    from neardup.detector import Detector
    from neardup.index import PictureIndex, chunks
    from neardup.library.intake import take_in
    from neardup.library.listing import Selection, list_selection
    from neardup.progress import progress

    detector = Detector.load(options.bundle, threads=options.threads)
    index = PictureIndex.open(options.index, detector.bundle)
    listing = list_selection(Selection(folders=options.folders))
    paths, skipped = listing.scanned, list(listing.skipped)
    new = index.missing(paths)
    added = blank = 0
    with progress("Indexing", len(new), unit="files", show=bool(new)) as advance:
        for chunk in chunks(new):
            intake = take_in(
                chunk, detector.bundle, detector.embedder, effort(options, show_progress=False)
            )
            added += index.add(intake)
            blank += intake.counts.blank
            skipped += intake.skipped
            advance(len(chunk))
    index.compact()
    say_skipped(skipped)
    answer = {
        "files": len(paths),
        "known": len(paths) - len(new),
        "added": added,
        "blank": blank,
        "skipped": len(skipped),
        "pictures": len(index),
    }
    _print(options, answer)
    return 0


def query(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from neardup.detector import Detector
    from neardup.errors import BlankError
    from neardup.images.network_input import is_blank, load_input
    from neardup.index import PictureIndex

    detector = Detector.load(options.bundle)
    threshold = detector.bundle.threshold(options.at)
    index = PictureIndex.open(options.index, detector.bundle)
    square = load_input(options.image, detector.bundle.image_size)
    if is_blank(square):
        raise BlankError(str(options.image))
    found = index.query(detector.embedder(square[None])[0], threshold)
    matches = [match for match in found if _may_be_there(match.path)]
    if gone := len(found) - len(matches):
        print(f"{gone} more that are not on disk any more: neardup index remove", file=sys.stderr)
    if options.json:
        print(json.dumps({"threshold": threshold, "matches": [asdict(m) for m in matches]}))
    else:
        for match in matches:
            print(f"{match.distance:.4f}  {match.path}")
    return FOUND if matches else NONE_FOUND


def _may_be_there(path: str) -> bool:
    """Whether the file exists; a name that is not valid UTF-8 cannot be looked up again."""
    return "\\x" in path or Path(path).exists()


def remove(options: argparse.Namespace) -> int:
    from neardup.bundle import Bundle
    from neardup.index import PictureIndex

    index = PictureIndex.open(options.index, Bundle.load(options.bundle))
    _print(options, {"removed": index.remove(options.paths), "pictures": len(index)})
    return 0


def _print(options: argparse.Namespace, answer: dict[str, int]) -> None:
    if options.json:
        print(json.dumps(answer))
    else:
        print(", ".join(f"{number} {what}" for what, number in answer.items()))
