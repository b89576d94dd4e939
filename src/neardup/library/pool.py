"""A pool of decoding processes: tasks in, answers out in the same order, whatever happens."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import Any, NamedTuple, Self

from neardup.library.worker import Header, read_message, write_message

COMMAND = (sys.executable, "-P", "-m", "neardup.library.worker")  # -P: import nothing from here
SECONDS_PER_FILE = 60.0


class Answer(NamedTuple):
    """``header["error"]`` is None, or why the task failed; the payload is raw bytes.

    The header has ``"retry"`` where the failure says nothing lasting about the content: another
    time, with more time or memory or another package installed, the task may succeed.
    """

    header: dict[str, Any]
    payload: bytes


class WorkerPool:
    """Processes that run the tasks of :mod:`neardup.library.worker`.

    A process that crashes, or exceeds the time a task has, is replaced; its task is answered with
    an error. Use as a context manager.

    Args:
        workers: how many processes.
        seconds: time one task may take.
        look_ahead: how many answers may wait to be taken, which bounds the memory.
    """

    def __init__(
        self, workers: int, *, seconds: float = SECONDS_PER_FILE, look_ahead: int = 128
    ) -> None:
        self._seconds = seconds
        self._look_ahead = look_ahead + workers
        self._threads = ThreadPoolExecutor(workers)
        self._idle: SimpleQueue[_Worker | None] = SimpleQueue()
        for _ in range(workers):
            self._idle.put(None)  # started when first needed
        self._started: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._started:
            worker.close()
        self._threads.shutdown()

    def map(self, tasks: Iterable[Header]) -> Iterator[Answer]:
        """Answers, in the order of the tasks; tasks are taken only a little ahead."""
        waiting: deque[Future[Answer]] = deque()
        try:
            for task in tasks:
                waiting.append(self._threads.submit(self._answer, task))
                if len(waiting) >= self._look_ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _answer(self, task: Header) -> Answer:
        worker = self._idle.get()
        if worker is None:
            worker = _Worker()
            self._started.append(worker)
        try:
            answer = worker.ask(task, self._seconds)
        except _WorkerDied as death:
            self._started.remove(worker)
            self._idle.put(None)
            return Answer({"error": str(death), "retry": True}, b"")
        self._idle.put(worker)
        return answer


class _WorkerDied(Exception):
    """Why, in words a person understands."""


class _Worker:
    def __init__(self) -> None:
        # One thread a process: the processes work side by side.
        alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **alone},
        )

    def ask(self, task: Header, seconds: float) -> Answer:
        started = time.monotonic()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            write_message(self._process.stdin, {**task, "seconds": seconds})
            message = read_message(self._process.stdout)
        except OSError:
            message = None
        if message is None:
            self.close()
            if time.monotonic() - started >= seconds:
                raise _WorkerDied(f"decoding took longer than {seconds:.0f} seconds")
            raise _WorkerDied(f"the decoder crashed ({_ending(self._process.returncode)})")
        return Answer(*message)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError, ValueError):  # its thread may be using the pipes
            self._process.stdin.close()
            self._process.stdout.close()


def _ending(code: int) -> str:
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
