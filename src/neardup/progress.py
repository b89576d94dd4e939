"""Progress of a long job: a bar with rate and ETA on a terminal, an occasional line elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]

_SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def progress(
    description: str, total: int, *, unit: str = "images", show: bool = True
) -> Iterator[Advance]:
    """Show progress on stderr; call the yielded function with how many more are done.

    Args:
        description: what is being done.
        total: how many there are.
        unit: what is counted.
        show: False shows nothing.
    """
    if not show:
        yield lambda n: None
    elif sys.stderr.isatty():
        yield from _bar(description, total, unit)
    else:
        yield from _lines(description, total, unit)


def _bar(description: str, total: int, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f} {unit}/s")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda n: bar.advance(task, n)


def _lines(description: str, total: int, unit: str) -> Iterator[Advance]:
    started = last = time.monotonic()
    done = 0

    def line() -> None:
        rate = done / max(time.monotonic() - started, 1e-9)
        left = f", {(total - done) / rate:.0f} s left" if 0 < done < total else ""
        print(f"{description}: {done}/{total} {unit}, {rate:.1f}/s{left}", file=sys.stderr)

    def advance(n: int) -> None:
        nonlocal done, last
        done += n
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            line()

    yield advance
    if time.monotonic() - started >= _SECONDS_BETWEEN_LINES or done == total:
        line()
