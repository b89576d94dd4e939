"""Without ``--bundle`` the encoder that comes with the package is used."""

import json

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from neardup import Detector
from neardup.bundle import DEFAULT_BUNDLE, Bundle
from neardup.cli.main import main
from neardup.errors import BundleError
from toy_bundle import save_toy_bundle

LARGEST = 12_000_000
"""Bytes that a default bundle may take: everyone who installs neardup gets it."""


@pytest.fixture
def default(tmp_path, monkeypatch):
    """A made-up default bundle, in a folder that has no outputs/ either."""
    folder = save_toy_bundle(tmp_path / "package" / "default_bundle").directory
    monkeypatch.setattr("neardup.bundle.DEFAULT_BUNDLE", folder)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def photos(tmp_path, picture):
    folder = tmp_path / "photos"
    folder.mkdir()
    picture(1).save(folder / "a.png")
    picture(1).resize((80, 60)).save(folder / "a-small.png")
    picture(2).save(folder / "b.png")
    return folder


def test_no_bundle_need_be_named(default, photos, capsys):
    assert Detector.load().bundle.directory == default
    assert Detector.load().is_duplicate(photos / "a.png", photos / "a-small.png")
    assert main(["compare", str(photos / "a.png"), str(photos / "a-small.png")]) == 0
    assert main(["compare", str(photos / "a.png"), str(photos / "b.png")]) == 1
    assert main(["scan", str(photos)]) == 1
    assert main(["embed", str(photos), "--out", "vectors.npz"]) == 0
    assert capsys.readouterr().err.count("neardup:") == 0


def test_a_run_of_ones_own_does_not_change_the_default(default, photos, tmp_path):
    save_toy_bundle(tmp_path / "outputs/latest/bundle", seed=1)
    assert Detector.load().bundle.directory == default


def test_info_says_what_it_is(default, capsys):
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    assert str(default) in text
    assert "toy, 64 px" in text
    assert "--at f1 (default): distance <= 0.2500, precision 1.0000, recall 0.9000" in text
    assert "--at precision=0.99: no threshold reaches it" in text
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["operating_points"]["f1"]["threshold"] == 0.25


def test_a_copy_of_neardup_without_it_says_what_to_do(tmp_path, monkeypatch, photos, capsys):
    monkeypatch.setattr("neardup.bundle.DEFAULT_BUNDLE", tmp_path / "absent")
    with pytest.raises(BundleError, match=r"without its default bundle.*train\.py.*--bundle"):
        Detector.load()
    assert main(["scan", str(photos)]) == 2
    error = capsys.readouterr().err
    assert "--bundle" in error
    assert error.count("\n") == 1


class TestTheOneInThePackage:
    def test_is_small_and_whole(self):
        assert {path.name for path in DEFAULT_BUNDLE.iterdir()} == {"bundle.json", "encoder.onnx"}
        assert sum(path.stat().st_size for path in DEFAULT_BUNDLE.iterdir()) <= LARGEST
        bundle = Bundle.load(verify=True)
        assert bundle.threshold() > 0
        assert {"data", "steps", "git_commit", "config", "licence"} <= bundle.provenance.keys()

    def test_names_no_folder_of_the_machine_it_was_made_on(self):
        roots = [b"/root/", b"/home/", b"/tmp/", b"/usr/", b"/work", b"/Users/", b"site-packages"]
        for path in DEFAULT_BUNDLE.iterdir():
            content = path.read_bytes()
            assert [root for root in roots if root in content] == []

    def test_tells_a_brightened_copy_from_another_picture(self):
        from neardup.procedural import generate

        one, other = (Image.fromarray(generate(seed=9, index=i, size=256)) for i in (1, 2))
        detector = Detector.load()
        assert detector.is_duplicate(one, ImageEnhance.Brightness(one).enhance(1.2))
        assert not detector.is_duplicate(one, other)
        assert np.isfinite(detector.embed([one, other])).all()
