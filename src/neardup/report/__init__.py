"""Showing what a scan found: a page to look through, and tables for programs."""

PAGE, GROUPS, PAIRS, SKIPPED, BLANK = (
    "report.html",
    "groups.json",
    "pairs.csv",
    "skipped.csv",
    "blank.csv",
)
CACHE = "scan-cache.sqlite"
FILES = frozenset({PAGE, GROUPS, PAIRS, SKIPPED, BLANK, CACHE, f"{CACHE}-wal", f"{CACHE}-shm"})
"""Every file that a report folder holds."""
