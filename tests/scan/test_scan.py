import csv
import json
import os
import shutil
import sys

import numpy as np
import pytest

from neardup import Detector
from neardup.cli.main import main
from neardup.library.intake import Effort
from neardup.library.listing import Selection
from neardup.scan.pipeline import ScanOptions, scan


def names(group):
    return [os.path.basename(file["path"]) for file in group["files"]]


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_finds_groups_and_accounts_for_every_file(album, run_scan, tmp_path):
    code, summary, groups = run_scan(album)
    assert code == 1
    assert [names(group) for group in groups] == [
        ["hill.png", "hill copy.png"],
        ["sea.png", "sea small.png", "sea.jpg"],
    ]
    assert groups[0]["why"] == "the files are identical; this one is the oldest"
    assert groups[1]["why"].startswith("it has more pixels: 400 x 300")
    assert groups[0]["proposed"]
    assert groups[1]["proposed"]
    assert groups[0]["files"][1]["identical_to_previous"]
    distances = [file["distance"] for file in groups[1]["files"]]
    assert distances == sorted(distances)
    assert distances[0] == 0 < distances[1] <= summary["threshold"]
    assert summary["counts"] == {
        "seen": 11, "embedded": 5, "identical": 1, "blank": 2, "skipped": 3,
    }  # fmt: skip
    reasons = {
        os.path.basename(row["path"]): row["reason"]
        for row in rows(tmp_path / "report/skipped.csv")
    }
    assert reasons == {
        "empty.jpg": "the file is empty",
        "half.jpg": "truncated: the file ends before the picture does",
        "notes.txt": "not a picture, or of a format that cannot be read",
    }
    blank = [os.path.basename(row["path"]) for row in rows(tmp_path / "report/blank.csv")]
    assert blank == ["black.png", "white.png"]
    pairs = rows(tmp_path / "report/pairs.csv")
    assert len(pairs) == 4
    assert [row["identical"] for row in pairs] == ["1", "0", "0", "0"]


def test_nothing_is_moved_or_deleted(album, run_scan):
    before = {path: path.read_bytes() for path in album.rglob("*") if path.is_file()}
    run_scan(album)
    assert before == {path: path.read_bytes() for path in album.rglob("*") if path.is_file()}


def test_no_duplicates_and_no_files(album, run_scan, tmp_path):
    (tmp_path / "void").mkdir()
    code, summary, groups = run_scan(tmp_path / "void")
    assert (code, groups, summary["counts"]["seen"]) == (0, [], 0)
    code, message, _ = run_scan(tmp_path / "nowhere")
    assert code == 2
    assert "nowhere" in message
    code, message, _ = run_scan(album, "--at", "recall=7")
    assert code == 2
    assert "it has f1" in message


def test_the_report_may_lie_in_the_folder(album, run_scan):
    _, first, _ = run_scan(album, out=album / "report")
    _, second, _ = run_scan(album, "--resume", out=album / "report")
    assert first["counts"] == second["counts"]


@pytest.mark.parametrize(
    ("threads", "how"), [(1, {"batch_size": 1, "workers": 1}), (3, {"batch_size": 3, "workers": 4})]
)
def test_batches_workers_and_threads_do_not_matter(album, toy_bundle, threads, how):
    def found(threads, **how):
        detector = Detector.load(toy_bundle, threads=threads)
        options = ScanOptions(at=1.2, effort=Effort(show_progress=False, **how))
        result = scan(Selection(folders=[album]), detector.bundle, detector.embedder, options)
        return result.groups, list(result.pairs), result.skipped, result.blank, result.counts

    assert found(threads, **how) == found(2)


def test_renaming_files_changes_only_the_names(album, run_scan):
    def by_content(groups):
        return [[(file["sha256"], file["distance"]) for file in group["files"]] for group in groups]

    _, _, before = run_scan(album, "--at", "1.2")
    for number, path in enumerate(sorted(album.rglob("*.png"), reverse=True)):
        path.rename(path.with_name(f"{number}.png"))
    _, _, after = run_scan(album, "--at", "1.2")
    assert by_content(before) == by_content(after)


def test_against_lists_copies_across_only(album, run_scan, tmp_path, picture):
    test = tmp_path / "test"
    test.mkdir()
    picture(1, size=(300, 300)).save(test / "leaked.png")
    picture(2).save(test / "same bytes.png")
    picture(9).save(test / "new.png")
    picture(9, size=(100, 100)).save(test / "new again.png")
    code, summary, groups = run_scan(album, "--against", test)
    assert code == 1
    assert {names(group)[0]: sorted(names(group)[1:]) for group in groups} == {
        "leaked.png": ["sea small.png", "sea.jpg", "sea.png"],
        "same bytes.png": ["hill copy.png", "hill.png"],
    }
    counts = summary["counts"]
    assert counts["seen"] == 15 == sum(counts.values()) - counts["seen"]
    code, message, _ = run_scan(album, "--against", album)
    assert code == 2
    assert "one folder" in message


