"""Reading the CSV files that say which pictures are copies, with errors that name the line."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from neardup.errors import ConfigError

Row = dict[str, str]


def read_rows(
    path: Path, *, needed: Sequence[str], optional: Sequence[str], headless: Sequence[str] = ()
) -> Iterator[tuple[int, Row]]:
    """The data lines of a CSV file with their numbers, blanks around values removed.

    Args:
        path: UTF-8, comma-separated, with a header; ``query_id``, as DISC21 has it, is ``query``.
        needed: columns that must be there.
        optional: columns that may be; an absent one reads as empty.
        headless: the columns of a file without a header, tried when no needed column is found.

    Raises:
        ConfigError: the file cannot be read, a column is missing, or a line lacks a value.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{path}: {reason}") from error
    if not lines:
        raise ConfigError(f"{path}: the file is empty; it needs the columns {','.join(needed)}")
    header = [name.strip().lower().removesuffix("_id") for name in lines[0]]
    first = 1
    if headless and not set(header) & set(needed):
        header, first = list(headless), 0
    for name in needed:
        if name not in header:
            raise ConfigError(f"{path}: no column {name!r}; it has {','.join(header)}")
    for number, values in enumerate(lines[first:], start=first + 1):
        if not any(value.strip() for value in values):
            continue
        row = dict.fromkeys((*needed, *optional), "")
        row.update((name, value.strip()) for name, value in zip(header, values, strict=False))
        for name in needed:
            if not row[name]:
                raise ConfigError(f"{path}, line {number}: no value for {name!r}")
        yield number, row
