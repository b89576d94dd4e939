"""Files in, vectors out: what scanning a folder, exporting vectors and filling an index share."""

import os
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from neardup.bundle import Bundle
from neardup.embedder import Embedder, available_cores
from neardup.library.file import Facts, File, Picture, Skipped, by_content
from neardup.library.pool import SECONDS_PER_FILE, Answer, WorkerPool
from neardup.library.store import CACHE, Content, ScanCache
from neardup.library.worker import Header
from neardup.progress import progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How to do the work; nothing here changes what is found.

    Attributes:
        batch_size: pictures per run of the encoder.
        workers: decoding processes; None: as many as cores.
        seconds_per_file: after which decoding a file is given up.
        show_progress: on stderr.
    """

    batch_size: int = 32
    workers: int | None = None
    seconds_per_file: float = SECONDS_PER_FILE
    show_progress: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Every file seen is one of these: embedded + identical + blank + skipped = seen."""

    seen: int
    embedded: int
    identical: int
    blank: int
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What became of some files.

    Attributes:
        files: those that could be hashed, in the order given.
        contents: by sha256.
        skipped: files that could not be read or decoded, in the order of their paths, and why.
        counts: of all files given.
        seconds: how long each stage took.
    """

    files: Sequence[File]
    contents: Mapping[str, Content]
    skipped: Sequence[Skipped]
    counts: Counts
    seconds: Mapping[str, float]

    @classmethod
    def of(
        cls,
        files: Sequence[File],
        contents: Mapping[str, Content],
        unread: Sequence[Skipped],
        seconds: Mapping[str, float],
    ) -> Self:
        """The same from the files that could be hashed and those that could not be read."""
        undecodable = [
            Skipped(file.path, error)
            for file in files
            if (error := contents[file.sha256].error) is not None
        ]
        return cls(
            files=files,
            contents=contents,
            skipped=sorted([*unread, *undecodable], key=lambda entry: entry.path),
            counts=_counts(len(unread), files, contents),
            seconds=seconds,
        )

    @property
    def blank(self) -> list[File]:
        """In the order of their paths."""
        blank = [file for file in self.files if self.contents[file.sha256].is_blank]
        return sorted(blank, key=lambda file: file.path)

    def pictures(
        self, paths: Iterable[Path], references: Container[Path] = frozenset()
    ) -> list[Picture]:
        """The contents among ``paths`` that were embedded, in the order of their hashes.

        Args:
            paths: files of the intake.
            references: those of them that are never touched.
        """
        wanted = set(paths)
        found = by_content(
            [
                replace(file, reference=file.path in references)
                for file in self.files
                if file.path in wanted
            ]
        )
        return [
            Picture(content.facts, tuple(sorted(copies, key=lambda file: file.preference)))
            for sha256, copies in sorted(found.items())
            if (content := self.contents[sha256]).facts is not None and not content.is_blank
        ]


def take_in(
    paths: Sequence[Path],
    bundle: Bundle,
    embedder: Embedder,
    effort: Effort,
    *,
    cache_folder: Path | None = None,
    resume: bool = False,
) -> Intake:
    """Hash all files, decode and embed each content once.

    Args:
        paths: the files.
        bundle: describes the encoder.
        embedder: the encoder.
        effort: how to do it.
        cache_folder: keeps the cache that ``resume`` goes on from; None: none is kept.
        resume: go on with what the cache holds instead of starting afresh.

    Raises:
        NeardupError: the cache is damaged or in use.
    """
    workers = effort.workers or available_cores()
    with (
        open_cache(cache_folder, bundle.encoder_id, resume) as cache,
        WorkerPool(workers, seconds=effort.seconds_per_file) as pool,
    ):
        return take_in_through(cache, pool, paths, bundle, embedder, effort)


def take_in_through(
    cache: ScanCache,
    pool: WorkerPool,
    paths: Sequence[Path],
    bundle: Bundle,
    embedder: Embedder,
    effort: Effort,
) -> Intake:
    """:func:`take_in` with a cache and a pool that stay open."""
    seconds: dict[str, float] = {}
    with timed("read", seconds):
        files, unread = hash_files(paths, cache, pool, show_progress=effort.show_progress)
    with timed("embed", seconds):
        contents = embed_contents(
            by_content(files),
            embedder,
            cache,
            pool,
            image_size=bundle.image_size,
            batch_size=effort.batch_size,
            show_progress=effort.show_progress,
        )
    return Intake.of(files, contents, unread, seconds)


@contextmanager
def timed(stage: str, seconds: dict[str, float]) -> Iterator[None]:
    """Write how long the block took into ``seconds``."""
    started = time.monotonic()
    yield
    seconds[stage] = round(time.monotonic() - started, 3)


def _counts(unread: int, files: Sequence[File], contents: Mapping[str, Content]) -> Counts:
    fates = [contents[file.sha256] for file in files]
    pictures = sum(fate.vector is not None for fate in fates)
    embedded = sum(content.vector is not None for content in contents.values())
    return Counts(
        seen=unread + len(files),
        embedded=embedded,
        identical=pictures - embedded,
        blank=sum(fate.is_blank for fate in fates),
        skipped=unread + sum(fate.error is not None for fate in fates),
    )


@contextmanager
def open_cache(folder: Path | None, encoder_id: str, resume: bool) -> Iterator[ScanCache]:
    """The cache of a report's folder, or one that is gone afterwards where there is no folder."""
    with TemporaryDirectory() as nowhere:
        path = (folder or Path(nowhere)) / CACHE
        with closing(ScanCache(path, encoder_id=encoder_id, fresh=not resume)) as cache:
            yield cache


