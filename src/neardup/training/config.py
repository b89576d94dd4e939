"""Every key of ``train.py`` and ``export.py``: meaning, unit, range and default.

A value stands here once. The files in ``configs/`` hold only what differs from it.
"""

from dataclasses import dataclass, field
from typing import Any

from neardup.config import check, setting

REQUIRED: Any = "???"
"""Hydra's mark for a key without a default: the command line or a config group must give it."""


def fraction(default: float, meaning: str) -> Any:
    """A setting between 0 and 1: a probability or a share."""
    return setting(default, meaning, low=0.0, high=1.0)


@dataclass(slots=True, kw_only=True)
class DataConfig:
    """What all sources of images share."""

    image_size: int = setting(
        64, "side of the square the encoder sees", unit="pixels", low=16, high=1024
    )
    inference_size: int = setting(
        0,
        "the same once it is trained: in validation, test and bundle; 0 is image_size",
        unit="pixels",
        low=0,
        high=1024,
    )
    batch_size: int = setting(64, "pairs per step, all processes together", low=2)
    look_alikes: int = setting(
        0,
        "nearest other pictures, as the encoder sees them when it begins, that share a picture's"
        " batch; 0 draws batches at random",
        low=0,
        high=64,
    )
    num_workers: int = setting(
        -1, "loader processes per training process; -1 chooses from the machine", low=-1, high=128
    )
    cache: str = setting(
        "disk", "where decoded small images are kept", choices=("disk", "ram", "off")
    )
    cache_dir: str = setting("~/.cache/neardup", "folder for manifests and decoded images")
    max_val_images: int = setting(
        100, "source images of the val split that are used between rounds", low=2
    )
    max_test_images: int = setting(
        300,
        "source images of the test split used for the final figures, and of the val split for"
        " choosing the thresholds: a precision holds for as many images as it was measured on",
        low=2,
    )

    @property
    def size_at_inference(self) -> int:
        """Side of the square that the trained encoder sees, pixels."""
        return self.inference_size or self.image_size


@dataclass(slots=True, kw_only=True)
class ProceduralConfig(DataConfig):
    """Synthetic pictures with natural statistics; needs no files."""

    name: str = setting("procedural", "kind of data", choices=("procedural",))
    num_images: int = setting(3000, "pictures in the training split", low=2)
    # Seeds from 2**31 on are those of the validation and test pictures.
    generator_seed: int = setting(0, "chooses the pictures", low=0, high=2**31 - 1)


@dataclass(slots=True, kw_only=True)
class FolderConfig(DataConfig):
    """A folder of images, searched recursively."""

    name: str = setting("folder", "kind of data", choices=("folder",))
    root: str = setting(REQUIRED, "the folder; has no default")
    val_fraction: float = setting(0.1, "share of source images for validation", low=0.001, high=0.9)
    test_fraction: float = setting(0.1, "share of source images for the test", low=0.001, high=0.9)
    near_copy_radius: int = setting(
        3,
        "images whose 64-bit dHashes differ in at most this many bits count as one source",
        unit="bits",
        low=0,
        high=16,
    )


@dataclass(slots=True, kw_only=True)
class MixedConfig(FolderConfig):
    """A folder of images, and procedural pictures beside those of its training split."""

    name: str = setting("mixed", "kind of data", choices=("mixed",))
    num_images: int = setting(4000, "procedural pictures", low=1)
    generator_seed: int = setting(0, "chooses the pictures", low=0, high=2**31 - 1)


@dataclass(slots=True, kw_only=True)
class ImagenetteConfig(FolderConfig):
    """Imagenette (about 13,000 photographs in ten classes), fetched by torchvision."""

    name: str = setting("imagenette", "kind of data", choices=("imagenette",))
    root: str = setting("~/.cache/neardup/imagenette", "where it is kept or fetched to")


