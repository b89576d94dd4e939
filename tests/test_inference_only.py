"""Inference works where nothing of training is installed."""

import subprocess
import sys

FORBIDDEN = (
    "torch", "torchvision", "pytorch_lightning", "lightning", "hydra", "omegaconf", "wandb",
    "albumentations", "sklearn", "timm", "scipy", "matplotlib", "pandas", "onnx",
    "faiss", "lancedb", "pyarrow", "shtab", "pillow_heif", "cv2",
)  # fmt: skip

SCRIPT = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FORBIDDEN!r}:
            raise ImportError(f"{{name}} is not for inference")

sys.meta_path.insert(0, Refuse())
bundle, a, b, folder, out = sys.argv[1:]
from neardup import Detector
from neardup.cli.main import main
assert not Detector.load(bundle).is_duplicate(a, b)
assert main(["compare", a, a, "--bundle", bundle]) == 0
assert main(["scan", folder, "--bundle", bundle, "--out", out]) == 0
assert main(["embed", folder, "--bundle", bundle, "--out", out + "/vectors.npz"]) == 0
# What needs an extra says so, and how to get it.
assert main(["scan", folder, "--verify", "--bundle", bundle, "--out", out]) == 2
assert main(["index", "create", out + "/index", folder, "--bundle", bundle]) == 2
assert main(["embed", folder, "--bundle", bundle, "--out", out + "/vectors.parquet"]) == 2
"""


def test_compare_scan_and_embed(toy_bundle, picture, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in (1, 2):
        picture(seed).save(folder / f"{seed}.png")
    arguments = [toy_bundle, folder / "1.png", folder / "2.png", folder, tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("pip install 'neardup[index]'") == 2
