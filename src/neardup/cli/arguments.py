"""Arguments and messages that several commands share."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from neardup.errors import NeardupError
from neardup.files import is_remote

if TYPE_CHECKING:
    from neardup.library.file import Skipped
    from neardup.library.intake import Effort

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="DIR",
        help="a trained encoder, such as outputs/latest/bundle (default: neardup's own)",
    )


def add_at(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--at",
        metavar="POINT",
        help="how sure to be: an operating point of the bundle, such as f1 or precision=0.999, "
        "or a distance in [0, 2] (default: the bundle's own choice)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_effort(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--batch-size", type=positive, default=32, metavar="N", help="pictures per encoder run"
    )
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="decoding processes (default: the cores)"
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="encoder threads (default: the cores)"
    )
    parser.add_argument(
        "--timeout",
        type=positive,
        default=60,
        metavar="SECONDS",
        help="after which decoding a file is given up (default: %(default)s)",
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray: on a cluster, or this machine's cores; DIR may then also be a tar or zip, a "
        "column of pictures as in 'photos-*.parquet#image' (or .lance), names with {0000..0099}, a "
        ".txt of paths, or what fsspec opens, such as s3://bucket/photos (needs neardup[ray])",
    )


def check_engine(engine: str, places: Sequence[Path]) -> None:
    """Refuse what only Ray opens; a plain scan skips archives that lie among other files.

    Raises:
        NeardupError: a place is in a storage or a table, or all are archives.
    """
    if engine == "ray":
        return
    from neardup.scale.sources import is_container

    closed = [place for place in places if is_container(str(place)) and not place.is_dir()]
    absent = [p for p in places if is_remote(str(p)) or (p in closed and not p.exists())]
    if absent or closed == places:
        place = (absent or closed)[0]
        raise NeardupError(f"{place}: archives, tables and storages need --engine ray")


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


positive.__name__ = "positive number"  # what argparse calls it when it refuses one


def effort(options: argparse.Namespace, *, show_progress: bool = True) -> "Effort":
    """What :func:`add_effort` collected."""
    from neardup.library.intake import Effort

    return Effort(
        batch_size=options.batch_size,
        workers=options.workers,
        seconds_per_file=options.timeout,
        show_progress=show_progress,
    )


def say_skipped(skipped: Iterable["Skipped"]) -> None:
    """Name what was skipped, and why, one a line of stderr."""
    for entry in skipped:
        print(f"skipped {entry.path}: {entry.reason}", file=sys.stderr)