def test_against_a_folder_inside(album, run_scan):
    _, summary, groups = run_scan(album, "--against", album / "sub")
    assert summary["counts"]["seen"] == 11
    assert {names(group)[0] for group in groups} == {"sea.jpg", "hill copy.png"}


def test_resume_reads_and_embeds_nothing_again(album, toy_bundle, tmp_path):
    detector = Detector.load(toy_bundle)
    options = ScanOptions(report_folder=tmp_path / "r", effort=Effort(show_progress=False))
    first = scan(Selection(folders=[album]), detector.bundle, detector.embedder, options)

    def refuse(batch):
        raise AssertionError("embedded again")

    (album / "another.txt").write_text("appeared since")
    options = ScanOptions(
        report_folder=tmp_path / "r", resume=True, effort=Effort(show_progress=False)
    )
    second = scan(Selection(folders=[album]), detector.bundle, refuse, options)
    assert second.groups == first.groups
    assert second.counts.skipped == first.counts.skipped + 1
    fresh = ScanOptions(report_folder=tmp_path / "r", effort=Effort(show_progress=False))
    with pytest.raises(AssertionError, match="embedded again"):
        scan(Selection(folders=[album]), detector.bundle, refuse, fresh)


def test_resume_tries_again_what_may_succeed_now(album, run_scan, monkeypatch):
    from neardup.library import pool

    crashing = "from neardup.library import worker; import os; "
    crashing += "worker.TASKS['decode'] = lambda task: os._exit(9); worker.main()"
    with monkeypatch.context() as patch:
        patch.setattr(pool, "COMMAND", (sys.executable, "-c", crashing))
        _, summary, _ = run_scan(album)
    assert summary["counts"]["skipped"] == summary["counts"]["seen"]
    assert run_scan(album, "--resume")[2] == run_scan(album)[2] != []


def test_resume_forgets_what_another_encoder_made(album, run_scan, tmp_path, capsys):
    from neardup.cli.main import main
    from toy_bundle import save_toy_bundle

    run_scan(album)
    other = save_toy_bundle(tmp_path / "other", seed=5).directory
    arguments = ["scan", str(album), "--resume", "--out", str(tmp_path / "report"), "--json"]
    arguments += ["--workers", "1"]
    main([*arguments, "--bundle", str(other)])
    resumed = json.loads((tmp_path / "report/groups.json").read_text())
    main([*arguments[:2], *arguments[3:], "--bundle", str(other)])
    afresh = json.loads((tmp_path / "report/groups.json").read_text())
    capsys.readouterr()
    assert resumed["groups"] == afresh["groups"]


def test_damaged_cache_is_named(album, run_scan, tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "scan-cache.sqlite").write_bytes(b"garbage" * 1000)
    code, message, _ = run_scan(album, "--resume")
    assert code == 2
    assert "scan-cache.sqlite" in message


def test_files_that_change_or_vanish_in_mid_scan(album, toy_bundle, monkeypatch):
    from neardup.library import intake

    hash_files = intake.hash_files

    def meddle(*arguments, **options):
        result = hash_files(*arguments, **options)
        (album / "sea.png").write_bytes((album / "naïve <b>&\n'name\".png").read_bytes())
        (album / "sea small.png").unlink()
        (album / "hill.png").unlink()  # its identical copy is still there
        return result

    monkeypatch.setattr(intake, "hash_files", meddle)
    detector = Detector.load(toy_bundle)
    result = detector.find_duplicates(album, show_progress=False)
    reasons = {entry.path.name: entry.reason for entry in result.skipped}
    assert reasons["sea.png"] == "it changed while it was being scanned"
    assert reasons["sea small.png"].startswith("there is no such file")
    assert "hill.png" not in reasons
    counts = result.counts
    assert counts.embedded + counts.identical + counts.blank + counts.skipped == counts.seen == 11


@pytest.mark.skipif(os.name != "posix", reason="needs links, pipes and any bytes as names")
def test_links_pipes_and_odd_names(album, run_scan, tmp_path):
    (album / "link.png").symlink_to(album / "hill.png")
    (album / "loop").symlink_to(album, target_is_directory=True)
    (album / "gone.png").symlink_to(album / "nowhere.png")
    os.mkfifo(album / "pipe.png")
    odd = os.fsencode(album) + b"/\xff\xfe.png"
    with open(odd, "wb") as file:
        file.write((album / "sea.png").read_bytes())
    code, summary, groups = run_scan(album)
    assert code == 1
    assert summary["counts"]["seen"] == 15
    (hills,) = [names(group) for group in groups if "hill.png" in names(group)]
    assert hills == ["hill.png", "hill copy.png", "link.png"]
    assert any(os.fsencode(file["path"]) == odd for group in groups for file in group["files"])
    reasons = {
        os.path.basename(row["path"]): row["reason"]
        for row in rows(tmp_path / "report/skipped.csv")
    }
    assert reasons["pipe.png"] == "it is not a regular file"
    assert reasons["gone.png"].startswith("there is no such file")


