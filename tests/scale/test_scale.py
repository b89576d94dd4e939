"""``--engine ray`` finds what a scan on one machine finds, and accounts for every item."""

import os
import shutil
import signal
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neardup.bundle import Bundle
from neardup.cli.main import main
from neardup.files import list_files
from neardup.library.file import Facts, File
from neardup.library.intake import Effort
from neardup.library.store import Content

pytest.importorskip("ray")
from tests.scale.scanned import page_of, scanned

from neardup.scale import embedding, sources
from neardup.scale.sources import Unit
from neardup.scale.table import VectorTable, intake_of


def test_a_folder_gives_what_the_plain_scan_gives(ray, album, plain, toy_bundle, tmp_path):
    counts = dict(plain.counts)
    assert counts.pop("seen") == sum(counts.values()) == 28
    assert scanned(toy_bundle, tmp_path, album, "--engine", "ray") == plain


def test_archives_give_what_the_plain_scan_gives(ray, album, plain, toy_bundle, tmp_path):
    files = list_files(album)
    for number in range(2):
        with tarfile.open(tmp_path / f"{number:02}.tar", "w") as tar:
            for path in files[number::3]:
                tar.add(path, path.relative_to(album))
    with zipfile.ZipFile(tmp_path / "02.zip", "w") as archive:
        for path in files[2::3]:
            archive.write(path, path.relative_to(album))
    out = tmp_path / "out"
    shards = [tmp_path / "{00..01}.tar", tmp_path / "02.zip"]
    found = scanned(toy_bundle, out, *shards, "--engine", "ray")
    assert found.told_apart == plain.told_apart
    assert sorted(found.why) == sorted(plain.why)
    assert "00.tar!" in (out / "skipped.csv").read_text()
    previews = page_of(out)["thumbnails"]
    assert len(previews) == len(set().union(*found.contents)), "of pictures in archives too"


def test_pictures_in_archives_get_a_second_look(ray, textured, toy_bundle, tmp_path):
    pytest.importorskip("cv2")
    own = tmp_path / "own"
    own.mkdir()
    Image.fromarray(textured(1)).save(own / "whole.png")
    Image.fromarray(textured(1)[40:260, 30:270]).save(own / "part.png")
    Image.fromarray(textured(2)).save(own / "another.png")
    with tarfile.open(tmp_path / "all.tar", "w") as tar:
        for path in list_files(own):
            tar.add(path, path.name)
    how = ["--verify", "--at", "0.01"]
    expected = scanned(toy_bundle, tmp_path / "plain", own, *how)
    found = scanned(toy_bundle, tmp_path / "ray", tmp_path / "all.tar", "--engine", "ray", *how)
    assert [len(group) for group in expected.groups] == [2], "by local features, not by distance"
    assert found.told_apart == expected.told_apart
    assert found.why == expected.why


