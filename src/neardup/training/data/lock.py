"""Work that one process at a time may do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # no advisory locks on this system: two processes may do the same work twice
    fcntl = None  # type: ignore[assignment]


@contextmanager
def only_one(lock_file: Path) -> Iterator[None]:
    """Wait until no other process is inside; the system frees the lock of a killed process."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with open(lock_file, "wb") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
