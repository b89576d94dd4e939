from pathlib import Path

import pytest
import torch
from tiny import run_in, tiny_config


@pytest.fixture(scope="session", autouse=True)
def _two_threads():
    """Figures are compared between runs, so all have the same threads."""
    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one finished run; tests look at it and change nothing."""
    folder = tmp_path_factory.mktemp("tiny")
    run_in(folder, tiny_config(folder / "run", logger="wandb"))
    return folder / "run"
