import os

import pytest

from neardup.files import replacing, write_text


def test_what_was_there_is_replaced(tmp_path):
    path = tmp_path / "new folder" / "a.txt"
    write_text(path, "old")
    write_text(path, "naïve\n" + os.fsdecode(b"\xff"))
    assert path.read_bytes() == "naïve\n".encode() + b"\xff"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def stopped_half_way():
        with replacing(path) as file:
            file.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_others_may_read_it(tmp_path):
    write_text(tmp_path / "a.txt", "")
    (tmp_path / "b.txt").touch()
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode
