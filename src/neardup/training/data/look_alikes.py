"""Which pictures look alike to an encoder: the negatives worth learning from.

A batch drawn at random from thousands of pictures seldom holds two that are hard to tell apart, and
a threshold is only as loose as the nearest of such pairs lets it be. Hard negatives are found
before training by the encoder as it begins (Simo-Serra et al. 2015 mine them from the batch; Xiong
et al. 2021 from an index of the whole set).
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from neardup.training.data.sources import Images
from neardup.training.encoder import Encoder, TorchEmbedder

SAME = 0.5
"""L2 distance below which two training pictures are taken for copies of one, not look-alikes."""

_LOT = 256


def find_look_alikes(
    encoder: Encoder, images: Images, image_size: int, *, count: int
) -> NDArray[np.int64]:
    """The nearest other pictures of each.

    Args:
        encoder: as training begins.
        images: N sources, (H, W, 3) uint8 RGB each.
        image_size: side of the square that the encoder sees, pixels.
        count: K, how many of each.

    Returns:
        (N, K) int64, nearest first; -1 in the places of those nearer than :data:`SAME`.
    """
    embed = TorchEmbedder(encoder, image_size)
    starts = range(0, len(images), _LOT)
    lots = [[images[i] for i in range(s, min(s + _LOT, len(images)))] for s in starts]
    vectors = np.concatenate([embed(lot) for lot in lots])
    nearest = NearestNeighbors(n_neighbors=min(count, len(images) - 1), algorithm="brute")
    distance, neighbour = nearest.fit(vectors).kneighbors()  # of itself none is its neighbour
    return np.where(distance < SAME, -1, neighbour).astype(np.int64)


def side_by_side(order: NDArray[np.int64], look_alikes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Reorder the sources so that each stands beside its look-alikes, and so shares their batch.

    Args:
        order: (N,) a permutation of the sources.
        look_alikes: (N, K), as :func:`find_look_alikes` gives them.

    Returns:
        (N,) a permutation: the first of ``order``, those of its look-alikes that are still to be
        placed, the next of ``order`` that is, and so on.
    """
    placed = np.zeros(len(order), dtype=bool)
    result = []
    for source in order:
        if placed[source]:
            continue
        for each in (source, *look_alikes[source]):
            if each >= 0 and not placed[each]:
                placed[each] = True
                result.append(each)
    return np.array(result, dtype=np.int64)
