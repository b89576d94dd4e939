"""Embedding pictures with the torch encoder, for evaluation while training stands."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from neardup.preprocess import to_batch
from neardup.training.encoder import Encoder

_BATCH = 64


class TorchEmbedder:
    """Calls the encoder in evaluation mode, in float32, and leaves its mode as it was.

    Args:
        encoder: on any device.
        image_size: side S of its input, pixels.
    """

    def __init__(self, encoder: Encoder, image_size: int) -> None:
        self.encoder = encoder
        self.image_size = image_size

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """N images (H, W, 3) uint8 -> (N, D) float32 of unit norm."""
        device = self.encoder.mean.device
        was_training = self.encoder.training
        self.encoder.eval()
        try:
            with torch.inference_mode(), torch.autocast(device.type, enabled=False):
                batches = torch.split(torch.from_numpy(to_batch(images, self.image_size)), _BATCH)
                parts = [self.encoder(batch.to(device)).cpu() for batch in batches]
        finally:
            self.encoder.train(was_training)
        embeddings: NDArray[np.float32] = torch.cat(parts).numpy()
        return embeddings
