"""What a scan found, in a few sentences."""

from neardup.scan.result import ScanResult


def sentences(result: ScanResult) -> list[str]:
    """What a person wants to know first, a line each."""
    counts = result.counts
    lines = []
    found = count(len(result.groups), "group")
    if result.leakage is None:
        found += f", {count(len(result.spare), 'file')} more than needed"
        found += f", {human_bytes(result.to_gain)} to gain"
    lines.append(f"{found} (distance <= {result.threshold:.4f}, {result.at})")
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
    if result.leakage is not None:
        lines.append(about(result))
    return lines


def about(result: ScanResult) -> str:
    """What was scanned; against another folder the rate of leakage, from both sides:
    "21 of 27 pictures of TEST, 78 %, are in TRAIN; 19 of 5000 pictures of TRAIN are in TEST"."""
    leakage, against = result.leakage, result.selection.against
    names = ", ".join(map(str, result.selection.folders))
    if leakage is None:
        references = ", ".join(map(str, result.selection.references))
        return f"{names}, with {references} as reference" if references else names
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
