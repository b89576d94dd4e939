"""The store of what a scan has computed."""

from contextlib import closing

import numpy as np
import pytest

from neardup.errors import NeardupError
from neardup.library.file import Facts
from neardup.library.store import Content, ScanCache

FACTS = Facts(width=4, height=3, format="PNG", taken="", camera=False)


def test_a_full_disk_is_said_and_costs_nothing_stored(tmp_path):
    path = tmp_path / "cache.sqlite"
    with closing(ScanCache(path, encoder_id="e", fresh=True)) as store:
        store.remember_contents([("a", Content(None, FACTS, np.ones(8, np.float32)))])
        store._database.execute("PRAGMA max_page_count = 8")  # as small as a full disk
        large = Content(None, FACTS, np.ones(100_000, np.float32))
        with pytest.raises(NeardupError, match=r"cache\.sqlite cannot be written .*--resume"):
            store.remember_contents([("b", large)])
    with closing(ScanCache(path, encoder_id="e", fresh=False)) as store:
        assert store.known_content("a") is not None
        assert store.known_content("b") is None


def test_what_another_second_look_found_is_dropped_and_vectors_stay(tmp_path, monkeypatch):
    path = tmp_path / "cache.sqlite"
    with closing(ScanCache(path, encoder_id="e", fresh=True)) as store:
        store.remember_contents([("a", Content(None, FACTS, np.ones(8, np.float32)))])
        store.remember_features([("a", b"packed")])
        store.remember_matches([("a", "b", None)])
    with closing(ScanCache(path, encoder_id="another", fresh=False)) as store:
        assert store.known_content("a") is None
        assert store.known_matches() == {("a", "b"): None}
        store.remember_contents([("a", Content(None, FACTS, np.ones(8, np.float32)))])
    monkeypatch.setattr("neardup.library.store.SECOND_LOOK", 99)
    with closing(ScanCache(path, encoder_id="another", fresh=False)) as store:
        assert store.known_content("a") is not None
        assert store.without_features(["a"]) == ["a"]
        assert store.known_matches() == {}
