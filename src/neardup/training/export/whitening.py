"""PCA whitening of embeddings: directions in which all pictures differ come to count less.

Jegou & Chum 2012: the embedding minus its mean, in the basis of the principal components, each
divided by its standard deviation, and of unit length again. One linear layer, so ONNX carries it.
"""

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from neardup.errors import ConfigError
from neardup.training.data.sources import Images
from neardup.training.encoder import Encoder, TorchEmbedder

_LOT = 256
_LEAST = 1e-4
"""Components with less variance than this share of the largest are treated as having it."""


def whiten(encoder: Encoder, images: Images, image_size: int) -> None:
    """Give ``encoder`` a whitening layer, in place of any it has.

    Args:
        encoder: changed.
        images: (H, W, 3) uint8 RGB each; those it was trained on, never those it is judged on.
        image_size: side S of its input, pixels.

    Raises:
        ConfigError: there are too few images for as many components as an embedding has numbers.
    """
    length = encoder.project.out_features
    if len(images) <= length:
        raise ConfigError(
            f"whiten=true: needs more than {length} training images, one for each number of an"
            f" embedding; the run has {len(images)}"
        )
    encoder.whiten = None
    embed = TorchEmbedder(encoder, image_size)
    starts = range(0, len(images), _LOT)
    lots = [[images[i] for i in range(s, min(s + _LOT, len(images)))] for s in starts]
    pca = PCA(svd_solver="full").fit(np.concatenate([embed(lot) for lot in lots]))
    variance = np.maximum(pca.explained_variance_, _LEAST * pca.explained_variance_[0])
    weight = pca.components_ / np.sqrt(variance)[:, None]
    weight /= np.linalg.norm(weight)  # the length is lost anyway; this one suits half precision
    layer = nn.Linear(length, length)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(-weight @ pca.mean_))
    encoder.whiten = layer.to(encoder.mean.device)
