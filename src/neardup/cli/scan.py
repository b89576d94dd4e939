"""``neardup scan``: the near-duplicates of some folders."""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from neardup.cli.arguments import Commands, add_at, add_bundle, add_effort, add_engine, add_json
from neardup.errors import NeardupError
from neardup.files import is_remote, place

if TYPE_CHECKING:
    from neardup.scan.result import ScanResult

NONE_FOUND, FOUND = 0, 1


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "scan",
        help="find the near-duplicates of folders",
        description="Writes report.html, groups.json, pairs.csv, skipped.csv and blank.csv, "
        "with --against leaked.txt, with pyarrow groups.parquet; moves and deletes nothing. Exit "
        "code: 0 no duplicates, 1 duplicates found, 2 error.",
    )
    parser.add_argument("folders", type=place, nargs="+", metavar="DIR")
    parser.add_argument(
        "--reference",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a folder whose files take part, are always the ones to keep, and are never touched "
        "(may be given again)",
    )
    parser.add_argument(
        "--against",
        type=place,
        metavar="DIR",
        help="list copies across this folder and those scanned only: how much of a test set is in "
        "the training set; leaked.txt lists the files below the folders scanned",
    )
    for name, what in (("include", "look only at"), ("exclude", "leave out")):
        parser.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar="PATTERN",
            help=f"{what} files and folders that fit: '*.gif' and 'thumbnails' at any depth, "
            "'2019/*' from the top; ** is any number of folders; case is ignored (may be given "
            "again)",
        )
    parser.add_argument(
        "--out",
        type=place,
        default=Path("neardup-report"),
        metavar="DIR",
        help="the report's folder; with --engine ray also s3://bucket/report (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from what the report's folder remembers of an earlier or killed scan",
    )
    parser.add_argument(
        "--decisions", type=Path, metavar="FILE", help="honour what the report's page exported"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="have pairs that the distance leaves in doubt verified by local features, and say how "
        "one picture was made from the other (needs neardup[verify])",
    )
    parser.add_argument(
        "--bursts",
        choices=("keep", "report", "merge"),
        default=None,
        help="with --verify, shots of one scene: keep: none is a duplicate; report: list them "
        "apart; merge: all are duplicates (default: report)",
    )
    parser.add_argument(
        "--raw-pairs",
        choices=("keep", "report"),
        default="keep",
        help="a RAW file and the picture of the same name beside it are one shot: keep: no "
        "duplicates of each other; report: duplicates (default: %(default)s)",
    )
    add_engine(parser)
    add_bundle(parser)
    add_at(parser)
    add_effort(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neardup.cli.arguments import check_engine, effort
    from neardup.detector import Detector
    from neardup.library.file import where_they_are
    from neardup.library.listing import PAGE, REPORT_FILES, VECTORS, Selection
    from neardup.scan.decisions import Decisions
    from neardup.scan.pipeline import ScanOptions, scan
    from neardup.scan.report.page import write_report
    from neardup.scan.report.tables import summary

    against = () if options.against is None else (options.against,)
    check_engine(options.engine, [*options.folders, *against])
    far = is_remote(str(options.out))
    if far and options.engine != "ray":
        raise NeardupError(f"{options.out}: reports in storages need --engine ray")
    if options.bursts is not None and not options.verify:
        raise NeardupError("--bursts decides on what --verify finds: give both")
    detector = Detector.load(options.bundle, threads=options.threads)
    chosen = ScanOptions(
        at=options.at,
        decisions=Decisions.load(options.decisions) if options.decisions else Decisions(),
        report_folder=None if far else options.out,
        resume=options.resume,
        verify=options.verify,
        bursts=options.bursts or "report",
        raw_pairs=options.raw_pairs,
        effort=effort(options),
    )
    selection = Selection(
        folders=options.folders,
        references=options.reference,
        against=options.against,
        include=options.include,
        exclude=options.exclude,
    )
    if options.engine == "ray":
        from neardup.scale import pipeline as scale

        table = str(options.out / VECTORS)
        result, lots = scale.scan(selection, detector.bundle, chosen, table)
    else:
        result, lots = scan(selection, detector.bundle, detector.embedder, chosen), where_they_are
    if far:
        from neardup.scale.storage import replace_files

        with TemporaryDirectory() as draft:
            folder = Path(draft)
            write_report(
                result, folder, workers=options.workers, lots=lots, address=options.out / PAGE
            )
            replace_files(folder, str(options.out), REPORT_FILES)
    else:
        write_report(result, options.out, workers=options.workers, lots=lots)
    if options.json:
        print(json.dumps({**summary(result), "report": str(options.out)}))
    else:
        _print(result, options.out)
    return FOUND if result.groups else NONE_FOUND


def _print(result: "ScanResult", out: Path) -> None:
    from neardup.library.listing import LEAKED, PAGE, SCENES
    from neardup.scan.report.sentences import sentences

    print("\n".join(sentences(result)))
    places = [f"look at {out / PAGE}"]
    if result.scenes:
        places.append(f"the shots of one scene are in {out / SCENES}")
    if result.leakage is not None and result.leakage.leaked:
        places.append(f"what to drop is in {out / LEAKED}")
    print("; ".join(places))
    for pattern in result.idle_patterns:
        print(f"no file fits the pattern {pattern!r}", file=sys.stderr)
    if result.stray_decisions:
        print(
            f"{result.stray_decisions} of {len(result.decisions)} decisions name pictures that"
            " are not here: is it the file of this folder's page?",
            file=sys.stderr,
        )
