"""``neardup scan``: the near-duplicates of a folder."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from neardup.cli.arguments import Commands, add_at, add_bundle, add_effort, add_json
from neardup.errors import NeardupError

if TYPE_CHECKING:
    from neardup.scan.result import ScanResult

NONE_FOUND, FOUND = 0, 1


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "scan",
        help="find the near-duplicates of a folder",
        description="Writes report.html, groups.json, pairs.csv, skipped.csv and blank.csv; moves "
        "and deletes nothing. Exit code: 0 no duplicates, 1 duplicates found, 2 error.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument(
        "--against", type=Path, metavar="DIR2", help="list copies across DIR and DIR2 only"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("neardup-report"),
        metavar="DIR",
        help="the report's folder (default: %(default)s)",
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
        "--script",
        type=Path,
        metavar="FILE",
        help="also write a shell script that would remove all but the best copies, to review",
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
    add_bundle(parser)
    add_at(parser)
    add_effort(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from neardup.cli.arguments import effort
    from neardup.detector import Detector
    from neardup.scan.decisions import Decisions
    from neardup.scan.pipeline import ScanOptions, scan
    from neardup.scan.report.page import write_report
    from neardup.scan.report.script import check_script, write_script
    from neardup.scan.report.tables import summary

    if options.bursts is not None and not options.verify:
        raise NeardupError("--bursts decides on what --verify finds: give both")
    if options.script is not None:
        check_script(options.against)
    detector = Detector.load(options.bundle, threads=options.threads)
    chosen = ScanOptions(
        at=options.at,
        against=options.against,
        decisions=Decisions.load(options.decisions) if options.decisions else Decisions(),
        report_folder=options.out,
        resume=options.resume,
        verify=options.verify,
        bursts=options.bursts or "report",
        effort=effort(options),
    )
    result = scan(options.folder, detector.bundle, detector.embedder, chosen)
    write_report(result, options.out, workers=options.workers)
    if options.script is not None:
        write_script(result, options.script)
    if options.json:
        print(json.dumps({**summary(result), "report": str(options.out)}))
    else:
        _print(result, options.out)
    return FOUND if result.groups else NONE_FOUND


def _print(result: "ScanResult", out: Path) -> None:
    from neardup.library.listing import SCENES

    counts = result.counts
    copies = sum(len(group.files) - 1 for group in result.groups)
    if result.against is None:
        found = f"{_count(len(result.groups), 'group')}, {_count(copies, 'file')} more than needed"
    else:
        pictures = _count(len(result.groups), "picture")
        found = f"{pictures} of {result.against} with copies in {result.folder}"
    print(
        f"{found} (distance <= {result.threshold:.4f}, {result.at})\n"
        f"{counts.seen} files: {counts.embedded} embedded, {counts.identical} identical copies, "
        f"{counts.blank} blank, {counts.skipped} skipped\n"
        f"search {result.search}",
    )
    undecided = sum(not group.proposed for group in result.groups)
    if undecided:
        print(f"{_count(undecided, 'group')} of copies of which nothing tells the original: decide")
    if result.scenes:
        pairs = _count(len(result.scenes), "pair")
        print(f"{pairs} look like two shots of one scene: see {out / SCENES}")
    print(f"look at {out / 'report.html'}")
    if result.stray_decisions:
        print(
            f"{result.stray_decisions} of {len(result.decisions)} decisions name pictures that"
            " are not here: is it the file of this folder's page?",
            file=sys.stderr,
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
