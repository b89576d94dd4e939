"""Spread a function over processes; an item that kills its process does not end the job."""

import multiprocessing
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_CHUNK = 16  # items per message to a process
_WORTH_IT = 64  # fewer items than this are done right here


def map_unordered(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int,
    on_crash: Callable[[Item], Result],
) -> Iterator[tuple[int, Result]]:
    """Yield (position, function(item)) as results come, in any order.

    Args:
        function: a module-level function, or a ``partial`` of one; it is sent with each chunk.
        workers: processes; below 2, or with few items, everything runs in this one.
        on_crash: the result for an item whose process died (a decoder's segmentation fault).
    """
    if workers < 2 or len(items) < _WORTH_IT:
        yield from ((place, function(item)) for place, item in enumerate(items))
        return
    waiting = deque(range(0, len(items), _CHUNK))
    while waiting:
        running: dict[Future[list[Result]], int] = {}
        with _pool(workers) as pool:
            try:
                while waiting or running:
                    while waiting and len(running) < 2 * workers:
                        start = waiting[0]
                        chunk = pool.submit(_each, function, items[start : start + _CHUNK])
                        running[chunk] = waiting.popleft()
                    for chunk in wait(running, return_when=FIRST_COMPLETED).done:
                        results = chunk.result()
                        yield from enumerate(results, start=running.pop(chunk))
            except BrokenExecutor:
                pass
        for start in running.values():  # the culprit is among these
            for place in range(start, min(start + _CHUNK, len(items))):
                yield place, _alone(function, items[place], on_crash)


def _each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


def _alone(
    function: Callable[[Item], Result], item: Item, on_crash: Callable[[Item], Result]
) -> Result:
    with _pool(1) as pool:
        try:
            return pool.submit(function, item).result()
        except BrokenExecutor:
            return on_crash(item)


def _pool(workers: int) -> ProcessPoolExecutor:
    # Forked processes start at once; elsewhere the default is the only safe choice.
    method = "fork" if sys.platform == "linux" else None
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    return ProcessPoolExecutor(workers, multiprocessing.get_context(method))