@dataclass(slots=True, kw_only=True)
class AugmentConfig:
    """How a view is made from its source. The ``*_probability`` keys are per view."""

    identity_share: float = fraction(0.1, "share of positives left untouched")
    anchor_identity_share: float = fraction(
        0.1, "share of anchors left untouched: the other view is then compared with its original"
    )
    exposure_probability: float = fraction(0.0, "of another exposure")
    exposure: float = setting(3.0, "most by which it differs", unit="stops", low=0.0, high=10.0)
    gamma_probability: float = fraction(0.0, "of another tone curve")
    gamma: float = setting(
        2.5, "largest exponent, or its inverse, on values in [0, 1]", low=1.0, high=10.0
    )
    colour_probability: float = fraction(0.8, "that light and colour change")
    brightness: float = fraction(0.4, "largest relative change of brightness")
    contrast: float = fraction(0.4, "largest relative change of contrast")
    saturation: float = fraction(0.4, "largest relative change of saturation")
    hue: float = setting(36.0, "largest turn of hue", unit="degrees", low=0.0, high=180.0)
    zoom_probability: float = fraction(0.8, "that the view is zoomed and cropped")
    max_zoom: float = setting(
        1.5, "largest zoom z; the crop's sides are 1/z of the picture's", low=1.0, high=10.0
    )
    salt_pepper_probability: float = fraction(0.3, "of salt-and-pepper noise")
    salt_pepper: float = fraction(0.06, "largest share of pixels replaced")
    gaussian_probability: float = fraction(0.3, "of Gaussian noise")
    gaussian: float = fraction(0.12, "largest standard deviation of the noise, white being 1")
    jpeg_probability: float = fraction(0.0, "of JPEG compression")
    jpeg_quality: int = setting(10, "worst JPEG quality; the best is 95", low=1, high=95)
    blur_probability: float = fraction(0.0, "of Gaussian blur")
    blur: float = setting(
        0.02, "largest standard deviation, as a share of the image side", low=0.0, high=0.2
    )
    grayscale_probability: float = fraction(0.0, "of losing all colour")
    filter_probability: float = fraction(0.0, "of a filter: sepia, few tones, solarised, equalised")
    thumbnail_probability: float = fraction(0.0, "of having been a thumbnail, enlarged again")
    thumbnail: float = setting(
        0.25, "smallest thumbnail, its side as a share of the view's", low=0.02, high=0.5
    )
    rotation_probability: float = fraction(0.0, "of a rotation, with or without borders")
    rotation: float = setting(15.0, "largest rotation", unit="degrees", low=0.0, high=180.0)
    mirror_probability: float = fraction(0.0, "of a left-right mirror image")
    flip_probability: float = fraction(0.0, "of standing on its head")
    quarter_turn_probability: float = fraction(0.0, "of up to three turns by 90 degrees")
    perspective_probability: float = fraction(0.0, "of being seen from an angle")
    perspective: float = setting(
        0.12, "farthest that a corner moves, as a share of the side", low=0.01, high=0.4
    )
    aspect_probability: float = fraction(0.0, "of a changed aspect ratio")
    aspect: float = setting(1.5, "largest factor on width over height", low=1.0, high=4.0)
    border_probability: float = fraction(0.0, "of a plain border")
    border: float = setting(0.15, "widest border, as a share of the side", low=0.0, high=0.45)
    caption_probability: float = fraction(0.0, "of a band with text, above or below")
    screenshot_probability: float = fraction(0.0, "of being shown in a window with bars and text")
    collage_probability: float = fraction(0.0, "of lying on another picture of the training set")
    collage: float = setting(
        0.25, "smallest share of the other picture's area that it then covers", low=0.05, high=1.0
    )
    overlay_probability: float = fraction(0.0, "of one or two pasted rectangles")


@dataclass(slots=True, kw_only=True)
class EncoderConfig:
    """Backbone, GeM pooling, linear projection, unit L2 norm."""

    backbone: str = setting("resnet50", "any timm model name")
    weights: str = setting(
        "auto",
        "auto | imagenet | random | neardup | a bundle, checkpoint, .safetensors or .torchvision.pt"
        " file; auto is imagenet where it can be had, else random; neardup is the encoder that"
        " comes along",
    )
    embedding_size: int = setting(512, "length of the embedding", low=2, high=8192)
    gem_power: float = setting(
        3.0, "GeM exponent: 1 is average pooling, large is max pooling", low=1.0, high=100.0
    )
    frozen_stages: int = setting(
        0, "first stages of the backbone, its stem among them, that are not trained", low=0
    )


@dataclass(slots=True, kw_only=True)
class LossConfig:
    """What every loss can add."""

    koleo_weight: float = setting(
        0.0, "weight of the differential-entropy spread term (KoLeo); 0 is off", low=0.0
    )
    memory_size: int = setting(
        0, "embeddings of past batches kept as further negatives; 0 is off", low=0
    )


@dataclass(slots=True, kw_only=True)
class ContrastiveConfig(LossConfig):
    """Hadsell, Chopra & LeCun 2006."""

    name: str = setting("contrastive", "which loss", choices=("contrastive",))
    margin: float = setting(
        1.0, "negatives farther apart than this cost nothing", unit="L2 distance", low=0.0, high=2.0
    )
    positive_margin: float = setting(
        0.0, "positives closer than this cost nothing", unit="L2 distance", low=0.0, high=2.0
    )


@dataclass(slots=True, kw_only=True)
class TripletConfig(LossConfig):
    """Schroff et al. 2015; batch-hard after Hermans et al. 2017."""

    name: str = setting("triplet", "which loss", choices=("triplet",))
    margin: float = setting(
        0.3, "how much farther the negative must be", unit="L2 distance", low=0.0, high=2.0
    )
    miner: str = setting(
        "semi_hard", "which triplets count", choices=("batch_hard", "semi_hard", "all")
    )


