import os

import pytest


@pytest.fixture(scope="session")
def ray():
    """Ray on two cores of this machine; nothing phones home."""
    pytest.importorskip("lance")
    ray = pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200_000_000
    )
    yield ray
    ray.shutdown()
