"""Training goes on from an ``encoder.onnx``: BatchNorm is taken out of the convolutions again.

For inference each convolution has taken up the BatchNorm after it. To train, a network needs it
back, with the statistics that its inputs have; those are measured on pictures.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from neardup.embedder import Embedder
from neardup.errors import ConfigError
from neardup.training.encoder import Encoder

MOST_PICTURES = 256
Pixels = NDArray[np.uint8]

_FARTHEST = 2e-2  # between the two networks' embeddings: half precision's rounding
_SHORT, _FOLDED = ".fp16", "_bias"


def unfold(encoder: Encoder, path: Path, pictures: Pixels) -> None:
    """Give an encoder the weights of an exported network of the same shape, in place.

    Args:
        encoder: of the backbone and embedding size that the network was exported from.
        path: the ``encoder.onnx``, not quantised to int8.
        pictures: (N, S, S, 3) uint8 RGB, like those that it will be trained on.

    Raises:
        ConfigError: the network is of another shape, or does not give the same embeddings.
    """
    tensors = _tensors(path)
    with torch.no_grad():
        if "whiten.weight" in tensors:
            encoder.whiten = nn.Linear(*tensors["whiten.weight"].shape)
        _load(encoder, tensors, path)
        encoder.eval()
        found = _measured(encoder, torch.from_numpy(pictures))
        encoder.train()
    wanted = Embedder(path)(pictures)
    farthest = float(np.linalg.norm(found.numpy() - wanted, axis=1).max())
    if farthest > _FARTHEST:
        raise ConfigError(
            f"encoder.weights={path.parent}: its weights were found, but embeddings differ by"
            f" {farthest:.3f}; name the checkpoint it was made from"
        )


def _tensors(path: Path) -> dict[str, Tensor]:
    """The weights by the names they had in torch."""
    tensors = {}
    for each in onnx.load(str(path)).graph.initializer:
        name = each.name.removesuffix(_SHORT).replace(".weight" + _FOLDED, ".bias")
        tensors[name] = torch.from_numpy(np.array(numpy_helper.to_array(each), dtype=np.float32))
    return tensors


def _load(encoder: Encoder, tensors: dict[str, Tensor], path: Path) -> None:
    """Convolutions and linear layers take theirs; a BatchNorm takes the bias of what it follows.

    A convolution that a BatchNorm follows is made as large as it is in a new network, each channel
    of it, and the BatchNorm takes that back. It had also taken up the BatchNorm's scale, often a
    tenth, and an optimiser whose steps do not depend on the gradient's size would walk ten times as
    far.
    """
    before, larger = "", torch.empty(0)
    for name, module in encoder.named_modules():
        match module:
            case nn.Conv2d() | nn.Linear():
                new = _lengths(module.weight)
                _take(module.weight, tensors, f"{name}.weight", path)
                if module.bias is not None:
                    _take(module.bias, tensors, f"{name}.bias", path)
                before, larger = name, new / _lengths(module.weight).clamp(min=1e-12)
            case nn.BatchNorm2d():
                followed = encoder.get_parameter(f"{before}.weight")
                followed.mul_(larger.view(-1, *(1 for _ in followed.shape[1:])))
                module.weight.copy_(1 / larger)
                _take(module.bias, tensors, f"{before}.bias", path)
                mean, variance = _statistics(module)
                mean.zero_()
                variance.fill_(1 - module.eps)


def _lengths(weight: Tensor) -> Tensor:
    """(C, ...) -> (C,), the L2 norm of what makes each channel of the output."""
    lengths: Tensor = weight.flatten(1).norm(dim=1)
    return lengths


def _take(own: Tensor, tensors: dict[str, Tensor], name: str, path: Path) -> None:
    other = tensors.get(name)
    if other is None or other.shape != own.shape:
        found = "none" if other is None else tuple(other.shape)
        raise ConfigError(
            f"encoder.weights={path.parent}: {name} of shape {tuple(own.shape)} is wanted, it has"
            f" {found}; set encoder.backbone and encoder.embedding_size to those it was made with,"
            " or name the checkpoint it was made from"
        )
    own.copy_(other)


def _statistics(module: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert module.running_mean is not None
    assert module.running_var is not None
    return module.running_mean, module.running_var


def _measured(encoder: Encoder, images: Tensor) -> Tensor:
    """Embed, and leave in each BatchNorm the statistics of its inputs, its outputs unchanged."""

    def settle(module: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        mean, variance = inputs[0].mean(dim=(0, 2, 3)), inputs[0].var(dim=(0, 2, 3))
        for own, seen in zip(_statistics(module), (mean, variance), strict=True):
            own.copy_(seen)
        module.bias.add_(mean * module.weight)
        module.weight.mul_((variance + module.eps).sqrt())

    hooks = [
        module.register_forward_pre_hook(settle)
        for module in encoder.modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    found: Tensor = encoder(images)
    for hook in hooks:
        hook.remove()
    return found
