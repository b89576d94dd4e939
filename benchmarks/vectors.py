"""Vectors of collections that do not exist, as like real ones as can be made.

    python benchmarks/vectors.py --photos DIR [DIR ...] --out real.npz

embeds photographs with the encoder that comes along, and copies of some of them (the edits that the
encoder is trained for and nine others), and writes both: ``embedding`` (N, D) and ``copies``, the
distances between original and copy. :func:`collection` makes a million vectors of these:

- each picture is a random real one turned away from it, so that two made from one real picture are
  look-alikes: as often within 1.05 and within 1.2 of each other as different photographs are;
- the directions in which it is turned have the covariance of real embeddings;
- one in fifty is a copy of another picture, at a distance that a real copy had; pictures have one,
  two or many copies (a geometric law).

:func:`even` makes vectors without all that: evenly spread, with copies at the same distances.
"""

import argparse
import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neardup.detector import Detector
from neardup.distance import l2
from neardup.evaluation.edits.named import MISSION, STRONG, edit_image
from neardup.files import list_files
from neardup.images.reading import read_image

Vectors = npt.NDArray[np.float32]
ALIKE = 0.2, 0.7
"""Least and greatest cosine of a made-up picture to the real one it comes from."""
ONE_IN = 50
"""vectors is a copy."""
_AT_ONCE = 50_000


class Planted(NamedTuple):
    """Attributes:
    vectors: (N, D) float32 of unit length.
    original, copy: (C,) rows.
    """

    vectors: Vectors
    original: npt.NDArray[np.int64]
    copy: npt.NDArray[np.int64]

    def keys(self, threshold: float) -> npt.NDArray[np.int64]:
        """``smaller row * N + larger row`` of the planted pairs within a distance."""
        near = l2(self.vectors[self.original], self.vectors[self.copy]) <= threshold
        a, b = self.original[near], self.copy[near]
        return np.minimum(a, b) * len(self.vectors) + np.maximum(a, b)


def collection(real: Vectors, distances: Vectors, n: int, *, seed: int = 0) -> Planted:
    """n vectors resampled from real ones; 1/50 are copies of others."""
    rng = np.random.default_rng(seed)
    size = real.shape[1]
    spread = np.linalg.cholesky(real.T @ real / len(real) + 1e-6 * np.eye(size)).T
    spread = spread.astype(np.float32)
    vectors = np.empty((n, size), dtype=np.float32)
    for start in range(0, n, _AT_ONCE):
        count = min(_AT_ONCE, n - start)
        cosine = rng.uniform(*ALIKE, count).astype(np.float32)
        parents = real[rng.integers(0, len(real), count)]
        vectors[start : start + count] = turned(parents, cosine, rng, spread)
    return _planted(vectors, distances, rng, spread)


def even(size: int, distances: Vectors, n: int, *, seed: int = 0) -> Planted:
    """n evenly spread vectors; 1/50 are copies of others."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, size), dtype=np.float32)
    for start in range(0, n, _AT_ONCE):
        part = vectors[start : start + _AT_ONCE]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return _planted(vectors, distances, rng, np.eye(size, dtype=np.float32))


def _planted(
    vectors: Vectors, distances: Vectors, rng: np.random.Generator, spread: Vectors
) -> Planted:
    n = len(vectors)
    order, copies = rng.permutation(n), n // ONE_IN
    sizes = rng.geometric(0.7, copies)
    originals = np.repeat(order[copies : 2 * copies], sizes)[:copies]
    copy = order[:copies]
    cosine = 1 - rng.choice(distances, copies).astype(np.float32) ** 2 / 2
    vectors[copy] = turned(vectors[originals], cosine, rng, spread)
    return Planted(vectors, originals, copy)


def turned(vectors: Vectors, cosine: Vectors, rng: np.random.Generator, spread: Vectors) -> Vectors:
    """Unit vectors at a cosine to given ones, (N, D) and (N,), in random directions."""
    away = rng.standard_normal(vectors.shape, dtype=np.float32) @ spread
    away -= np.einsum("nd,nd->n", away, vectors)[:, None] * vectors
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    cosine = cosine[:, None]
    return cosine * vectors + np.sqrt(np.maximum(0, 1 - cosine**2)) * away


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--edited", type=int, default=100, help="photographs that are copied")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    detector = Detector.load()
    paths = [path for folder in options.photos for path in list_files(folder)]
    paths = [path for path in paths if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")]
    random.Random(0).shuffle(paths)
    embedding = np.concatenate(
        [detector.embed(list(paths[i : i + 256])) for i in range(0, len(paths), 256)]
    )
    images = [read_image(str(path)) for path in paths[: options.edited]]
    distances = [
        l2(embedding[: len(images)], detector.embed(edited))
        for edit in (*MISSION, *STRONG)
        for edited in [[edit_image(im, i, edit, seed=0) for i, im in enumerate(images)]]
    ]
    np.savez(options.out, embedding=embedding, copies=np.concatenate(distances))
    print(f"{options.out}: {len(embedding)} photographs, {len(images)} of them edited")


if __name__ == "__main__":
    main()
