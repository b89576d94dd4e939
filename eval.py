"""Evaluate an encoder: ``python eval.py [group=choice ...] [key=value ...]``; see the README."""

import hydra
from omegaconf import DictConfig

from neardup.config import exit_on_error, run_command, to_config
from neardup.evaluation.config import EvalConfig, register_schemas
from neardup.evaluation.run import Training, run

register_schemas()


@hydra.main(version_base="1.3", config_path="configs/evaluation", config_name="eval")
def main(cfg: DictConfig) -> None:
    """Compose, check, evaluate."""
    with exit_on_error():
        run(to_config(cfg, EvalConfig), training)


def training() -> Training:
    """Imported only where it is needed: a bundle and photos are evaluated without torch."""
    from neardup.training import for_evaluation

    return for_evaluation


if __name__ == "__main__":
    run_command(main)
