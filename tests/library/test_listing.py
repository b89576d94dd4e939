import itertools
import os
from pathlib import Path

import pytest

from neardup.errors import NeardupError
from neardup.library.listing import Selection, list_selection


@pytest.fixture
def tree(tmp_path):
    """Names only: nothing is read."""
    for name in (
        "a/1.jpg", "a/2.GIF", "a/sub/3.jpg", "a/sub/deep/4.jpg", "a/thumbnails/1.jpg", "b/5.jpg",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def listed(tree, *folders, **more):
    listing = list_selection(Selection(folders=[tree / folder for folder in folders], **more))
    return [str(path.relative_to(tree)) for path in listing.scanned], listing


def test_several_folders_give_each_file_once_by_the_first_that_names_it(tree):
    every = {"a/1.jpg", "a/2.GIF", "a/sub/3.jpg", "a/sub/deep/4.jpg", "a/thumbnails/1.jpg"}
    assert set(listed(tree, "a")[0]) == every
    for folders in (("a", "a"), ("a", "a/sub"), ("a/sub", "a"), ("a", "a/1.jpg")):
        names, _ = listed(tree, *folders)
        assert sorted(names) == sorted(every)
    (tree / "same").symlink_to(tree / "a", target_is_directory=True)
    assert all(name.startswith("same/") for name in listed(tree, "same", "a")[0])
    (tree / "b" / "away").symlink_to(tree / "a" / "sub", target_is_directory=True)
    names, _ = listed(tree, "a", "b")
    assert len(names) == len(every) + 1


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (["*.gif"], "1.jpg sub/3.jpg sub/deep/4.jpg thumbnails/1.jpg"),
        (["Thumbnails"], "1.jpg 2.GIF sub/3.jpg sub/deep/4.jpg"),
        (["thumbnails/"], "1.jpg 2.GIF sub/3.jpg sub/deep/4.jpg"),
        (["sub/*.jpg"], "1.jpg 2.GIF sub/deep/4.jpg thumbnails/1.jpg"),
        (["sub/**/*.jpg"], "1.jpg 2.GIF thumbnails/1.jpg"),
        (["/1.jpg"], "2.GIF sub/3.jpg sub/deep/4.jpg thumbnails/1.jpg"),
        (["deep/4.jpg"], "1.jpg 2.GIF sub/3.jpg sub/deep/4.jpg thumbnails/1.jpg"),
        (["**/deep/4.jpg", "[12].*"], "sub/3.jpg"),
        (["?.jpg", "2*"], ""),
        (["a"], "1.jpg 2.GIF sub/3.jpg sub/deep/4.jpg thumbnails/1.jpg"),
    ],
)
def test_exclude_leaves_out_what_fits_and_include_everything_else(tree, patterns, left):
    names, listing = listed(tree, "a", exclude=patterns)
    assert names == [f"a/{name}" for name in left.split()]
    rest, _ = listed(tree, "a", include=patterns)
    assert sorted([*names, *rest]) == listed(tree, "a")[0]
    assert [str(path.relative_to(tree)) for path in listing.left_out] == sorted(rest)


def test_patterns_that_fit_nothing_are_told(tree):
    _, listing = listed(tree, "a", include=["*.jpg", "*.jpgg"], exclude=["sub", "/sub/", "./sub/x"])
    assert listing.idle == ["*.jpgg", "./sub/x"]


def test_exclude_wins_and_accents_are_one_letter_or_two(tree):
    (tree / "a" / "e\u0301te\u0301").mkdir()
    (tree / "a" / "e\u0301te\u0301" / "6.jpg").touch()
    assert listed(tree, "a", include=["\u00e9t\u00c9"], exclude=["7.jpg"])[0]
    assert not listed(tree, "a", include=["\u00e9t\u00c9"], exclude=["6.*"])[0]


def test_references_are_marked_wherever_they_lie(tree):
    def references(listing):
        return {path.relative_to(tree).as_posix() for path in listing.references}

    names, listing = listed(tree, "a", references=[tree / "a/sub"])
    assert len(names) == 5
    assert references(listing) == {"a/sub/3.jpg", "a/sub/deep/4.jpg"}
    names, listing = listed(tree, "a/sub/deep", references=[tree / "a"])
    assert set(names) - references(listing) == {"a/sub/deep/4.jpg"}
    names, listing = listed(tree, "a", "a/sub/deep", references=[tree / "a/sub"])
    assert references(listing) == {"a/sub/3.jpg"}
    # A link from a scanned folder into a reference does not make its files removable.
    (tree / "b" / "link").symlink_to(tree / "a" / "sub", target_is_directory=True)
    names, listing = listed(tree, "b", references=[tree / "a"])
    assert set(names) - references(listing) == {"b/5.jpg"}


def test_a_folder_in_two_roles_is_refused(tree):
    for roles in ({"against": tree / "a"}, {"references": [tree / "b", tree / "a/"]}):
        with pytest.raises(NeardupError, match="one folder"):
            listed(tree, "b/../a", **roles)
    with pytest.raises(NeardupError, match="--reference"):
        listed(tree, "a", against=tree / "b", references=[tree / "a/sub"])


def test_against_keeps_nested_folders_apart(tree):
    def sides(folder, against):
        names, listing = listed(tree, folder, against=tree / against)
        return len(names), len(listing.against)

    assert sides("a", "a/sub") == (3, 2)
    assert sides("a/sub", "a") == (2, 3)
    assert sides("a", "b") == (5, 1)


def test_every_file_has_one_role_whatever_the_order(tree):
    (tree / "a" / "loop").symlink_to(tree, target_is_directory=True)
    (tree / "b" / "link.jpg").symlink_to(tree / "a" / "1.jpg")
    real = {os.path.realpath(path.parent) + path.name for path in tree.rglob("*") if path.is_file()}
    for folders in itertools.permutations(["a", "b", "a/sub"], 3):
        _, listing = listed(tree, *folders[:2], references=[tree / folders[2]])
        places = [os.path.realpath(path.parent) + path.name for path in listing.scanned]
        assert len(places) == len(set(places))
        assert set(places) <= real
        kept = Path(os.path.realpath(tree / folders[2]))
        for path in listing.scanned:
            inside = kept in Path(os.path.realpath(path.parent), path.name).parents
            nested = any(kept in (tree / other).parents for other in folders[:2])
            assert nested or (path in listing.references) == inside
