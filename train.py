"""Train an encoder: ``python train.py [group=choice ...] [key=value ...]``; see the README."""

import hydra
from omegaconf import DictConfig

from neardup.config import exit_on_error, run_command
from neardup.training.run import train
from neardup.training.schema import from_hydra, register_schemas

register_schemas()


@hydra.main(version_base="1.3", config_path="configs", config_name="train")
def main(cfg: DictConfig) -> None:
    """Compose, check, train."""
    with exit_on_error():
        train(from_hydra(cfg))


if __name__ == "__main__":
    run_command(main)
