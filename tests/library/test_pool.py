"""A decoder that crashes or hangs costs one file."""

import contextlib
import sys
import time

import pytest

from neardup.library import pool as pool_module
from neardup.library.pool import WorkerPool

UNRULY = """
import ctypes, os, sys, time
from neardup.library import worker

def unruly(task):
    if task["path"] == "crash":
        ctypes.string_at(0)  # as a C decoder does when it goes wrong
    if task["path"] == "exit":
        os._exit(3)
    if task["path"] == "hang":
        ctypes.CDLL(None).sleep(60)  # inside C: no Python signal handler would run
    if task["path"] == "chatter":
        os.write(1, b"libnoise: warning" * 1000)
        print("and python", flush=True)
    return {"error": None, "path": task["path"], "pid": os.getpid()}, task["path"].encode()

worker.TASKS["unruly"] = unruly
worker.main()
"""


@pytest.fixture
def unruly_worker(monkeypatch):
    monkeypatch.setattr(pool_module, "COMMAND", (sys.executable, "-c", UNRULY))


def tasks(*paths):
    return [{"task": "unruly", "path": path} for path in paths]


def test_crash_and_hang_cost_one_file_each(unruly_worker):
    paths = ["a", "crash", "b", "hang", "c", "exit", "d", "chatter", "e"]
    with WorkerPool(2, seconds=4) as pool:  # also the time a process has to start
        answers = list(pool.map(tasks(*paths)))
    errors = {path: answer.header["error"] for path, answer in zip(paths, answers, strict=True)}
    assert errors["crash"] == "the decoder crashed (SIGSEGV)"
    assert errors["exit"] == "the decoder crashed (exit code 3)"
    assert errors["hang"] == "decoding took longer than 4 seconds"
    well = [path for path in paths if errors[path] is None]
    assert well == ["a", "b", "c", "d", "chatter", "e"]
    assert [answer.payload.decode() for answer in answers if answer.payload] == well


def test_answers_come_in_order_from_several_processes(unruly_worker):
    paths = [str(number) for number in range(300)]
    with WorkerPool(3, look_ahead=10) as pool:
        answers = list(pool.map(tasks(*paths)))
    assert [answer.header["path"] for answer in answers] == paths
    assert 1 <= len({answer.header["pid"] for answer in answers}) <= 3


def test_tasks_are_taken_only_a_little_ahead(unruly_worker):
    taken = []

    def endless():
        number = 0
        while True:
            taken.append(number)
            yield from tasks(str(number))
            number += 1

    with WorkerPool(2, look_ahead=10) as pool:
        answers = pool.map(endless())
        assert next(answers).header["path"] == "0"
        assert len(taken) <= 13
        answers.close()


def test_leaving_early_does_not_wait_for_a_hang(unruly_worker):
    started = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt), WorkerPool(1, seconds=50, look_ahead=1) as pool:
        answers = pool.map(tasks("a", "hang", "hang"))
        next(answers)
        raise KeyboardInterrupt
    assert time.monotonic() - started < 20


def test_pool_of_idle_workers_closes(unruly_worker):
    with WorkerPool(4) as pool:
        assert list(pool.map([])) == []


def test_a_film_is_refused_before_it_is_read(tmp_path):
    """A sparse file of a terabyte would take hours to hash."""
    film = tmp_path / "film.mkv"
    with film.open("wb") as file:
        file.write(bytes.fromhex("1a45dfa3") + b"matroska")
        file.truncate(1 << 40)
    with WorkerPool(1, seconds=20) as pool:
        (answer,) = pool.map([{"task": "hash", "path": str(film)}])
    assert "not a picture" in answer.header["error"]
