"""``neardup clean``: from a report and decisions to a folder without the copies."""

import argparse
import json
import shlex
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neardup.cli.arguments import Commands, add_json
from neardup.errors import NeardupError

if TYPE_CHECKING:
    from neardup.clean.carrying_out import Gone, Outcome
    from neardup.clean.losses import Losses
    from neardup.clean.plan import LeftAlone, Plan

DONE, SOME_LEFT = 0, 1
REMOVED = "neardup-removed"
_NAMED = 20  # files or folders that the summary names; --json names all


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "clean",
        help="move accepted copies out of the way, and back",
        description="Shows which copies would go; moves them with --apply, and all back with "
        "--undo. Nothing is deleted. Before each file, it and a copy that stays are checked by "
        "their bytes. Exit code: 0 done, 1 some of what was decided is left alone, 2 error.",
    )
    parser.add_argument(
        "report", type=Path, nargs="?", metavar="REPORT", help="the folder that a scan wrote"
    )
    parser.add_argument(
        "--decisions", type=Path, metavar="FILE", help="what the report's page exported"
    )
    parser.add_argument(
        "--accept",
        choices=("sure",),
        help="also accept what is surely a copy, in groups whose copy to keep is known",
    )
    parser.add_argument("--apply", action="store_true", help="do it")
    parser.add_argument(
        "--to",
        metavar="DIR",
        help=f"move into a new folder below DIR (default: {REMOVED} beside the report), or into "
        "the desktop's trash: --to trash (needs neardup[trash])",
    )
    parser.add_argument(
        "--link",
        action="store_true",
        help="only identical files: put a hard link to the copy kept in the place of each",
    )
    parser.add_argument(
        "--undo", type=Path, metavar="JOURNAL", help="bring back all that --apply moved"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.undo is not None:
        if options.report or options.decisions or options.accept or options.apply:
            raise NeardupError("--undo takes the journal alone")
        return _undo(options)
    if options.report is None:
        raise NeardupError("give the folder of a report, or --undo JOURNAL")
    if options.decisions is None and options.accept is None:
        raise NeardupError(
            "nothing is decided: give --decisions FILE, --accept sure, or both, and first look at"
            f" {options.report / 'report.html'}"
        )
    if options.link and options.to == "trash":
        raise NeardupError("--link keeps the originals in a folder: leave --to trash out")
    return _clean(options)


def _clean(options: argparse.Namespace) -> int:
    from neardup.clean.carrying_out import carry_out, rehearse
    from neardup.clean.journal import FOLDER, LINK, TRASH, Journal
    from neardup.clean.losses import metadata_at_stake
    from neardup.clean.plan import make_plan, read_groups
    from neardup.scan.decisions import Decisions

    groups = read_groups(options.report)
    decisions = Decisions.load(options.decisions) if options.decisions else Decisions()
    stray = decisions.stray({sha256 for group in groups for sha256 in group.contents})
    plan = make_plan(groups, decisions, accept_sure=options.accept == "sure")
    losses = metadata_at_stake(plan.removals)
    parent = options.report.resolve().parent / REMOVED
    if options.to not in (None, "trash"):
        parent = Path(options.to).absolute()
    place = "the desktop's trash" if options.to == "trash" else str(parent)
    journal = None
    if not options.apply or not plan.removals:
        outcome = rehearse(plan, link=options.link)
    else:
        how = TRASH if options.to == "trash" else LINK if options.link else FOLDER
        with Journal.create(parent, how) as opened:
            print(f"journal: {opened.path}", file=sys.stderr)
            outcome = carry_out(plan, opened)
            if opened.is_empty:
                opened.discard()
            else:
                journal = opened.path
    if options.json:
        print(json.dumps(_as_json(options, plan, outcome, losses, journal)))
    else:
        _print(options, plan, outcome, losses, place, journal)
    if stray:
        print(
            f"{stray} of {len(decisions)} decisions name pictures that are in no group of this"
            " report: is it the file of this report's page?",
            file=sys.stderr,
        )
    return SOME_LEFT if outcome.left else DONE


def _as_json(
    options: argparse.Namespace,
    plan: "Plan",
    outcome: "Outcome",
    losses: "Losses",
    journal: Path | None,
) -> dict[str, Any]:
    return {
        "report": str(options.report),
        "applied": options.apply,
        "journal": None if journal is None else str(journal),
        "files": len(outcome.gone),
        "bytes": sum(each.frees for each in outcome.gone),
        "gone": [
            {
                "path": str(each.file.path),
                "kept": str(each.kept.path),
                "companions": [str(path) for path in each.companions],
                "bytes": each.frees,
                "only_here": losses.get(each.file.path, {}),
            }
            for each in outcome.gone
        ],
        "left": [{"path": str(each.path), "why": each.why} for each in outcome.left],
        "missing": [str(path) for path in outcome.missing],
        "undecided": [{"path": str(each.path), "why": each.why} for each in plan.left],
    }


def _print(
    options: argparse.Namespace,
    plan: "Plan",
    outcome: "Outcome",
    losses: "Losses",
    place: str,
    journal: Path | None,
) -> None:
    from neardup.scan.report.sentences import count, human_bytes

    moved = "moved" if options.apply else "would be moved"
    linked = ", a hard link in the place of each" if options.link else ""
    freed = human_bytes(sum(each.frees for each in outcome.gone))
    beside = sum(len(each.companions) for each in outcome.gone)
    also = f" with {count(beside, 'companion')}" if beside else ""
    print(f"{count(len(outcome.gone), 'file')}{also}, {freed}, {moved} to {_shown(place)}{linked}")
    _print_folders(outcome.gone)
    gone = {each.file.path for each in outcome.gone}
    _print_some(
        "only these say, and not the copies kept",
        [
            f"{path}: " + ", ".join(f"{name} {' '.join(said)}" for name, said in lost.items())
            for path, lost in losses.items()
            if path in gone
        ],
    )
    for why, number in Counter(each.why for each in plan.left).most_common():
        print(f"left alone: {count(number, 'file')}: {why}")
    _print_some("left alone", _lines(outcome.left))
    if outcome.missing:
        print(f"not there any more, as after an earlier cleaning: {len(outcome.missing)}")
    if journal is not None and options.to == "trash":
        print("to bring files back, restore them in the desktop's trash")
    elif journal is not None:
        print(f"to bring all back: neardup clean --undo {shlex.quote(_shown(journal))}")
    elif outcome.gone and not options.apply:
        print("nothing was touched: --apply does it")


def _print_folders(gone: "Iterable[Gone]") -> None:
    from neardup.scan.report.sentences import count, human_bytes

    files: Counter[Path] = Counter()
    frees: Counter[Path] = Counter()
    for each in gone:
        files[each.file.path.parent] += 1
        frees[each.file.path.parent] += each.frees
    for folder, number in files.most_common(_NAMED):
        print(f"  {count(number, 'file')}, {human_bytes(frees[folder])}: {_shown(folder)}")
    if len(files) > _NAMED:
        print(f"  and {len(files) - _NAMED} more folders: see --json")


def _print_some(title: str, lines: list[str]) -> None:
    if lines:
        print(f"{title}:")
    for line in lines[:_NAMED]:
        print(f"  {_shown(line)}")
    if len(lines) > _NAMED:
        print(f"  and {len(lines) - _NAMED} more: see --json")


def _undo(options: argparse.Namespace) -> int:
    from neardup.clean.journal import Journal
    from neardup.clean.undo import undo
    from neardup.scan.report.sentences import count

    with Journal.open(options.undo) as journal:
        result = undo(journal)
    if options.json:
        answer = {
            "back": [str(path) for path in result.back],
            "missing": [{"path": str(each.path), "why": each.why} for each in result.missing],
        }
        print(json.dumps(answer))
    else:
        rest = "" if result.missing else "; everything is in its place"
        print(f"{count(len(result.back), 'file')} brought back{rest}")
        _print_some("not brought back", _lines(result.missing))
    return SOME_LEFT if result.missing else DONE


def _lines(left: "Iterable[LeftAlone]") -> list[str]:
    return [f"{each.path}: {each.why}" for each in left]


def _shown(text: object) -> str:
    """Without what would break the line or the terminal: names may hold anything."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(text)
    )
