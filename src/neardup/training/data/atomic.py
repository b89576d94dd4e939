"""Files that are whole or absent, and folders made by one process at a time."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # no advisory locks on this system: two processes may do the same work twice
    fcntl = None  # type: ignore[assignment]


def write_text(path: Path, text: str) -> None:
    """Write `path` so that a reader, or a crash, sees the old content or the new, nothing else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def only_one(lock_file: Path) -> Iterator[None]:
    """Wait until no other process is inside; the system frees the lock of a killed process."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with open(lock_file, "wb") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
