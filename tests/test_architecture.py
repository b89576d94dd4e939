"""Who may import whom, read from the source."""

import ast
from pathlib import Path

import neardup

PACKAGE = Path(neardup.__file__).parent
HEAVY = {
    "torch", "torchvision", "pytorch_lightning", "lightning", "hydra", "omegaconf", "wandb",
    "albumentations", "timm", "pytorch_metric_learning",
}  # fmt: skip
LEARNING = {"sklearn", "scipy", "matplotlib", "pandas"}
CONFINED = {
    "albumentations": 1,
    "hydra": 2,
    "omegaconf": 2,
    "lancedb": 1,
    "faiss": 1,
    "ray": 1,
    "lance": 1,
    "fsspec": 1,
    "cv2": 3,
}
"""Framework: in how many files of the package at most it may be named."""


def imports(path: Path) -> set[str]:
    """Dotted names of everything a file imports, at any depth."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def offenders(files, forbidden: set[str]) -> list[str]:
    def matches(name: str) -> bool:
        return any(name == bad or name.startswith(bad + ".") for bad in forbidden)

    return [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in files
        for name in sorted(imports(path))
        if matches(name)
    ]


def python_files(*, below: str) -> list[Path]:
    return sorted((PACKAGE / below).rglob("*.py"))


def inference_files() -> list[Path]:
    apart = {PACKAGE / name for name in ("training", "evaluation", "procedural", "config.py")}
    return [path for path in python_files(below="") if not apart & {path, *path.parents}]


def test_inference_stands_alone():
    files = inference_files()
    assert PACKAGE / "detector.py" in files
    own = {"neardup.training", "neardup.evaluation", "neardup.config"}
    assert offenders(files, HEAVY | LEARNING - {"pandas"} | own) == []


ROOMS = (
    "images",
    "search",
    "verify",
    "library",
    "scan",
    "scan.report",
    "scale",
    "clean",
    "evaluation",
    "training",
)
"""Who may import whom: each only those before it, and the files beside the rooms."""


def test_rooms_are_entered_one_way():
    for place, room in enumerate(ROOMS):
        later = {f"neardup.{name}" for name in ROOMS[place + 1 :]}
        below = room.replace(".", "/")
        inner = {PACKAGE / name.replace(".", "/") for name in ROOMS[place + 1 :]}
        files = [path for path in python_files(below=below) if not inner & set(path.parents)]
        assert offenders(files, later) == []


def test_no_module_imports_itself_through_others():
    """Also not inside a function, where Python would let it pass."""
    modules = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in python_files(below="")
    }
    uses = {name: (imports(path) & modules.keys()) - {name} for name, path in modules.items()}
    while leaves := {name for name, used in uses.items() if not used}:
        uses = {name: used - leaves for name, used in uses.items() if name not in leaves}
    assert not uses, f"circles among {sorted(uses)}"


def test_evaluation_needs_no_training():
    assert offenders(python_files(below="evaluation"), HEAVY | {"neardup.training"}) == []


def test_no_file_uses_pickle():
    assert offenders(python_files(below=""), {"pickle", "dill", "joblib"}) == []


def test_each_framework_is_confined():
    for framework, at_most in CONFINED.items():
        users = [path.name for path in python_files(below="") if offenders([path], {framework})]
        assert len(users) <= at_most, f"{framework} is named in {users}"
