"""The encoder's contract: uint8 pictures in, unit vectors out, whichever backbone."""

import numpy as np
import pytest
import torch

from neardup.errors import ConfigError
from neardup.training.config import EncoderConfig
from neardup.training.encoder import Encoder, GeM, TorchEmbedder

FAMILIES = [
    "test_resnet",
    "test_convnext",
    "test_efficientnet",
    "test_vit",  # tokens; built for one size of picture
    "test_mambaout",  # channels last
    "mobilenetv3_small_050",  # widens its features in the head
]


def encoder(backbone: str = "test_resnet", **options: float) -> Encoder:
    torch.manual_seed(0)
    config = EncoderConfig(backbone=backbone, weights="random", embedding_size=24, **options)
    return Encoder(config, image_size=64)


def pictures(count: int = 3) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("backbone", FAMILIES)
def test_any_family_gives_unit_vectors(backbone: str) -> None:
    embed = encoder(backbone)
    embeddings = embed(pictures())
    assert embeddings.shape == (3, 24)
    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))
    embeddings[:, 0].sum().backward()
    trained = [p for name, p in embed.named_parameters() if name.startswith("backbone")]
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in trained)


@pytest.mark.parametrize("backbone", FAMILIES)
def test_a_picture_is_embedded_alike_alone_and_in_a_batch(backbone: str) -> None:
    embed = encoder(backbone).eval()
    with torch.no_grad():
        together = embed(pictures())
        alone = torch.cat([embed(one) for one in pictures().split(1)])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)


def test_frozen_stages_stay_as_they_are_and_the_others_learn() -> None:
    embed = encoder("test_resnet", frozen_stages=2).train()
    before = {name: value.clone() for name, value in embed.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in embed.parameters() if p.requires_grad], lr=1.0)
    embed(pictures())[:, 0].sum().backward()
    optimizer.step()
    changed = {n for n, value in embed.state_dict().items() if not torch.equal(value, before[n])}
    assert not [name for name in changed if name.startswith(("backbone.conv1", "backbone.layer1"))]
    assert [name for name in changed if name.startswith("backbone.layer2")]


def test_frozen_batchnorm_rests_from_the_start_and_where_processes_share_it() -> None:
    embed = encoder("test_resnet", frozen_stages=2)
    before = embed.backbone.get_buffer("bn1.running_mean").clone()
    embed(pictures())
    assert torch.equal(embed.backbone.get_buffer("bn1.running_mean"), before)
    shared = torch.nn.SyncBatchNorm.convert_sync_batchnorm(embed).train()
    assert not shared.backbone.bn1.training
    assert shared.backbone.get_submodule("layer2.0.bn1").training


def test_a_backbone_cannot_be_frozen_whole() -> None:
    with pytest.raises(ConfigError, match=r"encoder\.frozen_stages=5: the backbone has 5 stages"):
        encoder("test_resnet", frozen_stages=5)


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"encoder\.backbone=resnet5o"):
        encoder("resnet5o")


@pytest.mark.parametrize("power", [1.0, 3.0, 7.0])
def test_gem_is_the_formula(power: float) -> None:
    features = torch.rand(2, 5, 4, 3)
    expected = torch.zeros(2, 5)
    for b in range(2):
        for c in range(5):
            values = features[b, c].flatten().tolist()
            expected[b, c] = (sum(v**power for v in values) / len(values)) ** (1 / power)
    torch.testing.assert_close(GeM(power)(features), expected)


def test_gem_of_nothing_has_a_finite_gradient() -> None:
    features = torch.zeros(1, 2, 3, 3, requires_grad=True)
    GeM(3.0)(features).sum().backward()
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()


def test_pixels_are_normalised_inside() -> None:
    """A picture of the mean colour reaches the backbone as zeros."""
    embed = encoder().eval()
    seen = {}
    embed.backbone.register_forward_pre_hook(lambda _, inputs: seen.update(x=inputs[0]))
    embed(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    black = seen["x"]
    embed(torch.full((1, 64, 64, 3), 255, dtype=torch.uint8))
    white = seen["x"]
    assert black.shape == (1, 3, 64, 64)
    torch.testing.assert_close(white - black, (1 / embed.std).expand_as(black))
    torch.testing.assert_close(black, (-embed.mean / embed.std).expand_as(black))


def test_the_embedder_takes_pictures_of_any_size_and_leaves_the_mode() -> None:
    embed = encoder()
    embed.train()
    sizes = [(64, 64), (30, 90), (200, 10)]
    found = TorchEmbedder(embed, 64)([np.zeros((*size, 3), np.uint8) for size in sizes])
    assert found.shape == (3, 24)
    assert found.dtype == np.float32
    assert embed.training
    np.testing.assert_allclose(found, found[:1].repeat(3, axis=0), atol=1e-5)
    assert TorchEmbedder(embed, 64)([]).shape == (0, 24)
