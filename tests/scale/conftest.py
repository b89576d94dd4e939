import os
import shutil

import pytest

from neardup.files import list_files


@pytest.fixture(scope="session")
def storage():
    """An object storage on the loopback that can be made to fail, which Ray's workers know of."""
    faulty = pytest.importorskip("tests.scale.faulty_storage")
    with faulty.served() as storage:
        os.environ |= storage.environment
        yield storage


@pytest.fixture(scope="session")
def ray(storage):
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


@pytest.fixture(scope="session")
def album(tmp_path_factory, picture):
    """Originals with copies at different sizes, identical, blank and broken files."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("album")
    (folder / "sub").mkdir()
    for seed in range(12):
        picture(seed, size=(400, 300)).save(folder / f"{seed}.png")
        picture(seed, size=(200, 150)).save(folder / "sub" / f"{seed} small.jpg", quality=85)
    shutil.copy(folder / "3.png", folder / "sub" / "three again.png")
    Image.new("RGB", (50, 50), "white").save(folder / "white.png")
    (folder / "notes.txt.jpg").write_text("not a picture")
    whole = (folder / "sub" / "1 small.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    for number, path in enumerate(list_files(folder)):
        os.utime(path, (1_600_000_000 + 60 * number,) * 2)
    return folder


@pytest.fixture(scope="session")
def plain(album, toy_bundle, tmp_path_factory):
    """What the scan on one machine says of the album."""
    from tests.scale.scanned import scanned

    return scanned(toy_bundle, tmp_path_factory.mktemp("plain"), album)
