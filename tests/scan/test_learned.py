"""A person's decisions teach probabilities and thresholds."""

import json
from dataclasses import replace

import numpy as np
import pytest

from neardup.bundle import Bundle
from neardup.cli.main import main
from neardup.errors import NeardupError
from neardup.probability import Calibration
from neardup.scan.decisions import DecidedPair, Decisions
from neardup.scan.learned import learn

TABLE = np.linspace(0, 2, 201)
PROMISES = Calibration(
    pictures=1000,
    distance=tuple(TABLE),
    probability=tuple(1 / (1 + np.exp(12 * (TABLE - 1.2)))),
    weights=(1.0, 4.0, -4.0, 0.5, 2.0),
    intercept=-3.0,
)


@pytest.fixture
def bundle(toy_bundle, tmp_path) -> Bundle:
    """The toy encoder with probabilities that are too high for the pictures to come."""
    found = replace(Bundle.load(toy_bundle), directory=tmp_path / "bundle", calibration=PROMISES)
    found.directory.mkdir()
    for name in found.files:
        (found.directory / name).write_bytes((toy_bundle / name).read_bytes())
    found.save()
    return Bundle.load(found.directory)


def decided(bundle: Bundle, count: int, seed: int = 0, middle: float = 0.9) -> Decisions:
    """Pairs of a collection in which a pair at ``middle`` is as often a copy as not."""
    rng = np.random.default_rng(seed)
    distance = rng.uniform(0.3, 1.3, count)
    same = rng.random(count) < 1 / (1 + np.exp(20 * (distance - middle)))
    pairs = tuple(
        DecidedPair(f"{i:03}a", f"{i:03}b", bool(yes), float(d))
        for i, (d, yes) in enumerate(zip(distance, same, strict=True))
    )
    return Decisions(pairs, encoder=bundle.encoder_id, pictures=1000)


def test_a_threshold_learned_from_fifty_decisions_holds_on_other_pairs(bundle):
    before, after, held = [], [], 0
    for seed in range(10):
        lesson = learn(bundle, [decided(bundle, 50, seed)], 0.95)
        others = decided(bundle, 4000, 1000 + seed).pairs
        threshold = lesson.points["precision=0.95"].threshold
        within = [pair.same for pair in others if pair.distance <= threshold]
        after.append(np.mean(within))
        before.append(np.mean([pair.same for pair in others if pair.distance <= 1.1]))
        low, high = lesson.intervals["precision=0.95"]
        held += low <= np.mean(within) <= high
    assert held >= 8
    assert np.mean(before) < 0.8
    assert np.mean(after) > 0.92


def test_probabilities_follow_the_decisions(bundle):
    lesson = learn(bundle, [decided(bundle, 400)])
    alone = lesson.calibration.by_distance([0.5, 0.9, 1.2], 1000)
    assert alone[0] > 0.95
    assert alone[1] == pytest.approx(0.5, abs=0.12)
    assert alone[2] < 0.05
    assert lesson.promised > lesson.accepted + 0.1
    assert (np.diff(lesson.calibration.probability) <= 0).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pairs": ()}, "0 accepted and 0 rejected"),
        ({"encoder": "another"}, "another encoder"),
    ],
)
def test_too_little_is_refused(bundle, change, said):
    with pytest.raises(NeardupError, match=said):
        learn(bundle, [replace(decided(bundle, 100), **change)])


def test_only_accepted_pairs_teach_nothing(bundle):
    pairs = tuple(replace(pair, same=True) for pair in decided(bundle, 100).pairs)
    with pytest.raises(NeardupError, match="scan less strictly"):
        learn(bundle, [Decisions(pairs, encoder=bundle.encoder_id)])
    pairs = tuple(replace(pair, same=i < 10) for i, pair in enumerate(decided(bundle, 100).pairs))
    with pytest.raises(NeardupError, match="no distance reaches precision"):
        learn(bundle, [Decisions(pairs, encoder=bundle.encoder_id)])


def test_the_command_writes_a_bundle_to_scan_with(bundle, tmp_path, capsys):
    decisions = tmp_path / "decisions.json"
    written = {
        "format": 2,
        "encoder": bundle.encoder_id,
        "pictures": 1000,
        "keep": [],
        "pairs": [
            {"a": p.a, "b": p.b, "same": p.same, "distance": p.distance, "evidence": None}
            for p in decided(bundle, 200).pairs
        ],
    }
    decisions.write_text(json.dumps(written))
    arguments = ["calibrate", str(bundle.directory), "--decisions", str(decisions)]
    arguments += ["--target-precision", "0.95", "--out", str(tmp_path / "mine")]
    assert main(arguments) == 0
    assert "200 decided pairs" in capsys.readouterr().out
    mine = Bundle.load(tmp_path / "mine")
    assert mine.default_at == "precision=0.95"
    assert 0.6 < mine.threshold() < 1.0
    assert "200 pairs that a person decided" in mine.operating_points[mine.default_at].measured_on
    assert main(arguments) == 2
    assert "is not empty" in capsys.readouterr().err
