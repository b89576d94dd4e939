"""The second look: copies are recognised, explained in the right words, and others refused."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neardup.verify.explanation import draw_explanation
from neardup.verify.features import Features, extract, mirrored
from neardup.verify.match import IDENTICAL, Kind, Match, verify

SIDE = 300


@pytest.fixture(scope="module")
def picture(textured):
    return textured(0)


def found(a: np.ndarray, b: np.ndarray) -> Match:
    match = verify(extract(a), extract(b))
    assert match is not None
    return match


def test_a_recoloured_copy_is_the_same_picture(picture):
    darker = (picture.astype(np.float32) * 0.6).astype(np.uint8)
    match = found(picture, darker)
    assert match.kind is Kind.SAME
    assert match.sentence() == "A and B are the same picture"
    assert match.agreement > 0.9


def test_a_crop_is_found_where_it_was_cut_from(picture):
    part = picture[50:250, 70:270]
    match = found(picture, part)
    assert match.kind is Kind.CROP
    assert match.inside == "b"
    assert match.box == pytest.approx((70, 50, 200, 200), abs=1)
    assert match.zoom == pytest.approx(1.5, abs=0.02)
    assert match.sentence("x.jpg", "y.jpg").startswith("y.jpg is a crop of x.jpg (zoom 1.5x, from")


def test_seen_from_the_other_side_it_is_the_same_crop(picture):
    part = picture[50:250, 70:270]
    there, back = found(picture, part), found(part, picture)
    assert back.inside == "a"
    assert (
        back.sentence()
        == there.reversed().sentence()
        == "A is a crop of B (zoom 1.5x, " + (f"from x={back.box[0]} y={back.box[1]})")
    )


def test_a_resized_crop_lands_within_a_pixel(picture):
    part = cv2.resize(picture[30:230, 40:240], (320, 320), interpolation=cv2.INTER_CUBIC)
    corners = np.array([(40.0, 30.0), (240.0, 30.0), (240.0, 230.0), (40.0, 230.0)])
    landed = found(picture, part).transform.apply(corners)
    wanted = np.array([(0.0, 0.0), (320.0, 0.0), (320.0, 320.0), (0.0, 320.0)])
    assert np.abs(landed - wanted).max() < 1


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (lambda image: image[:, ::-1], "the same picture, mirrored"),
        (lambda image: np.rot90(image), "the same picture, B turned 90° anticlockwise"),
        (lambda image: image[::-1, ::-1], "the same picture, B upside down"),
    ],
)
def test_mirrors_and_turns_are_named(picture, turn, words):
    assert found(picture, np.ascontiguousarray(turn(picture))).sentence().endswith(words)


def test_a_frame_is_no_crop(picture):
    framed = np.full((SIDE + 80, SIDE + 80, 3), 255, np.uint8)
    framed[40:-40, 40:-40] = picture
    match = found(framed, picture)
    assert match.kind is Kind.FRAMED
    assert match.box == pytest.approx((40, 40, SIDE, SIDE), abs=1)


def test_a_picture_on_another_is_part_of_a_collage(picture, textured):
    ground = cv2.resize(textured(1), (600, 600)) // 4
    ground[200:500, 250:550] = picture
    match = found(ground, picture)
    assert match.kind is Kind.COLLAGE
    assert match.box == pytest.approx((250, 200, SIDE, SIDE), abs=2)


def test_different_pictures_are_not_matched(textured):
    features = [extract(textured(index)) for index in range(6)]
    for i, a in enumerate(features):
        assert all(verify(a, b) is None for b in features[:i])


def test_same_keypoints_over_another_content_are_refused(picture, textured):
    """A logo on two products: keypoints agree, the pictures do not."""
    other = textured(3)
    a, b = picture.copy(), other.copy()
    logo = np.random.default_rng(0).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    logo = cv2.resize(logo, (70, 70), interpolation=cv2.INTER_NEAREST)
    a[:70, :70] = b[:70, :70] = logo
    assert verify(extract(a), extract(b)) is None


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_plain_pictures_cannot_be_verified(shade):
    plain = extract(np.full((50, 80, 3), shade, np.uint8))
    assert len(plain.points) == 0
    assert verify(plain, plain) is None


def test_features_survive_packing(picture):
    features = extract(picture)
    again = Features.unpack(features.pack())
    assert (again.width, again.height) == (SIDE, SIDE)
    for name in ("points", "descriptors", "grey"):
        assert np.array_equal(getattr(again, name), getattr(features, name))


def test_descriptors_of_the_mirror_image_need_no_mirror_image(picture):
    direct = extract(np.ascontiguousarray(picture[:, ::-1]))
    derived = mirrored(extract(picture).descriptors)
    nearest = np.abs(direct.descriptors[:50, None].astype(int) - derived.astype(int)).mean(axis=2)
    assert np.median(nearest.min(axis=1)) < 4


def test_shrinking_while_decoding_keeps_full_pixels(picture):
    half = cv2.resize(picture, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    match = verify(extract(half, (SIDE, SIDE)), extract(picture[50:250, 70:270]))
    assert match.box == pytest.approx((70, 50, 200, 200), abs=2)


def test_a_match_survives_json(picture):
    match = found(picture, picture[50:250, 70:270])
    again = Match.from_dict(json.loads(json.dumps(match.as_dict())))
    assert again.sentence() == match.sentence()
    assert np.array_equal(again.transform.matrix, match.transform.matrix)
    assert Match.from_dict(json.loads(json.dumps(IDENTICAL.as_dict()))) == IDENTICAL


def test_the_same_pair_gives_the_same_answer_twice(picture):
    part = picture[20:200, 30:260]
    first, second = found(picture, part), found(picture, part)
    assert np.array_equal(first.transform.matrix, second.transform.matrix)


@settings(max_examples=15, deadline=None)
@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    seed=st.integers(0, 5),
)
def test_no_size_of_noise_crashes(width, height, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    features = extract(noise)
    assert max(features.grey.shape) == 192
    verify(features, features)


def test_the_drawing_outlines_the_part(picture):
    part = np.ascontiguousarray(picture[50:250, 70:270])
    drawing = np.asarray(draw_explanation(picture, part, found(picture, part))).astype(int)
    red = (np.abs(drawing - (255, 64, 64)) < 40).all(axis=2)
    left_edge = 12 + round(70 * 320 / SIDE)  # of the outline, in the panel of 320 pixels
    assert red[150:200, left_edge - 4 : left_edge + 5].any(axis=1).all()


def test_identical_files_need_no_drawing(picture):
    with pytest.raises(ValueError, match="identical"):
        draw_explanation(picture, picture, IDENTICAL)
