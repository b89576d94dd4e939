"""Files in, vectors out: what scanning a folder, exporting vectors and filling an index share."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from neardup.bundle import Bundle
from neardup.cores import available_cores
from neardup.embedder import Embedder
from neardup.report import CACHE
from neardup.scan.cache import Content, ScanCache
from neardup.scan.contents import File, Skipped, by_content, hash_files
from neardup.scan.embedding import embed_contents
from neardup.scan.picture import Picture
from neardup.scan.pool import SECONDS_PER_FILE, WorkerPool
from neardup.scan.result import Counts


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

    @property
    def blank(self) -> list[File]:
        return [file for file in self.files if self.contents[file.sha256].is_blank]

    def pictures(self, paths: Sequence[Path]) -> list[Picture]:
        """The contents among ``paths`` that were embedded, in the order of their hashes."""
        wanted = set(paths)
        found = by_content([file for file in self.files if file.path in wanted])
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
    seconds: dict[str, float] = {}
    workers = effort.workers or available_cores()
    with (
        _cache(cache_folder, bundle.encoder_id, resume) as cache,
        WorkerPool(workers, seconds=effort.seconds_per_file) as pool,
    ):
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
    undecodable = [
        Skipped(file.path, error)
        for file in files
        if (error := contents[file.sha256].error) is not None
    ]
    return Intake(
        files=files,
        contents=contents,
        skipped=sorted([*unread, *undecodable], key=lambda entry: entry.path),
        counts=_counts(len(unread), files, contents),
        seconds=seconds,
    )


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
def _cache(folder: Path | None, encoder_id: str, resume: bool) -> Iterator[ScanCache]:
    with TemporaryDirectory() as nowhere:
        path = (folder or Path(nowhere)) / CACHE
        with ScanCache(path, encoder_id=encoder_id, fresh=not resume) as cache:
            yield cache
