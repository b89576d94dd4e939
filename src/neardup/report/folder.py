"""The report folder: everything a scan writes."""

from pathlib import Path

from neardup.report import BLANK, GROUPS, PAGE, PAIRS, SKIPPED
from neardup.report.page import write_page
from neardup.report.tables import write_blank, write_groups, write_pairs, write_skipped
from neardup.scan.result import ScanResult


def write_report(
    result: ScanResult, folder: Path, *, workers: int | None = None, show_progress: bool = True
) -> None:
    """Write the page and the tables; each file is replaced in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    write_groups(result, folder / GROUPS)
    write_pairs(result, folder / PAIRS)
    write_skipped(result, folder / SKIPPED)
    write_blank(result, folder / BLANK)
    write_page(result, folder / PAGE, workers=workers, show_progress=show_progress)
