"""Make a bundle from a checkpoint: ``python export.py ckpt=PATH [out=DIR] [quantize=fp16]``."""

import hydra
from omegaconf import DictConfig

from neardup.config import exit_on_error, run_command, to_config
from neardup.training.config import ExportConfig
from neardup.training.export.export import export
from neardup.training.schema import register_schemas

register_schemas()


@hydra.main(version_base="1.3", config_path="configs", config_name="export")
def main(cfg: DictConfig) -> None:
    """Compose, check, export."""
    with exit_on_error():
        export(to_config(cfg, ExportConfig))


if __name__ == "__main__":
    run_command(main)
