"""``neardup info``: what a bundle is, and the operating points it offers."""

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from neardup.cli.arguments import Commands, add_bundle, add_json

if TYPE_CHECKING:
    from neardup.bundle import Bundle


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "info",
        help="what an encoder was trained on, and how sure it can be",
        description="The encoder, where it comes from, and its operating points for --at.",
    )
    add_bundle(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from neardup.bundle import Bundle

    bundle = Bundle.load(options.bundle)
    if options.json:
        print(json.dumps(asdict(bundle), default=str))
    else:
        print("\n".join(_lines(bundle)))
    return 0


def _lines(bundle: "Bundle") -> Iterator[str]:
    known = bundle.provenance
    megabytes = bundle.encoder_path.stat().st_size / 1e6
    yield f"bundle: {bundle.directory}"
    yield (
        f"encoder: {bundle.backbone}, {bundle.image_size} px, embeddings of"
        f" {bundle.embedding_size}, {megabytes:.1f} MB"
    )
    for key, name in (
        ("data", "trained on"),
        ("steps", "steps"),
        ("initial_weights", "initial weights"),
        ("git_commit", "commit"),
        ("licence", "licence"),
        ("note", "note"),
    ):
        if key in known:
            yield f"{name}: {known[key]}"
    for warning in known.get("warnings", ()):
        yield f"warning: {warning}"
    for name, point in bundle.operating_points.items():
        default = " (default)" if name == bundle.default_at else ""
        if point.threshold is None:
            yield f"--at {name}{default}: no threshold reaches it"
        else:
            yield (
                f"--at {name}{default}: distance <= {point.threshold:.4f}, precision"
                f" {point.precision:.4f}, recall {point.recall:.4f} on the {point.measured_on}"
            )