def test_decisions_are_honoured(album, run_scan, tmp_path):
    _, _, groups = run_scan(album)
    sea, small, jpg = (file["sha256"] for file in groups[1]["files"])
    decisions = tmp_path / "decisions.json"
    apart = {"a": jpg, "b": sea, "same": False, "distance": 0.1, "evidence": None}
    decisions.write_text(json.dumps({"format": 2, "pairs": [apart], "keep": [small]}))
    _, _, groups = run_scan(album, "--decisions", decisions)
    assert names(groups[-1]) == ["sea small.png", "sea.jpg", "sea.png"]
    assert groups[-1]["why"] == "you chose it"
    both = {"format": 1, "different": [[jpg, sea], [small, sea], [jpg, small]], "keep": []}
    decisions.write_text(json.dumps(both))
    _, _, groups = run_scan(album, "--decisions", decisions)
    assert [names(group) for group in groups] == [["hill.png", "hill copy.png"]]
    for wrong in ("{", "{}", '{"format": 9}', '{"format": 1, "different": [[1]], "keep": []}'):
        decisions.write_text(wrong)
        code, message, _ = run_scan(album, "--decisions", decisions)
        assert code == 2
        assert "decisions.json" in message


def test_what_only_ray_opens_is_said(album, toy_bundle, tmp_path, capsys):
    shutil.make_archive(str(tmp_path / "photos"), "tar", album)
    how = ["--bundle", str(toy_bundle)]
    out = ["--out", str(tmp_path / "out")]
    archive = str(tmp_path / "photos.tar")
    for source in (archive, "photos-*.parquet#image", "s3://bucket/photos"):
        assert main(["scan", source, *out, *how]) == 2
        assert main(["embed", source, "--out", str(tmp_path / "v.npz"), *how]) == 2
        assert capsys.readouterr().err.count("need --engine ray") == 2
    assert main(["scan", archive, str(album), *out, *how]) == 1
    assert 'photos.tar,"not a picture' in (tmp_path / "out" / "skipped.csv").read_text()


def test_embed_writes_one_row_a_file(album, toy_bundle, tmp_path, capsys):
    from neardup.cli.main import main

    arguments = ["embed", str(album), "--bundle", str(toy_bundle), "--out"]
    assert main([*arguments, str(tmp_path / "v.npz")]) == 0
    written = np.load(tmp_path / "v.npz")
    assert written["embedding"].shape == (6, 32)
    assert os.path.basename(written["path"][0]) == "hill.png"
    parquet = pytest.importorskip("pyarrow.parquet")
    assert main([*arguments, str(tmp_path / "v.parquet")]) == 0
    table = parquet.read_table(tmp_path / "v.parquet")
    assert table["path"].to_pylist() == written["path"].tolist()
    assert np.array_equal(
        np.array(table["embedding"].to_pylist(), np.float32), written["embedding"]
    )
    assert "empty.jpg: the file is empty" in capsys.readouterr().err
    for out, reason in (("v.txt", "expected a name"), ("no/v.npz", "cannot be written")):
        assert main([*arguments, str(tmp_path / out)]) == 2
        message = capsys.readouterr().err
        assert message.startswith(f"neardup: {tmp_path / out}")  # before any work
        assert reason in message


def test_an_older_report_in_the_folder_is_no_picture(album, run_scan, tmp_path, capsys):
    seen = run_scan(album)[1]["counts"]["seen"]
    shutil.copytree(tmp_path / "report", album / "older report")
    (album / "older report/vectors.lance/data").mkdir(parents=True)
    (album / "older report/vectors.lance/data/1.lance").write_bytes(b"made on Ray")
    (album / "groups.json").write_text("somebody's own file, beside no page")
    assert run_scan(album)[1]["counts"]["seen"] == seen + 1


def test_decisions_about_other_pictures_are_said(album, toy_bundle, tmp_path, capsys):
    decisions = tmp_path / "decisions.json"
    found = {"format": 1, "different": [["0" * 64, "1" * 64]], "keep": []}
    decisions.write_text(json.dumps(found))
    arguments = ["scan", str(album), "--bundle", str(toy_bundle), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--decisions", str(decisions)]) == 1
    printed = capsys.readouterr()
    assert "1 of 1 decisions name pictures that are not here" in printed.err
    assert main(arguments) == 1
    assert "not here" not in capsys.readouterr().err


def test_one_group_is_a_group(picture, toy_bundle, tmp_path, capsys):
    for name in ("a.png", "b.png"):
        picture(1).save(tmp_path / name)
    folder = ["scan", str(tmp_path), "--bundle", str(toy_bundle), "--out", str(tmp_path / "out")]
    assert main(folder) == 1
    assert "1 group, 1 file more than needed, " in capsys.readouterr().out