def embed_contents(
    contents: Mapping[str, Sequence[File]],
    embedder: Embedder,
    cache: ScanCache,
    pool: WorkerPool,
    *,
    image_size: int,
    batch_size: int,
    show_progress: bool,
) -> dict[str, Content]:
    """What became of each content: a vector, blank, or skipped with a reason.

    Args:
        contents: sha256 to the files that hold it; the first that still does is decoded.
        embedder: the encoder.
        cache: asked first; told of each batch as soon as it is done.
        pool: decodes.
        image_size: side of the encoder's input, pixels.
        batch_size: pictures per run of the encoder.
        show_progress: on stderr.
    """
    known = {
        sha256: content
        for sha256 in contents
        if (content := cache.known_content(sha256)) is not None
    }
    unknown = [sha256 for sha256 in contents if sha256 not in known]
    tasks = (content_task("decode", contents[sha256], size=image_size) for sha256 in unknown)
    answers = zip(unknown, pool.map(tasks), strict=True)
    show = show_progress and bool(unknown)
    with progress("Embedding", len(unknown), show=show) as advance:
        for batch in _batches(answers, batch_size):
            done = _embed(batch, embedder, image_size)
            cache.remember_contents(
                (sha256, done[sha256]) for sha256, answer in batch if "retry" not in answer.header
            )
            known |= done
            advance(len(batch))
    return {sha256: known[sha256] for sha256 in contents}


def content_task(task: str, files: Sequence[File], **more: Any) -> Header:
    """A task on one content, for the worker to read from the first of its files that still has it.

    Args:
        task: a key of ``neardup.library.worker.TASKS``.
        files: that hold the content, at least one.
        more: what else the task needs.
    """
    paths = [os.fspath(file.path) for file in files]
    return {"task": task, "paths": paths, "sha256": files[0].sha256, **more}


def _batches(
    answers: Iterable[tuple[str, Answer]], batch_size: int
) -> Iterator[list[tuple[str, Answer]]]:
    """Answers in lots that hold ``batch_size`` pictures to embed, besides any others."""
    batch: list[tuple[str, Answer]] = []
    pictures = 0
    for sha256, answer in answers:
        batch.append((sha256, answer))
        pictures += _is_picture(answer)
        if pictures == batch_size or len(batch) == 8 * batch_size:
            yield batch
            batch, pictures = [], 0
    if batch:
        yield batch


def _is_picture(answer: Answer) -> bool:
    return answer.header["error"] is None and not answer.header["blank"]


def _embed(
    batch: Sequence[tuple[str, Answer]], embedder: Embedder, image_size: int
) -> dict[str, Content]:
    squares = [answer.payload for _, answer in batch if _is_picture(answer)]
    pixels = np.frombuffer(b"".join(squares), dtype=np.uint8)
    pixels = pixels.reshape(-1, image_size, image_size, 3)
    vectors: Iterator[npt.NDArray[np.float32]] = iter(embedder(pixels) if squares else ())
    done = {}
    for sha256, answer in batch:
        header = answer.header
        facts = None if header["error"] is not None else Facts(**header["facts"])
        vector = next(vectors) if _is_picture(answer) else None
        done[sha256] = Content(header["error"], facts, vector)
    return done


_COMMIT_EVERY = 500


def hash_files(
    paths: Sequence[Path], cache: ScanCache, pool: WorkerPool, *, show_progress: bool
) -> tuple[list[File], list[Skipped]]:
    """Hash every file that the cache does not know, in the order given."""
    known = {path: file for path in paths if (file := _known(path, cache)) is not None}
    unknown = [path for path in paths if path not in known]
    skipped: list[Skipped] = []
    for batch in _hashed(unknown, pool, show_progress):
        cache.remember_files(
            (entry.path, entry.bytes, entry.modified, entry.sha256)
            for entry in batch
            if isinstance(entry, File)
        )
        for entry in batch:
            if isinstance(entry, File):
                known[entry.path] = entry
            else:
                skipped.append(entry)
    return [known[path] for path in paths if path in known], skipped


def _known(path: Path, cache: ScanCache) -> File | None:
    try:
        state = path.stat()
    except OSError:
        return None  # reading it will say why
    sha256 = cache.known_hash(path, size=state.st_size, modified=state.st_mtime_ns)
    if sha256 is None:
        return None
    return File(
        path=path,
        bytes=state.st_size,
        modified=state.st_mtime_ns,
        sha256=sha256,
        link=path.is_symlink(),
        inode=(state.st_dev, state.st_ino),
    )


def _hashed(
    paths: Sequence[Path], pool: WorkerPool, show_progress: bool
) -> Iterator[list[File | Skipped]]:
    batch: list[File | Skipped] = []
    tasks = ({"task": "hash", "path": os.fspath(path)} for path in paths)
    show = show_progress and bool(paths)
    with progress("Reading files", len(paths), unit="files", show=show) as advance:
        for path, (header, _) in zip(paths, pool.map(tasks), strict=True):
            if header["error"] is None:
                del header["error"]
                header["inode"] = tuple(header["inode"])
                batch.append(File(path=path, **header))
            else:
                batch.append(Skipped(path, header["error"]))
            if len(batch) == _COMMIT_EVERY:
                yield batch
                batch = []
            advance(1)
    yield batch
