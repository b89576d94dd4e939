"""neardup against imagededup's CNN, end to end, on the same photos with the same backbone.

    python benchmarks/scan.py --photos DIR --imagededup VENV/bin/python --out OUT
    python benchmarks/scan.py --photos DIR --out OUT --bundles BUNDLE --onnx FILE:SIZE

The second form compares scans with encoders that exist: bundles, and networks of other projects
(uint8 pixels in, (B, H, W, 3)), which are given the names that a bundle's network has.

Each contestant runs alone in a process of its own; memory is the proportional share (PSS) of that
process and all its children. The encoder is an untrained resnet50 at 224 pixels, which is as fast
as a trained one. The bare session embeds ready tensors: no program can be faster than that.
``imagededup`` lives in a virtual environment of its own (``pip install imagededup``).
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neardup.files import list_files
from neardup.images.network_input import load_input

SIZE = 224
LARGE = (4000, 3000)

IMAGEDEDUP = """
import json, sys, time
import torch
from imagededup.methods import CNN
from imagededup.utils import CustomModel
from torchvision import transforms
from torchvision.models import resnet50

class Network(torch.nn.Module):
    transform = transforms.Compose([
        transforms.Resize((224, 224)), transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    name = "resnet50"

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(*list(resnet50(weights=None).children())[:-1])

    def forward(self, x):
        return self.body(x).flatten(1)

if __name__ == "__main__":
    cnn = CNN(verbose=False, model_config=CustomModel(
        model=Network().eval(), transform=Network.transform, name=Network.name))
    started = time.perf_counter()
    encodings = cnn.encode_images(image_dir=sys.argv[1], num_enc_workers=int(sys.argv[2]))
    cnn.find_duplicates(encoding_map=encodings, min_similarity_threshold=0.95)
    print(json.dumps({"images": len(encodings), "seconds": time.perf_counter() - started}))
"""

SCAN = """
import json, sys, time
from pathlib import Path
from neardup import Detector
detector = Detector.load(sys.argv[1])
started = time.perf_counter()
result = detector.find_duplicates(sys.argv[2], at=0.05, show_progress=False)
seconds = time.perf_counter() - started
print(json.dumps({"images": result.counts.embedded, "seconds": seconds, **result.seconds}))
"""

BARE = """
import json, sys, time
import numpy as np
from neardup.embedder import Embedder
embedder, tensors = Embedder(sys.argv[1] + "/encoder.onnx"), np.load(sys.argv[2])
embedder(tensors[:8])
started = time.perf_counter()
for start in range(0, len(tensors), 32):
    embedder(tensors[start:start + 32])
print(json.dumps({"images": len(tensors), "seconds": time.perf_counter() - started}))
"""


def make_bundles(out: Path, photos: list[Path]) -> None:
    """``fp32`` and ``int8``: an untrained resnet50, as a bundle each."""
    import shutil

    import torch

    from neardup.bundle import Bundle, OperatingPoint
    from neardup.training.config import EncoderConfig
    from neardup.training.export.bundle_writer import write_bundle
    from neardup.training.export.quantize import quantize_int8
    from neardup.training.weights import initial_encoder

    if (out / "int8" / "bundle.json").exists():
        return
    torch.manual_seed(0)
    config = EncoderConfig(weights="random")
    encoder, _ = initial_encoder(config, SIZE)
    point = OperatingPoint(threshold=0.05, precision=0, recall=0, measured_on="nothing: untrained")
    bundle = write_bundle(
        encoder, config, out / "fp32", image_size=SIZE, operating_points={"none": point},
        default_at="none", provenance={"untrained": True},
    )  # fmt: skip
    shutil.copytree(out / "fp32", out / "int8")
    calibration = np.stack([load_input(path, SIZE) for path in photos[:64]])
    quantize_int8(bundle.encoder_path, calibration, out / "int8" / "encoder.onnx")
    Bundle.load(out / "int8", verify=False).save()


def wrap_onnx(path: Path, size: int, out: Path) -> Path:
    """A network of another project as a bundle, for its speed: the same nodes, then unit length."""
    import onnx

    from neardup.bundle import Bundle, OperatingPoint
    from neardup.embedder import INPUT_NAME, OUTPUT_NAME, Embedder
    from neardup.images.network_input import PREPROCESSING

    model = onnx.load(path)
    graph = model.graph
    given, vectors = graph.input[0].name, graph.output[0].name
    for node in graph.node:
        node.input[:] = [INPUT_NAME if name == given else name for name in node.input]
    graph.input[0].name, graph.output[0].name = INPUT_NAME, OUTPUT_NAME
    last = onnx.helper.make_node("LpNormalization", [vectors], [OUTPUT_NAME], axis=1, p=2)
    graph.node.append(last)
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(model, out / "encoder.onnx")
    length = Embedder(out / "encoder.onnx")(np.zeros((1, size, size, 3), np.uint8)).shape[1]
    point = OperatingPoint(threshold=0.05, precision=0, recall=0, measured_on="nothing")
    Bundle(
        directory=out, backbone=path.stem, embedding_size=length, image_size=size,
        preprocessing=PREPROCESSING, operating_points={"none": point}, default_at="none",
    ).save()  # fmt: skip
    return out


def make_folders(out: Path, photos: list[Path], web: int, large: int) -> None:
    """``web``: photos as they are; ``large``: the same enlarged to 12 megapixels, with grain."""
    for name, count in (("web", web), ("large", large)):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, path in enumerate(photos[:count]):
            target = folder / f"{number:05d}.jpg"
            if target.exists():
                continue
            if name == "web":
                target.write_bytes(path.read_bytes())
                continue
            image = Image.open(path).convert("RGB").resize(LARGE, Image.Resampling.BICUBIC)
            grain = np.random.default_rng(number).integers(-6, 7, (LARGE[1], LARGE[0], 1), np.int16)
            noisy = np.clip(np.asarray(image, dtype=np.int16) + grain, 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(target, quality=90)


def measure(command: list[str]) -> dict[str, Any]:
    """What the contestant prints, and the peak of its memory, MB."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(map(proportional_share, family(process.pid))))
        time.sleep(0.1)
    assert process.stdout is not None
    output = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command[:1] + command[3:])}")
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    figures["per_second"] = round(figures["images"] / figures["seconds"], 2)
    return {**figures, "peak_mb": round(peak)}


