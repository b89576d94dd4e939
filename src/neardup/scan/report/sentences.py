"""What a scan found, in a few sentences."""

from collections.abc import Sequence
from pathlib import Path

from neardup.scan.result import Leakage, ScanResult


def sentences(result: ScanResult) -> list[str]:
    """What a person wants to know first, a line each."""
    counts = result.counts
    selection = result.selection
    lines = []
    if result.leakage is None:
        lines.append(
            f"{count(len(result.groups), 'group')}, "
            f"{count(len(result.spare), 'file')} more than needed, "
            f"{human_bytes(result.to_gain)} to gain"
        )
    else:
        lines.append(leakage_sentence(result.leakage, selection.folders, selection.against))
    lines[0] += f" (distance <= {result.threshold:.4f}, {result.at})"
    left_out = f"; {result.left_out} left out by patterns" if result.left_out else ""
    lines.append(
        f"{count(counts.seen, 'file')}: {counts.embedded} embedded, {counts.identical} identical "
        f"copies, {counts.blank} blank, {counts.skipped} skipped{left_out}"
    )
    lines.append(f"search {result.search}")
    undecided = sum(not group.proposed for group in result.groups)
    if undecided:
        lines.append(
            f"{count(undecided, 'group')} of copies of which nothing tells the original: decide"
        )
    if result.scenes:
        lines.append(f"{count(len(result.scenes), 'pair')} look like two shots of one scene")
    return lines


def leakage_sentence(leakage: Leakage, folders: Sequence[Path], against: Path | None) -> str:
    """The rate, from both sides: "21 of 27 pictures of TEST, 78 %, are in TRAIN; ..."."""
    names = ", ".join(map(str, folders))
    leaked, pictures = len(leakage.leaked), leakage.pictures
    share = f", {_percent(leaked / pictures)}," if pictures else ""
    return (
        f"{leaked} of {count(pictures, 'picture')} of {names}{share} {_are(leaked)} in {against}; "
        f"{leakage.other_leaked} of {count(leakage.other_pictures, 'picture')} of {against} "
        f"{_are(leakage.other_leaked)} in {names}"
    )


def count(number: int, what: str) -> str:
    """ "1 file", "2 files"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def human_bytes(number: int) -> str:
    """ "512 bytes", "48.2 MB": thousands, as disks are sold."""
    if number < 1000:
        return count(number, "byte")
    size = float(number)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
