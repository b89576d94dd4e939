"""Embedding on Ray Data: units of work to actors that hold the encoder, fragments back.

An actor decodes in a process of its own, as a scan on one machine does: a file that crashes a
decoder costs that file. Where an actor or a machine dies, Ray gives its units to another. What an
actor wrote becomes part of the table when the driver hears of it, so a killed job goes on from
there.
"""

import importlib
import json
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from neardup.bundle import Bundle
from neardup.embedder import Embedder
from neardup.errors import NeardupError
from neardup.library.file import File, Skipped
from neardup.library.intake import Effort, open_cache, take_in_through
from neardup.library.pool import WorkerPool
from neardup.library.store import Content
from neardup.progress import progress
from neardup.scale.sources import Local, Unit, spooled
from neardup.scale.table import VectorTable, write_rows


def start_ray() -> Any:
    """Ray, on the cluster that RAY_ADDRESS names or else on this machine alone.

    Raises:
        NeardupError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("RAY_worker_niceness", "0")  # it would starve beside other programs
    try:
        ray = importlib.import_module("ray")
        importlib.import_module("ray.data")
    except ImportError:
        message = "--engine ray needs more packages: pip install 'neardup[ray]'"
        raise NeardupError(message) from None
    if not ray.is_initialized():
        here = {} if "RAY_ADDRESS" in os.environ else {"include_dashboard": False}
        ray.init(log_to_driver=False, logging_level="ERROR", **here)
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    return ray


class EmbedUnits:
    """What an actor does: decodes and embeds the items of a unit, and writes them as a fragment.

    Args:
        bundle: folder of the encoder.
        uri: of the table.
        effort: how to do it.
        folder: where relative names start, if this machine has it: an actor may begin elsewhere.
    """

    def __init__(self, bundle: str, uri: str, effort: Effort, folder: str) -> None:
        with suppress(OSError):
            os.chdir(folder)
        self._bundle = Bundle.load(bundle)
        self._embedder = Embedder(self._bundle.encoder_path, threads=1)
        self._pool = WorkerPool(1, seconds=effort.seconds_per_file)
        self._uri, self._effort = uri, effort

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Task: ``unit`` as JSON. Answer: ``fragments`` as JSON, ``items`` seen."""
        fragments: list[str] = []
        items = 0
        for unit in batch["unit"]:
            rows = self._rows(Unit(*json.loads(unit)))
            items += len(rows)
            fragments += write_rows(
                self._uri, self._bundle.encoder_id, self._bundle.embedding_size, rows
            )
        return {"fragments": [fragments], "items": [items]}

    def _rows(self, unit: Unit) -> list[tuple[str, str, File | Skipped, Content]]:
        rows = []
        with TemporaryDirectory() as spool:
            for lot in spooled(unit, Path(spool)):
                for local, file, content in self._taken_in(lot):
                    whole = unit.names[0] if unit.opened else local.name
                    rows.append((local.name, whole, file, content))
        return rows

    def _taken_in(self, lot: Iterable[Local]) -> list[tuple[Local, File | Skipped, Content]]:
        paths = [local.path for local in lot if local.path is not None]
        with open_cache(None, self._bundle.encoder_id, resume=False) as cache:
            intake = take_in_through(
                cache, self._pool, paths, self._bundle, self._embedder, self._effort
            )
        files = {file.path: file for file in intake.files}
        skipped = {entry.path: entry for entry in intake.skipped}
        taken: list[tuple[Local, File | Skipped, Content]] = []
        for local in lot:
            if local.path in files:
                file = files[local.path]
                content = intake.contents[file.sha256]
                if str(local.path) != local.name:
                    file = replace(file, inode=None)  # of a copy that will be gone
                taken.append((local, file, content))
            else:
                unread = Skipped(Path(local.name), local.reason)
                if local.path is not None:
                    unread = skipped[local.path]
                taken.append((local, unread, Content(unread.reason, None, None)))
        return taken


def embed_units(units: Iterable[Unit], table: VectorTable, bundle: Bundle, effort: Effort) -> None:
    """Embed units on Ray and append them to a table, each as soon as it is done."""
    waiting = [{"unit": json.dumps(list(unit))} for unit in units]
    if not waiting:
        return
    ray = start_ray()
    actors = effort.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    actors = min(actors, len(waiting))
    quiet = Effort(
        batch_size=effort.batch_size,
        seconds_per_file=effort.seconds_per_file,
        show_progress=False,
    )
    work = ray.data.from_items(waiting, override_num_blocks=len(waiting)).map_batches(
        EmbedUnits,
        fn_constructor_args=(str(bundle.directory.absolute()), table.uri, quiet, os.getcwd()),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
        num_cpus=1,
    )
    with progress("Embedding", len(waiting), unit="units", show=effort.show_progress) as advance:
        for row in work.iter_rows():
            table.append(row["fragments"])
            advance(1)