def family(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def proportional_share(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photos")
    parser.add_argument("--out", type=Path, required=True, help="scratch folder, kept")
    parser.add_argument("--imagededup", help="python of a virtual environment that has it")
    parser.add_argument("--bundles", nargs="*", default=[], help="scan with these instead")
    parser.add_argument("--onnx", nargs="*", default=[], metavar="FILE:SIZE", help="and with these")
    parser.add_argument("--web", type=int, default=600, help="web-size photos")
    parser.add_argument("--large", type=int, default=120, help="12-megapixel photos")
    parser.add_argument("--rounds", type=int, default=2, help="the best of so many is reported")
    options = parser.parse_args()
    photos = [
        path for path in list_files(options.photos) if path.suffix.lower() in (".jpg", ".jpeg")
    ]
    make_folders(options.out, photos, options.web, options.large)
    given = {Path(name).name: name for name in options.bundles}
    for text in options.onnx:
        path, size = Path(text.rpartition(":")[0]), int(text.rpartition(":")[2])
        given[path.stem] = str(wrap_onnx(path, size, options.out / path.stem))
    if not given:
        make_bundles(options.out, photos)
    for folder in ("web", "large"):
        pictures = options.out / folder
        if not any(pictures.iterdir()):
            continue
        tensors = options.out / f"{folder}.npy"
        np.save(tensors, np.stack([load_input(path, SIZE) for path in sorted(pictures.iterdir())]))
        contestants: dict[str, list[str]] = {}
        for name, bundle in given.items():
            contestants[name] = [sys.executable, "-c", SCAN, bundle, str(pictures)]
        for kind in () if given else ("fp32", "int8"):
            bundle = str(options.out / kind)
            contestants[f"neardup {kind}"] = [sys.executable, "-c", SCAN, bundle, str(pictures)]
            contestants[f"bare session {kind}"] = [sys.executable, "-c", BARE, bundle, str(tensors)]
        if options.imagededup:
            script = options.out / "run_imagededup.py"
            script.write_text(IMAGEDEDUP)
            for workers in (0, 2):
                contestants[f"imagededup, {workers} workers"] = [
                    options.imagededup, str(script), str(pictures), str(workers)
                ]  # fmt: skip
        best: dict[str, dict[str, Any]] = {}
        for _ in range(options.rounds):  # in turn, so that a slow minute hits everyone
            for name, command in contestants.items():
                figures = measure(command)
                if name not in best or figures["per_second"] > best[name]["per_second"]:
                    best[name] = figures
        for name, figures in best.items():
            print(json.dumps({"photos": folder, "contestant": name, **figures}), flush=True)


if __name__ == "__main__":
    main()
