import numpy as np

from neardup.images.network_input import is_blank


def page(value=250):
    return np.full((224, 224, 3), value, dtype=np.uint8)


def test_one_colour_is_blank_whatever_the_colour():
    for colour in ((0, 0, 0), (255, 255, 255), (30, 200, 90)):
        assert is_blank(np.broadcast_to(np.array(colour, dtype=np.uint8), (64, 64, 3)))


def test_faint_noise_is_blank():
    noise = np.random.default_rng(0).normal(0, 1, page().shape)
    assert is_blank(np.rint(page(128) + noise).astype(np.uint8))


def test_a_word_on_a_page_is_not():
    image = page()
    image[100:106, 80:110] = 10
    assert not is_blank(image)


def test_two_plain_halves_are_not():
    image = page(100)
    image[:, 112:, 2] = 110
    assert not is_blank(image)
