"""Probabilities that are fitted on known pairs hold on others, and survive in a bundle."""

import json

import numpy as np
import pytest

from neardup.bundle import Bundle
from neardup.errors import BundleError
from neardup.evaluation.calibration import KnownPairs, fit, histogram, reliability
from neardup.probability import Calibration, evidence, in_a_word
from neardup.verify.match import IDENTICAL, Kind, Match

REFERENCES = 500


def known(seed: int, sources: int = 120, copies: int = 6) -> KnownPairs:
    """Copies near their source, others far; a second look that finds most copies and few others."""
    rng = np.random.default_rng(seed)
    positives = rng.normal(0.9, 0.15, (sources, copies)).clip(0.05, 1.6)
    others = rng.normal(1.35, 0.06, (sources, copies, REFERENCES - 1)).clip(0.5, 2)
    near = np.sort(others, axis=2)[:, :, :5]
    distance = np.concatenate([positives.ravel(), near.ravel()])
    positive = np.arange(len(distance)) < positives.size
    matched = np.where(positive, rng.random(len(distance)) < 0.95, rng.random(len(distance)) < 0.01)
    found = np.zeros((len(distance), 4))
    found[matched, 0] = 1
    found[matched, 2] = rng.normal(5, 1, matched.sum())
    found[matched, 3] = rng.uniform(0.5, 1, matched.sum())
    group = np.concatenate(
        [np.repeat(np.arange(sources), copies), np.repeat(np.arange(sources), copies * 5)]
    )
    return KnownPairs(
        distance=distance,
        evidence=found,
        positive=positive,
        query=np.arange(len(distance)),
        reference=np.zeros(len(distance), dtype=np.int64),
        group=group,
        sources=np.arange(sources),
        positives=np.array([histogram(row) for row in positives]),
        others=np.array([histogram(row) for row in others]),
        references=REFERENCES,
    )


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return fit(known(0), "made up")


def test_probabilities_hold_on_other_sources(calibration):
    other = known(1)
    after = calibration.after_second_look(other.distance, other.evidence)
    found = reliability(after, other.positive, REFERENCES)
    assert found.expected_calibration_error < 0.02
    assert found.brier < 0.02


def test_nearer_is_never_less_probable(calibration):
    probability = calibration.by_distance(np.linspace(0, 2, 201))
    assert (np.diff(probability) <= 1e-12).all()
    assert probability[0] > 0.99
    assert probability[-1] < 0.01


def test_in_a_larger_collection_a_pair_is_less_probable(calibration):
    small, large = (calibration.by_distance(1.2, pictures) for pictures in (500, 50_000))
    odds = [p / (1 - p) for p in (small, large)]
    assert odds[0] / odds[1] == pytest.approx(100)


def test_a_verified_pair_is_surer_than_one_that_was_not(calibration):
    verified = Match(kind=Kind.CROP, agreement=0.9)
    assert calibration.of(1.2, None, looked=True) < calibration.of(1.2, verified, looked=True)
    assert calibration.of(0.0, IDENTICAL, looked=False) == 1.0


def test_another_shot_of_the_scene_is_no_surer_than_its_distance(calibration):
    scene = Match(kind=Kind.SCENE, agreement=0.7)
    assert calibration.of(1.3, scene, looked=True) <= calibration.of(1.3, None, looked=False)


def test_evidence_of_nothing_and_of_a_scene():
    assert evidence(None).tolist() == [0, 0, 0, 0]
    assert evidence(Match(kind=Kind.SCENE, agreement=0.5)).tolist() == [1, 1, 0, 0.5]


def test_words():
    assert [in_a_word(p) for p in (0.995, 0.9, 0.5)] == ["sure", "likely", "doubtful"]


def test_reliability_of_known_promises():
    promised = np.repeat([0.1, 0.9], 50)
    true = np.concatenate([np.arange(50) < 10, np.arange(50) < 45])
    found = reliability(promised, true, 2)
    assert found.true == pytest.approx([0.2, 0.9])
    assert found.expected_calibration_error == pytest.approx(0.05)
    assert found.pairs == (50, 50)


def test_a_bundle_carries_its_calibration(calibration, tmp_path, toy_bundle):
    import shutil
    from dataclasses import replace

    copy = tmp_path / "bundle"
    shutil.copytree(toy_bundle, copy)
    replace(Bundle.load(copy), calibration=calibration).save()
    assert Bundle.load(copy).calibration == calibration
    description = json.loads((copy / "bundle.json").read_text())
    description["calibration"]["probability"] = [0.5]
    (copy / "bundle.json").write_text(json.dumps(description))
    with pytest.raises(BundleError, match="damaged"):
        Bundle.load(copy)


def test_a_bundle_without_one_gives_no_probability(toy_bundle):
    assert Bundle.load(toy_bundle).calibration is None
