"""Sends the figures of an evaluation to wandb."""

import os
from pathlib import Path
from typing import Any

from neardup.errors import ConfigError


def log_to_wandb(report: dict[str, Any], folder: Path) -> None:
    """Log the headline figures, the pictures and the page; offline unless a login is there.

    Args:
        report: what ``report.json`` holds.
        folder: where the evaluation wrote its files; the offline run goes there too.

    Raises:
        ConfigError: wandb is not installed.
    """
    os.environ.setdefault("WANDB_SILENT", "true")
    try:
        import wandb
    except ImportError as error:
        raise ConfigError("logger=wandb: needs the package wandb; pip install wandb") from error
    mode = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False) else "offline")
    numbers = {name: value for name, value in report["headline"].items() if value is not None}
    with wandb.init(
        project="neardup",
        job_type="eval",
        config=report["config"],
        dir=folder,
        mode=mode,  # type: ignore[arg-type]
    ) as run:
        pictures = sorted((folder / "figures").glob("*.png"))
        page = wandb.Html((folder / "report.html").read_text(), inject=False)
        run.log(
            {f"eval/{name}": value for name, value in numbers.items()}
            | {f"eval/{path.stem}": wandb.Image(str(path)) for path in pictures}
            | {"eval/report": page}
        )
