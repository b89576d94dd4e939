"""Decode and embed each content once; what is known already comes from the cache."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from neardup.embedder import Embedder
from neardup.progress import progress
from neardup.scan.cache import Content, ScanCache
from neardup.scan.contents import File
from neardup.scan.facts import Facts
from neardup.scan.pool import Answer, WorkerPool


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
    tasks = (_task(sha256, contents[sha256], image_size) for sha256 in unknown)
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


def _task(sha256: str, files: Sequence[File], image_size: int) -> dict[str, Any]:
    paths = [os.fspath(file.path) for file in files]
    return {"task": "decode", "paths": paths, "sha256": sha256, "size": image_size}


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
