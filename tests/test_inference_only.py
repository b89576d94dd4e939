"""Inference works where nothing of training is installed."""

import subprocess
import sys

FORBIDDEN = (
    "torch", "torchvision", "pytorch_lightning", "lightning", "hydra", "omegaconf", "wandb",
    "albumentations", "sklearn", "timm", "scipy",
)  # fmt: skip

SCRIPT = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FORBIDDEN!r}:
            raise ImportError(f"{{name}} is not for inference")

sys.meta_path.insert(0, Refuse())
bundle, a, b = sys.argv[1:]
from neardup import Detector
from neardup.cli import main
assert not Detector.load(bundle).is_duplicate(a, b)
sys.exit(main(["compare", a, a, "--bundle", bundle]))
"""


def test_load_a_bundle_and_compare(toy_bundle, picture, tmp_path):
    for seed in (1, 2):
        picture(seed).save(tmp_path / f"{seed}.png")
    arguments = [str(toy_bundle), str(tmp_path / "1.png"), str(tmp_path / "2.png")]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
