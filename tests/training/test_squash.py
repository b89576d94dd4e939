"""Training sees pictures squashed as inference does."""

import numpy as np
import pytest
import torch

from neardup.images.network_input import to_batch
from neardup.procedural import generate
from neardup.training.encoder import squash


@pytest.mark.parametrize("height", [16, 64, 150, 300])
@pytest.mark.parametrize("width", [17, 64, 200])
@pytest.mark.parametrize("size", [16, 40, 96])
def test_pictures_look_as_in_inference(height: int, width: int, size: int) -> None:
    pictures = np.stack([generate(8, index, 300)[:height, :width] for index in range(3)])
    found = squash(torch.from_numpy(pictures), size)
    assert found.dtype == torch.uint8
    in_two_steps = max(height, width) >= 6 * size
    difference = np.abs(found.numpy().astype(int) - to_batch(list(pictures), size))
    assert difference.max() <= (5 if in_two_steps else 1)
    assert difference.mean() < (0.7 if in_two_steps else 0.3)


def test_pictures_of_that_size_are_left_alone() -> None:
    pictures = torch.zeros(2, 24, 24, 3, dtype=torch.uint8)
    assert squash(pictures, 24) is pictures
