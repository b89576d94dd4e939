import json

import pytest

from neardup.bundle import Bundle
from neardup.errors import BundleError
from toy_bundle import THRESHOLD, save_toy_bundle


@pytest.fixture
def bundle(tmp_path):
    return save_toy_bundle(tmp_path / "bundle")


def edit(bundle, **changes):
    path = bundle.directory / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_survives_the_disk(bundle):
    again = Bundle.load(bundle.directory)
    assert again == bundle
    assert again.operating_points["f1"].recall == 0.9
    assert set(again.files) == {"encoder.onnx", "encoder.safetensors"}
    assert list(bundle.directory.glob(".*")) == []


def test_thresholds_by_name_and_number(bundle):
    assert bundle.threshold() == THRESHOLD
    assert bundle.threshold("f1") == THRESHOLD
    assert bundle.threshold("0.5") == bundle.threshold(0.5) == 0.5
    with pytest.raises(BundleError, match=r"it has f1, precision=0\.99"):
        bundle.threshold("precision=0.5")
    with pytest.raises(BundleError, match="no threshold reaches"):
        bundle.threshold("precision=0.99")
    for outside in (-0.1, 2.5, "nan"):
        with pytest.raises(BundleError, match=r"\[0, 2\]"):
            bundle.threshold(outside)


def test_missing_bundle_says_what_to_do(tmp_path):
    with pytest.raises(BundleError, match=r"train\.py"):
        Bundle.load(tmp_path / "absent")


@pytest.mark.parametrize("name", ["encoder.onnx", "encoder.safetensors"])
def test_damaged_file_is_named(bundle, name):
    path = bundle.directory / name
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(BundleError, match=name):
        Bundle.load(bundle.directory)
    Bundle.load(bundle.directory, verify=False)
    path.unlink()
    with pytest.raises(BundleError, match=f"{name} cannot be read"):
        Bundle.load(bundle.directory)


@pytest.mark.parametrize("name", ["encoder.onnx", "encoder.safetensors"])
def test_a_file_without_its_hash_is_not_trusted(bundle, name):
    path = bundle.directory / "bundle.json"
    description = json.loads(path.read_text())
    del description["files"][name]
    path.write_text(json.dumps(description))
    with pytest.raises(BundleError, match=f"no sha256 of {name}"):
        Bundle.load(bundle.directory)


def test_other_formats_and_garbage_are_refused(bundle):
    edit(bundle, format=99)
    with pytest.raises(BundleError, match="format 99"):
        Bundle.load(bundle.directory)
    edit(bundle, format=1, image_size="large")
    with pytest.raises(BundleError, match="damaged"):
        Bundle.load(bundle.directory)
    edit(bundle, image_size=64, operating_points={"f1": {"treshold": 1}})
    with pytest.raises(BundleError, match="damaged"):
        Bundle.load(bundle.directory)
    for threshold in ("0.3", float("nan"), -1, 7):
        point = {"threshold": threshold, "precision": 1, "recall": 1, "measured_on": ""}
        edit(bundle, operating_points={"f1": point})
        with pytest.raises(BundleError, match="damaged"):
            Bundle.load(bundle.directory)
    (bundle.directory / "bundle.json").write_text("{")
    with pytest.raises(BundleError, match="cannot be read"):
        Bundle.load(bundle.directory)


def test_an_encoder_that_is_no_network(bundle):
    from neardup.detector import Detector

    (bundle.directory / "encoder.onnx").write_bytes(b"nonsense")
    bundle.save()
    with pytest.raises(BundleError, match="not a network"):
        Detector.load(bundle.directory)


def test_saving_without_an_encoder(bundle):
    bundle.encoder_path.unlink()
    with pytest.raises(BundleError, match=r"encoder\.onnx"):
        bundle.save()
