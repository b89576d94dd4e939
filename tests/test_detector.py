import numpy as np
import pytest

from neardup import Detector
from neardup.errors import BlankError, BundleError, ImageError
from toy_bundle import EMBEDDING_SIZE, THRESHOLD


@pytest.fixture(scope="module")
def detector(toy_bundle):
    return Detector.load(toy_bundle)


def test_embeds_paths_images_and_arrays_alike(detector, picture, tmp_path):
    image = picture(1)
    image.save(tmp_path / "a.png")
    sources = [tmp_path / "a.png", str(tmp_path / "a.png"), image, np.asarray(image)]
    vectors = detector.embed([*sources, (tmp_path / "a.png").read_bytes()])
    assert vectors.shape == (5, EMBEDDING_SIZE)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (vectors == vectors[0]).all()


def test_batch_size_does_not_matter(detector, picture):
    pictures = [picture(seed) for seed in range(7)]
    whole = detector.embed(pictures)
    assert np.array_equal(detector.embed(pictures, batch_size=1), whole)
    assert np.array_equal(detector.embed(iter(pictures), batch_size=3), whole)
    assert detector.embed([]).shape == (0, EMBEDDING_SIZE)


def test_thread_count_does_not_matter(toy_bundle, detector, picture):
    pictures = [picture(seed) for seed in range(5)]
    single = Detector.load(toy_bundle, threads=1)
    assert np.array_equal(single.embed(pictures), detector.embed(pictures))


def test_tells_duplicates_from_others(detector, picture):
    image, smaller, other = picture(1), picture(1).resize((80, 60)), picture(2)
    assert detector.distance(image, image) == 0
    assert detector.distance(image, smaller) < THRESHOLD < detector.distance(image, other)
    assert detector.is_duplicate(image, smaller)
    assert not detector.is_duplicate(image, other)
    assert detector.is_duplicate(image, other, at=2)
    assert not detector.is_duplicate(image, smaller, at="0")
    with pytest.raises(BundleError, match="operating point"):
        detector.is_duplicate(image, other, at="f2")


def test_blank_pictures_cannot_be_compared(detector, picture):
    white, black = (np.full((9, 9, 3), value, np.uint8) for value in (255, 0))
    assert detector.distance(white, white.copy()) == 0
    for a, b in ((white, black), (white, white[:8]), (white, picture(1)), (picture(1), white)):
        with pytest.raises(BlankError, match="array of shape"):
            detector.is_duplicate(a, b, at=2)


def test_threshold_is_inclusive(detector, picture):
    distance = detector.distance(picture(1), picture(2))
    assert detector.is_duplicate(picture(1), picture(2), at=distance)


def test_unreadable_picture_is_named(detector, tmp_path):
    with pytest.raises(ImageError, match=r"gone\.jpg"):
        detector.embed([tmp_path / "gone.jpg"])


def test_one_path_instead_of_several(detector):
    with pytest.raises(TypeError, match="several"):
        detector.embed("a.jpg")
    with pytest.raises(TypeError, match="several"):
        detector.embed(np.zeros((9, 9, 3), np.uint8))  # not nine grey pictures of one line each
