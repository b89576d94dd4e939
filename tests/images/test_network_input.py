import io

import numpy as np
from PIL import Image

from neardup.images.network_input import load_input, to_input


def test_squashes_to_a_square(picture):
    square = to_input(np.asarray(picture(1, size=(300, 90))), 64)
    assert square.shape == (64, 64, 3)
    assert square.dtype == np.uint8


def test_a_picture_of_the_right_size_is_untouched(picture):
    image = np.asarray(picture(2, size=(64, 64)))
    assert np.array_equal(to_input(image, 64), image)


def test_shrinking_is_antialiased():
    stripes = np.zeros((512, 512, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    square = to_input(stripes, 32)
    assert np.abs(square.astype(int) - 127).max() < 3


def test_reduced_decoding_changes_little(picture):
    image = picture(3, size=(2000, 1500))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    reduced = load_input(buffer.getvalue(), 64)
    full = to_input(np.asarray(Image.open(buffer)), 64)
    assert np.abs(reduced.astype(int) - full).mean() < 0.7
