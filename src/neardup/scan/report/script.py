"""A shell script that would remove the copies not worth keeping, for a person to review."""

import shlex
from pathlib import Path

from neardup.errors import NeardupError
from neardup.files import write_text
from neardup.scan.result import ScanResult

_HEAD = """\
#!/bin/sh
# Written by neardup; nothing has been removed. Read it, delete the lines you disagree with, then
# run it with sh. Paths are as the scan saw them: run it from the same folder.
"""


def check_script(against: Path | None) -> None:
    """Refuse, before any work is done, a script that :func:`write_script` would not write.

    Raises:
        NeardupError: the scan is against another folder, where keeping either is the user's call.
    """
    if against is not None:
        raise NeardupError("a script is written for scans of one folder only, not with --against")


def write_script(result: ScanResult, path: Path) -> None:
    """Write one ``rm`` a line, by group; it removes nothing unless the copy to keep is there.

    Raises:
        NeardupError: as :func:`check_script`.
    """
    check_script(result.selection.against)
    lines = [_HEAD]
    for group in result.groups:
        kept, *others = group.files
        if not group.proposed:
            paths = " ".join(_one_line(file.path) for file in group.files)
            lines += [f"# left alone, {group.why}: {paths}", ""]
            continue
        lines.append(f"# keep {_one_line(kept.path)} ({group.why})")
        chosen = result.decisions.keep
        others = [f for f in others if f.sha256 not in chosen or f.sha256 == kept.sha256]
        others = [f for f in others if not f.reference]
        stays = shlex.quote(str(kept.path))
        lines += [f"test -e {stays} && rm -- {shlex.quote(str(file.path))}" for file in others]
        lines.append("")
    write_text(path, "\n".join(lines))


def _one_line(path: Path) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in str(path))
