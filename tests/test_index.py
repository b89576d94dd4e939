import json

import numpy as np
import pytest
from PIL import Image

from neardup.cli.main import main
from toy_bundle import save_toy_bundle

pytest.importorskip("lancedb")


@pytest.fixture
def folder(tmp_path, picture):
    (tmp_path / "photos" / "o'clock").mkdir(parents=True)
    for seed in range(4):
        picture(seed).save(tmp_path / "photos" / f"{seed}.png")
    picture(0).resize((80, 60)).save(tmp_path / "photos" / "o'clock" / "0 small.png")
    (tmp_path / "photos" / "broken.png").write_bytes(b"no")
    return tmp_path / "photos"


@pytest.fixture
def run(toy_bundle, tmp_path, capsys):
    def run(action, *arguments, bundle=toy_bundle):
        index = str(tmp_path / "pictures.index")
        command = ["index", action, index, *map(str, arguments), "--bundle", str(bundle), "--json"]
        code = main(command)
        printed = capsys.readouterr()
        return code, printed.err if code == 2 else json.loads(printed.out)

    return run


def found(answer):
    return [match["path"].rpartition("/")[2] for match in answer["matches"]]


def test_create_query_add_remove(run, folder, picture):
    code, answer = run("create", folder)
    assert code == 0
    assert (answer["added"], answer["skipped"], answer["pictures"]) == (5, 1, 5)
    code, answer = run("query", folder / "0.png")
    assert code == 0
    assert found(answer) == ["0.png", "0 small.png"]
    assert answer["matches"][0]["distance"] == 0
    assert answer["matches"][1]["distance"] <= answer["threshold"]

    picture(77).save(folder / "new.png")
    picture(78).save(folder / "3.png")  # replaced by another picture
    code, answer = run("add", folder)
    assert (answer["known"], answer["added"], answer["pictures"]) == (4, 2, 6)
    assert found(run("query", folder / "3.png")[1]) == ["3.png"]

    code, answer = run("remove", folder / "o'clock", folder / "1.png", folder / "unknown.png")
    assert (code, answer) == (0, {"removed": 2, "pictures": 4})
    assert found(run("query", folder / "0.png")[1]) == ["0.png"]
    picture(99).save(folder.parent / "stranger.png")
    assert run("query", folder.parent / "stranger.png") == (1, {"threshold": 0.25, "matches": []})


def test_a_file_that_turns_blank_or_unreadable_is_forgotten(run, folder, picture):
    old = folder.parent / "old.png"
    picture(0).save(old)
    run("create", folder)
    (folder / "0.png").write_bytes(b"no picture any more")
    Image.new("RGB", (80, 60), "white").save(folder / "o'clock" / "0 small.png")
    code, answer = run("add", folder)
    assert code == 0
    assert (answer["added"], answer["blank"], answer["skipped"], answer["pictures"]) == (0, 1, 2, 3)
    assert run("query", old)[0] == 1
    picture(0).save(folder / "0.png")
    assert run("add", folder)[1]["pictures"] == 4
    assert found(run("query", old)[1]) == ["0.png"]


def test_a_folder_named_twice_is_added_once(run, folder, tmp_path):
    (tmp_path / "pictures.index").mkdir()  # empty, as another program may have made it
    code, answer = run("create", folder, folder / "o'clock", folder / ".." / folder.name)
    assert code == 0
    assert (answer["files"], answer["added"], answer["pictures"]) == (6, 5, 5)
    assert found(run("query", folder / "0.png")[1]) == ["0.png", "0 small.png"]


def test_query_agrees_with_the_definition_of_distance(run, folder, toy_bundle):
    from neardup import Detector

    run("create", folder)
    detector = Detector.load(toy_bundle)
    paths = sorted(folder.rglob("[0-9]*.png"))
    expected = {str(path): detector.distance(folder / "2.png", path) for path in paths}
    _, answer = run("query", folder / "2.png", "--at", "2")
    matches = {match["path"]: match["distance"] for match in answer["matches"]}
    assert matches == expected
    edge = float(np.sort(list(expected.values()))[1])
    assert len(run("query", folder / "2.png", "--at", repr(edge))[1]["matches"]) == 2


def test_another_bundle_is_refused(run, folder, tmp_path):
    run("create", folder)
    other = save_toy_bundle(tmp_path / "other", seed=9).directory
    for action, argument in (("add", folder), ("query", folder / "0.png"), ("remove", folder)):
        code, message = run(action, argument, bundle=other)
        assert code == 2
        assert "another bundle" in message


def test_what_is_there_is_not_overwritten(run, folder, tmp_path):
    code, message = run("query", folder / "0.png")
    assert code == 2
    assert "not an index" in message
    run("create", folder)
    code, message = run("create", folder)
    assert code == 2
    assert "exists already" in message


def test_blank_pictures_are_known_and_answer_nothing(run, folder):
    white = folder / "white.png"
    Image.new("RGB", (80, 60), "white").save(white)
    assert run("create", folder)[1]["blank"] == 1
    answer = run("add", folder)[1]
    assert answer["known"] == 6, "not decoded again"
    assert answer["blank"] == 0
    code, message = run("query", white)
    assert code == 2
    assert "blank" in message
    Image.new("RGB", (80, 60), "black").save(white)
    assert run("add", folder)[1]["blank"] == 1, "a changed one is looked at"


def test_files_that_are_gone_are_not_listed(run, folder):
    run("create", folder)
    (folder / "o'clock" / "0 small.png").rename(folder / "renamed.png")
    assert found(run("query", folder / "0.png")[1]) == ["0.png"]
