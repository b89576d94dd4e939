"""``neardup embed``: the vectors of a folder, in a file."""

import argparse
import json

from neardup.cli.arguments import (
    Commands,
    add_bundle,
    add_effort,
    add_engine,
    add_json,
    say_skipped,
)
from neardup.errors import NeardupError
from neardup.files import place


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "embed",
        help="write the vectors of a folder's pictures",
        description="One row a picture file: path, sha256, width, height, embedding. "
        "Exit code: 0 done (files that could not be read are named on stderr), 2 error.",
    )
    parser.add_argument("folder", type=place, metavar="DIR")
    parser.add_argument(
        "--out",
        type=place,
        required=True,
        metavar="FILE",
        help=".npz, .parquet (needs the extra neardup[index]), or .lance (needs --engine ray)",
    )
    add_engine(parser)
    add_bundle(parser)
    add_effort(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neardup.cli.arguments import check_engine, effort
    from neardup.detector import Detector
    from neardup.library.intake import take_in
    from neardup.library.listing import Selection, list_selection
    from neardup.vectors import check_target, write_vectors

    check_engine(options.engine, [options.folder])
    if (options.engine == "ray") != (options.out.suffix == ".lance"):
        raise NeardupError(f"{options.out}: --engine ray writes .lance, and nothing else does")
    if options.engine != "ray":
        check_target(options.out)
    detector = Detector.load(options.bundle, threads=options.threads)
    if options.engine == "ray":
        from neardup.scale.pipeline import take_in as take_in_on_ray

        selection = Selection(folders=[options.folder])
        taken = take_in_on_ray(selection, detector.bundle, effort(options), str(options.out))
        if str(options.out) not in [table.uri for table in taken.tables]:
            raise NeardupError(f"{options.folder} holds vectors already: there is nothing to embed")
        listing, intake = taken.listing, taken.intake
        rows = intake.counts.embedded + intake.counts.identical
    else:
        listing = list_selection(Selection(folders=[options.folder]))
        intake = take_in(listing.scanned, detector.bundle, detector.embedder, effort(options))
        rows = write_vectors(intake, detector.bundle, options.out)
    skipped = [*listing.skipped, *intake.skipped]
    say_skipped(skipped)
    if options.json:
        answer = {
            "out": str(options.out),
            "rows": rows,
            "blank": intake.counts.blank,
            "skipped": len(skipped),
        }
        print(json.dumps(answer))
    else:
        print(
            f"{options.out}: {rows} rows; {intake.counts.blank} files blank, {len(skipped)} skipped"
        )
    return 0
