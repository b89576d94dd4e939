"""The encoder: normalisation, timm backbone, GeM pooling, linear projection, unit L2 norm."""

import difflib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from timm.models import PretrainedCfg, group_parameters
from torch import Tensor, nn
from torch.nn import functional as F

from neardup.errors import ConfigError
from neardup.images.network_input import to_batch
from neardup.training.config import EncoderConfig


class GeM(nn.Module):
    """Generalised-mean pooling, (mean x^p)^(1/p) over space (Radenovic, Tolias & Chum 2018, eq. 3).

    ``power`` 1 is average pooling; it tends to max pooling as ``power`` grows.
    """

    def __init__(self, power: float, *, floor: float = 1e-6) -> None:
        super().__init__()
        self.power = power
        self.floor = floor

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C), in float32: x^3 leaves the range of half precision."""
        features = features.float().clamp(min=self.floor).pow(self.power)
        return features.mean(dim=(-2, -1)).pow(1.0 / self.power)


class Encoder(nn.Module):
    """Maps images to points on the unit sphere; near points are the same image.

    Args:
        config: backbone, pooling and embedding size. Its ``weights`` are not read here.
        image_size: side S of the images, in pixels; some backbones (ViT, Swin) are built for
            one size. None is the size that timm publishes the backbone for.
        pretrained: have timm fetch the backbone's published weights.

    Raises:
        ConfigError: timm has no such backbone, cannot give its features before pooling, or has
            too few stages for ``frozen_stages``.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        config: EncoderConfig,
        *,
        image_size: int | None = None,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"num_classes": 0, "global_pool": ""}
        published = published_as(config.backbone)
        if image_size is not None and published is not None and published.fixed_input_size:
            options["img_size"] = image_size
        try:
            self.backbone = timm.create_model(config.backbone, pretrained=pretrained, **options)
        except AssertionError as error:
            raise ConfigError(
                f"encoder.backbone={config.backbone}: cannot be used here ({error})"
            ) from None
        except RuntimeError as error:
            if "Unknown model" not in str(error):
                raise
            close = difflib.get_close_matches(config.backbone, timm.list_models())
            raise ConfigError(
                f"encoder.backbone={config.backbone}: timm has no such model;"
                + (f" did you mean {' or '.join(close)}?" if close else "")
                + " `python -c 'import timm; print(timm.list_models())'` lists all"
            ) from None
        self.pool = GeM(config.gem_power)
        self.project = nn.Linear(cast(int, self.backbone.head_hidden_size), config.embedding_size)
        self.whiten: nn.Linear | None = None  # fitted by export whiten=true
        self._frozen = _freeze(self.backbone, config.frozen_stages)
        its_config = cast(dict[str, Any], self.backbone.pretrained_cfg)
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(its_config[name]).view(1, 3, 1, 1))
        self.train()

    def train(self, mode: bool = True) -> "Encoder":
        """Set the mode; the BatchNorm of frozen stages stays in evaluation mode, and unchanged."""
        super().train(mode)
        for name in self._frozen:  # by name: BatchNorm is replaced where processes share it
            self.backbone.get_submodule(name).eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Embed images.

        Args:
            images: (B, S, S, 3) uint8 RGB, as :func:`neardup.images.network_input.to_input` makes
                them.

        Returns:
            (B, D) float32 of unit L2 norm.
        """
        pixels = images.permute(0, 3, 1, 2).to(self.mean.dtype) / 255.0
        pixels = (pixels - self.mean) / self.std
        features = self.backbone(pixels.contiguous(memory_format=torch.channels_last))
        if features.ndim == 3:  # a transformer's (B, tokens, C): its patch tokens are the space
            prefix = getattr(self.backbone, "num_prefix_tokens", 0)
            features = features[:, prefix:].transpose(1, 2).unsqueeze(-1)
        elif getattr(self.backbone, "output_fmt", None) == "NHWC":
            features = features.permute(0, 3, 1, 2)
        with torch.autocast(images.device.type, enabled=False):
            embeddings = F.normalize(self.project(self.pool(features)), dim=1)
            if self.whiten is not None:
                embeddings = F.normalize(self.whiten(embeddings), dim=1)
            return embeddings


def _freeze(backbone: nn.Module, stages: int) -> list[str]:
    """Take the first stages of a backbone, as timm divides it, out of training; name their parts.

    The first stages see the most pixels and cost the most (``benchmarks/step.py``).
    """
    if not stages:
        return []
    names = group_parameters(backbone, backbone.group_matcher(coarse=True))  # type: ignore[operator]
    if stages >= len(names):
        raise ConfigError(
            f"encoder.frozen_stages={stages}: the backbone has {len(names)} stages,"
            " and the last has to be trained"
        )
    parts = set()
    for name in (name for stage in range(stages) for name in names[stage]):
        backbone.get_parameter(name).requires_grad_(False)
        parts.add(name.rpartition(".")[0])
    return sorted(parts - {""})


def published_as(backbone: str) -> PretrainedCfg | None:
    """What timm knows of a backbone's published weights; None for a backbone it does not list.

    Raises:
        ConfigError: timm has the backbone, but no weights of this tag (``resnet50.TAG``).
    """
    if not timm.is_model(backbone):
        return None
    try:
        return timm.get_pretrained_cfg(backbone)
    except RuntimeError:
        tags = timm.list_pretrained(f"{backbone.split('.')[0]}.*")
        raise ConfigError(
            f"encoder.backbone={backbone}: no such weights; there are {', '.join(tags)}"
        ) from None


def squash(images: Tensor, size: int) -> Tensor:
    """Resize images to a square, antialiased, on whichever device they are.

    Equal to :func:`neardup.images.network_input.to_input`, which uses Pillow, to within one level
    of 255; five where a side shrinks by six or more, which Pillow does in two steps.

    Args:
        images: (B, H, W, 3) uint8 RGB.
        size: side of the square, pixels.

    Returns:
        (B, size, size, 3) uint8; ``images`` itself if it has that size.
    """
    if images.shape[1:3] == (size, size):
        return images
    pixels = images.permute(0, 3, 1, 2)
    on_cpu = pixels.device.type == "cpu"  # elsewhere torch antialiases floating point only
    pixels = pixels if on_cpu else pixels.float()
    pixels = F.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True)
    pixels = pixels if on_cpu else pixels.round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1)


_BATCH = 64


class TorchEmbedder:
    """Calls the encoder in evaluation mode, in float32, and leaves its mode as it was.

    Args:
        encoder: on any device.
        image_size: side S of its input, pixels.
    """

    def __init__(self, encoder: Encoder, image_size: int) -> None:
        self.encoder = encoder
        self.image_size = image_size

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """N images (H, W, 3) uint8 -> (N, D) float32 of unit norm; they are read in batches."""
        device = self.encoder.mean.device
        was_training = self.encoder.training
        self.encoder.eval()
        parts = []
        try:
            with torch.inference_mode(), torch.autocast(device.type, enabled=False):
                for start in range(0, max(1, len(images)), _BATCH):
                    end = min(start + _BATCH, len(images))
                    batch = to_batch([images[i] for i in range(start, end)], self.image_size)
                    parts.append(self.encoder(torch.from_numpy(batch).to(device)).cpu())
        finally:
            self.encoder.train(was_training)
        embeddings: NDArray[np.float32] = torch.cat(parts).numpy()
        return embeddings