def test_a_damaged_archive_costs_what_is_behind_the_damage(album, tmp_path):
    with tarfile.open(tmp_path / "whole.tar", "w") as tar:
        for path in list_files(album)[:6]:
            tar.add(path, path.name)
    whole = (tmp_path / "whole.tar").read_bytes()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole[: len(whole) // 2])
    (tmp_path / "spool").mkdir()
    lots = list(sources.spooled(Unit([str(cut)], opened=True), tmp_path / "spool"))
    locals_ = [local for lot in lots for local in lot]
    assert len(locals_) >= 2
    assert "cannot be read beyond" in locals_[-1].reason


def test_a_killed_job_goes_on_from_what_is_written(
    ray, album, plain, toy_bundle, tmp_path, monkeypatch
):
    bundle = Bundle.load(toy_bundle)
    uri = str(tmp_path / "vectors.lance")
    table = VectorTable(uri, encoder_id=bundle.encoder_id, size=bundle.embedding_size, fresh=True)
    names = list(map(str, list_files(album)))
    embedding.embed_units([Unit(names[:10])], table, bundle, Effort(show_progress=False))
    assert table.missing([Unit(names)]) == [Unit(names[10:])]
    asked = []
    real = embedding.embed_units

    def noting(units, *rest):
        units = list(units)
        asked.extend(name for unit in units for name in unit.names)
        real(units, *rest)

    monkeypatch.setattr("neardup.scale.pipeline.embed_units", noting)
    assert scanned(toy_bundle, tmp_path, album, "--engine", "ray", "--resume") == plain
    assert sorted(asked) == sorted(names[10:])


def test_workers_that_are_killed_cost_nothing(ray, album, plain, toy_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_FILES_PER_UNIT", 2)
    killed = []
    over = threading.Event()

    def kill():
        while not over.is_set() and len(killed) < 3:
            time.sleep(0.3)
            for pid in workers():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                time.sleep(2)
                break

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        result = scanned(toy_bundle, tmp_path, album, "--engine", "ray")
    finally:
        over.set()
        killer.join()
    assert killed
    assert result == plain


def workers():
    """Processes of this test's Ray that embed: grandchildren of this process."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name = (entry / "cmdline").read_bytes()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            above = int(Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if above == os.getpid() and b"ray::" in name and b"EmbedUnits" in name:
            found.append(int(entry.name))
    return found


def test_vectors_that_exist_are_compared_without_the_pictures(
    ray, album, plain, toy_bundle, tmp_path, capsys
):
    uri = tmp_path / "vectors.lance"
    ray_with = ["--engine", "ray", "--bundle", str(toy_bundle)]
    assert main(["embed", str(album), "--out", str(uri), *ray_with]) == 0
    assert scanned(toy_bundle, tmp_path / "own", uri, "--engine", "ray") == plain
    shutil.copytree(album / "sub", tmp_path / "others")
    assert main(["embed", str(tmp_path / "others"), "--out", f"{uri}.lance", *ray_with]) == 0
    out = ["--out", str(tmp_path / "both")]
    assert main(["scan", str(uri), "--against", f"{uri}.lance", *out, *ray_with]) == 1
    assert main(["scan", str(uri), "--against", str(album / "*.png"), *out, *ray_with]) == 2
    assert "is scanned and also compared against" in capsys.readouterr().err
    assert main(["embed", str(uri), "--out", str(tmp_path / "again.lance"), *ray_with]) == 2
    assert "holds vectors already" in capsys.readouterr().err
    assert main(["scan", str(tmp_path / "no.lance"), *ray_with]) == 2


def test_a_file_that_several_sources_name_counts_once(
    ray, album, plain, toy_bundle, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(album.parent)
    out = tmp_path / "out"
    sources = [album.name, album / "*.png", f"{album.parent}/./{album.name}/sub"]
    assert scanned(toy_bundle, out, *sources, "--engine", "ray") == plain
    table = out / "vectors.lance"
    own = tmp_path / "own"
    shutil.copytree(album, own)
    shutil.copytree(out, own / "older report")
    with tarfile.open(tmp_path / "none.tar", "w"):
        pass
    mixed = scanned(toy_bundle, tmp_path / "mixed", own, tmp_path / "none.tar", "--engine", "ray")
    assert mixed == plain, "no file of an older report counts"
    again = scanned(toy_bundle, tmp_path / "again", table, album / "*.png", "--engine", "ray")
    assert again == plain
    command = ["scan", str(table), str(album / "*.png"), "--out", str(out), "--engine", "ray"]
    assert main([*command, "--bundle", str(toy_bundle)]) == 2
    assert "give another --out" in capsys.readouterr().err


def test_names_that_are_not_utf8_and_archives_in_a_folder_are_as_in_the_plain_scan(
    ray, album, toy_bundle, tmp_path
):
    own = tmp_path / "own"
    own.mkdir()
    for name, source in ((b"caf\xe9.png", "1.png"), (b"caf\xe8.jpg", "sub/1 small.jpg")):
        shutil.copy(album / source, os.fsencode(own) + b"/" + name)
    (own / os.fsdecode(b"no \xff picture.jpg")).write_text("words")
    with zipfile.ZipFile(own / "more.zip", "w") as archive:
        archive.write(album / "2.png", "2.png")
    expected = scanned(toy_bundle, tmp_path / "plain", own)
    assert len(expected.groups) == 1
    assert len(expected.skipped) == 2
    for how in ([], ["--resume"]):
        found = scanned(toy_bundle, tmp_path / "ray", own, "--engine", "ray", *how)
        assert found == expected
    for name in ("skipped.csv", "pairs.csv"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


def test_what_changed_or_is_gone_is_embedded_again_or_forgotten(
    ray, album, toy_bundle, picture, tmp_path
):
    own = tmp_path / "album"
    shutil.copytree(album, own)
    out = tmp_path / "out"
    scanned(toy_bundle, out, own, "--engine", "ray")
    picture(99, size=(300, 300)).save(own / "0.png")
    (own / "1.png").unlink()
    again = scanned(toy_bundle, out, own, "--engine", "ray", "--resume")
    assert again == scanned(toy_bundle, tmp_path / "plain", own)


def test_a_picture_one_file_of_which_could_be_decoded_is_embedded():
    a, b = (
        File(path=Path(name), bytes=1, modified=0, sha256="same", link=False, inode=None)
        for name in "ab"
    )
    vector = np.ones(4, dtype=np.float32) / 2
    facts = Facts(width=4, height=4, format="PNG", taken="", camera=False)
    rows = [(a, Content(None, facts, vector)), (b, Content("out of time", None, None))]
    for order in (rows, rows[::-1]):
        counts = intake_of(order).counts
        assert (counts.embedded, counts.identical, counts.skipped) == (1, 1, 0)


def test_braces_count_and_list():
    assert sources.expanded("a{08..11}.tar") == ["a08.tar", "a09.tar", "a10.tar", "a11.tar"]
    assert sources.expanded("{x,y}{1..2}") == ["x1", "x2", "y1", "y2"]
    assert sources.expanded("plain") == ["plain"]
    with pytest.raises(Exception, match="from the smaller number"):
        sources.expanded("a{2..1}.tar")