@dataclass(slots=True, kw_only=True)
class NTXentConfig(LossConfig):
    """Sohn 2016; Chen et al. 2020 (InfoNCE over the batch)."""

    name: str = setting("ntxent", "which loss", choices=("ntxent",))
    temperature: float = setting(0.05, "softness of the softmax over similarities", low=0.001)
    pooled: bool = setting(
        False, "compare each positive with the negatives of all anchors, not with its own alone"
    )


@dataclass(slots=True, kw_only=True)
class DistillConfig:
    """A trained encoder to imitate: Hinton et al. 2015; Budnik & Avrithis 2021."""

    teacher: str = setting(
        "",
        "a run folder, checkpoint or bundle; the loss is then the squared distance to its"
        " embeddings; empty is off",
    )
    pair_weight: float = setting(
        0.0, "weight of the configured loss on pairs beside that distance; 0 is off", low=0.0
    )


@dataclass(slots=True, kw_only=True)
class OptimizerConfig:
    """Update rule with linear warm-up and cosine decay to zero."""

    name: str = setting("adamw", "update rule", choices=("adamw", "sgd"))
    lr: float = setting(1e-3, "peak learning rate", low=0.0)
    weight_decay: float = setting(0.05, "decay of weights (not of norms and biases)", low=0.0)
    warmup_fraction: float = fraction(0.1, "share of the steps spent warming up")


@dataclass(slots=True, kw_only=True)
class TrainerConfig:
    """The Lightning options we use, and the alarm."""

    max_steps: int = setting(60, "optimisation steps", low=1)
    val_every: int = setting(
        20, "steps between validations; a checkpoint follows each", unit="steps", low=1
    )
    accelerator: str = setting(
        "auto", "where to compute", choices=("auto", "cpu", "gpu", "cuda", "mps")
    )
    devices: int = setting(1, "processes on this machine, one for each GPU", low=1)
    strategy: str = setting(
        "auto", "how processes work together; auto is ddp for several", choices=("auto", "ddp")
    )
    precision: str = setting(
        "auto",
        "auto is bf16-mixed on GPU, 32-true elsewhere",
        choices=("auto", "32-true", "bf16-mixed", "16-mixed"),
    )
    compile: bool = setting(
        False, "have torch.compile fuse the encoder's operations: a minute's wait, faster steps"
    )
    ema_decay: float = setting(
        0.0,
        "judge and keep an exponential moving average of the weights; 0 is off",
        low=0.0,
        high=0.99999,
    )
    gradient_clip: float = setting(1.0, "largest gradient norm; 0 is off", low=0.0)
    collapse_patience: int = setting(
        100,
        "stop after this many steps in a row with collapsed embeddings; 0 is off",
        unit="steps",
        low=0,
    )


@dataclass(slots=True, kw_only=True)
class LoggerConfig:
    """Dashboards. metrics.csv is always written."""

    name: str = setting("wandb", "dashboard", choices=("wandb", "tensorboard", "csv"))
    project: str = setting("neardup", "wandb project")
    mode: str = setting(
        "auto",
        "wandb: auto is online when logged in, else offline",
        choices=("auto", "online", "offline"),
    )
    log_every: int = setting(5, "steps between rows", unit="steps", low=1)


@dataclass(slots=True, kw_only=True)
class ExportConfig:
    """Every key of ``export.py``."""

    ckpt: str = setting(REQUIRED, "a checkpoint of train.py, or the run folder it is in")
    out: str = setting(
        "", "where the bundle goes; empty is the run's folder: bundle/, bundle-fp16/, bundle-int8/"
    )
    overwrite: bool = setting(False, "replace the bundle that is at `out`")
    quantize: str = setting(
        "none",
        "fp16: weights in half the space, float32 arithmetic; int8: weights and arithmetic",
        choices=("none", "fp16", "int8"),
    )
    weights: bool = setting(
        True, "also write encoder.safetensors, to train on from; never with int8"
    )
    whiten: bool = setting(False, "PCA-whiten the embeddings, fitted on the run's training images")
    licence: str = setting("", "of the encoder, to be kept in the bundle")
    note: str = setting("", "what else the bundle is to say of itself")

    def __post_init__(self) -> None:
        """Raises ConfigError if a value is out of range, naming the key."""
        check(self)


@dataclass(slots=True, kw_only=True)
class TrainConfig:
    """The whole of a training run."""

    seed: int = setting(0, "everything random follows from it", low=0, high=2**32 - 1)
    run_dir: str = setting("", "where results go")
    resume: str = setting("", "a run folder to go on with")
    data: DataConfig = REQUIRED
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    loss: LossConfig = REQUIRED
    distill: DistillConfig = field(default_factory=DistillConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
