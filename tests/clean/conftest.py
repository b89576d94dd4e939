import os
import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def ground():
    """A folder in memory, where there is one, that a process without rights may look into."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(ground):
    """A folder of one test, on the ground."""
    folder = Path(tempfile.mkdtemp(dir=ground))
    yield folder
    shutil.rmtree(folder)
