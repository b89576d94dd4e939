"""The ways to compare pictures that are put side by side: encoders and perceptual hashes."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neardup.bundle import Bundle
from neardup.distance import l2_matrix
from neardup.embedder import Embedder
from neardup.errors import ConfigError
from neardup.evaluation.config import HASHES
from neardup.evaluation.edits.pixels import Pixels
from neardup.evaluation.measures.scoring import L2_SCALE, Distances, Scale
from neardup.images.network_input import to_batch

Encode = Callable[[Sequence[Pixels]], NDArray[np.float32]]
"""N images (H, W, 3) uint8 RGB of any sizes -> (N, D) float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to compare.

    Attributes:
        name: in tables and figures.
        encode: pictures to vectors.
        distances: between encodings, smaller is closer.
        scale: the range of the distances.
        unit: what a distance is measured in.
    """

    name: str
    encode: Encode
    distances: Distances = l2_matrix
    scale: Scale = L2_SCALE
    unit: str = "L2"

    def encode_in_batches(self, images: Sequence[Pixels], size: int) -> NDArray[np.float32]:
        """(N, D) float32; at most ``size`` pictures at once, and at least one in all."""
        parts = [self.encode(images[i : i + size]) for i in range(0, len(images), size)]
        return np.concatenate(parts)


def encoder(name: str, bundle: Bundle, *, threads: int | None = None) -> Method:
    """The encoder of a bundle, by L2 distance."""
    embed = Embedder(bundle.encoder_path, threads=threads)

    def encode(images: Sequence[Pixels]) -> NDArray[np.float32]:
        return embed(to_batch(images, bundle.image_size))

    return Method(name=name, encode=encode)


def perceptual_hash(name: str) -> Method:
    """pHash and dHash (64 bits, ImageHash) or PDQ (256 bits, pdqhash), by Hamming distance.

    Raises:
        ConfigError: the name is unknown, or the package it needs is not installed.
    """
    if name not in HASHES:
        raise ConfigError(f"baselines: {name!r} is not one of {', '.join(HASHES)}")
    bits = _bits(name)

    def encode(images: Sequence[Pixels]) -> NDArray[np.float32]:
        return np.stack([bits(image) for image in images]).astype(np.float32)

    scale = Scale(upper=256 if name == "pdq" else 64, step=1, whole=True)
    return Method(name=name, encode=encode, distances=_hamming, scale=scale, unit="bits")


def _hamming(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bits (n, D) and (m, D) of 0 and 1 -> how many differ, (n, m) float32; exact."""
    differing = -2 * (a @ b.T)
    differing += a.sum(axis=1)[:, None]
    differing += b.sum(axis=1)[None, :]
    return np.asarray(differing)


def _bits(name: str) -> Callable[[Pixels], NDArray[np.bool_]]:
    """The hash of a picture (H, W, 3) uint8 as (D,) bool."""
    package = "pdqhash" if name == "pdq" else "imagehash"
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"baselines: {name} needs the package {package}; pip install 'neardup[eval]'"
        ) from error
    compute = getattr(module, "compute" if name == "pdq" else name)
    if name == "pdq":
        return lambda image: np.asarray(compute(np.ascontiguousarray(image))[0], dtype=bool)
    return lambda image: np.asarray(compute(Image.fromarray(image)).hash, dtype=bool).ravel()
