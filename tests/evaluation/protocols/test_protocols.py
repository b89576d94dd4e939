"""Label files become tasks, and every mistake in them is one clear sentence."""

from itertools import combinations

import numpy as np
import pytest

from neardup.errors import ConfigError
from neardup.evaluation.edits.named import MISSION, Edit
from neardup.evaluation.methods import Method
from neardup.evaluation.protocols.dataset import encode
from neardup.evaluation.protocols.groups import groups_dataset
from neardup.evaluation.protocols.pairs import folder_pictures, pairs_dataset
from neardup.evaluation.protocols.retrieval import retrieval_dataset


@pytest.fixture
def folder(tmp_path, picture):
    root = tmp_path / "photos"
    for name in ("a/1.png", "a/2.png", "b/3.png", "b/4.png", "c/5.png", "c/6.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(int(name[2])).save(root / name)
    (tmp_path / "outside.png").write_bytes((root / "a/1.png").read_bytes())
    return root


def labels(folder, text):
    path = folder / "groups.csv"
    path.write_text(text)
    return path


FULL = "path,group\na/1.png,x\na/2.png,x\nb/3.png,y\nb/4.png,y\nc/5.png,z\n"


def everything(dataset):
    return dataset.make_task(np.arange(len(dataset.pictures.names)))


def test_groups_are_pairs_within(folder):
    task = everything(groups_dataset(folder, labels(folder, FULL)))
    assert task.same_set
    assert {tuple(p) for p in task.positive.tolist()} == {(0, 1), (1, 0), (2, 3), (3, 2)}
    assert task.pair_count == 10


def test_a_line_may_stand_twice(folder):
    task = everything(groups_dataset(folder, labels(folder, FULL + "a/1.png,x\n")))
    assert task.pair_count == 10


def test_ignored_pairs_count_nowhere(folder):
    text = (
        "path,group,ignore\na/1.png,x,y\na/2.png,x,\nb/3.png,y,\nb/4.png,y,\nc/5.png,z,*\n"
        "c/6.jpg,y,y\n"
    )
    task = everything(groups_dataset(folder, labels(folder, text)))
    ignored = {tuple(p) for p in task.ignored.tolist()}
    once = {(0, 2), (0, 3), (0, 5), (2, 5), (3, 5)} | {(i, 4) for i in range(4)} | {(4, 5)}
    assert ignored == once | {(b, a) for a, b in once}
    assert {tuple(p) for p in task.positive.tolist()} == {(0, 1), (1, 0), (2, 3), (3, 2)}
    assert task.pair_count == 15 - len(once)


def test_classes_are_read_and_unreadable_pictures_leave(folder):
    text = "path,group,class\na/1.png,x,cat\na/2.png,x,cat\nb/3.png,y,\nb/4.png,y,dog\n"
    dataset = groups_dataset(folder, labels(folder, text))
    task = dataset.make_task(np.array([0, 2, 3]))
    assert task.query_names == ("a/1.png", "b/3.png", "b/4.png")
    assert task.query_class[1] == -1
    assert task.query_class[0] != task.query_class[2]
    assert len(task.positive) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,group\na/1.png,x\ngone.png,x\nb/3.png,y\n", "line 3: gone.png is not a file"),
        ("path,group\na/1.png,x\n../outside.png,x\n", "line 3: ../outside.png lies outside"),
        ("path,group\na/1.png,x\na/1.png,y\n", "line 3: a/1.png stands otherwise on line 2"),
        ("path,group\na/1.png,x\na/2.png,x\n", "only one group"),
        ("path,group\na/1.png,x\na/2.png,y\n", "no group has two pictures"),
        ("path,label\na/1.png,x\n", "no column 'group'; it has path,label"),
        ("path,group\na/1.png,\n", "line 2: no value for 'group'"),
        ("path,group\n", "no picture is listed"),
        ("", "the file is empty"),
        ("path,group,ignore\na/1.png,x,w\na/2.png,x,\nb/3.png,y,\n", "ignores 'w', no such group"),
    ],
)
def test_bad_group_files_are_refused(folder, text, reason):
    with pytest.raises(ConfigError, match=reason):
        groups_dataset(folder, labels(folder, text))


def test_a_missing_group_file_or_root_is_refused(folder):
    with pytest.raises(ConfigError, match=r"groups\.csv: No such file"):
        groups_dataset(folder, folder / "groups.csv")
    with pytest.raises(ConfigError, match=r"protocol.root: .* is not a folder"):
        groups_dataset(folder / "nowhere", folder / "groups.csv")


def test_retrieval_with_and_without_header_and_suffix(folder, tmp_path):
    truth = tmp_path / "truth.csv"
    for text in (
        "query,reference\n1,3\n2,4.png\n2.png,\n",
        "query_id,reference_id\n1,3\n2,4\n",
        "1,3\n2.png,4\n",
    ):
        truth.write_text(text)
        dataset = retrieval_dataset(folder / "a", folder / "b", truth)
        task = everything(dataset)
        assert task.positive.tolist() == [[0, 0], [1, 1]]
        assert task.pair_count == 4
    truth.write_text("query,reference,ignore\n1,3,\n1,4,yes\n")
    task = everything(retrieval_dataset(folder / "a", folder / "b", truth))
    assert task.ignored.tolist() == [[0, 1]]
    assert task.query_source[0] == task.reference_source[0]
    assert len(task.sources) == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("query,reference\n9,3\n", "line 2: query '9' is not in the folder"),
        ("query,reference\n1,9\n", "line 2: reference '9' is not in the folder"),
        ("query,reference\n1,\n", "nothing to find"),
    ],
)
def test_bad_ground_truth_is_refused(folder, tmp_path, text, reason):
    truth = tmp_path / "truth.csv"
    truth.write_text(text)
    with pytest.raises(ConfigError, match=reason):
        retrieval_dataset(folder / "a", folder / "b", truth)


def mean_colour(images):
    return np.stack([image.reshape(-1, 3).mean(axis=0) for image in images]).astype(np.float32)


MEAN = Method(name="mean", encode=mean_colour)


def test_a_copy_on_another_picture_is_not_compared_with_that_one(folder):
    """The next readable picture is what it lies on, and shows as well."""
    (folder / "b/0.png").write_text("not a picture")
    pictures = folder_pictures(folder, max_images=100, side=32, seed=0)
    edits = (Edit("mirror", 1), Edit("collage", 0.01))
    dataset = pairs_dataset(pictures, edits, where="here", seed=0)
    encoded = encode(dataset, [MEAN], batch_size=4)
    task = dataset.make_task(encoded.kept)
    count = len(encoded.kept)
    assert task.ignored.tolist() == [[2 * i + 1, (i + 1) % count] for i in range(count)]
    queries, references = encoded.of_task("mean")
    for query, ground in task.ignored:  # a picture that covers a hundredth leaves the ground's mean
        gaps = np.abs(references - queries[query]).max(axis=1)
        assert gaps.argmin() == ground


def test_pairs_skip_what_is_not_a_picture_and_line_up(folder):
    (folder / "a/0.png").write_text("not a picture")
    pictures = folder_pictures(folder, max_images=100, side=32, seed=0)
    dataset = pairs_dataset(pictures, MISSION, where="here", seed=0)
    encoded = encode(dataset, [MEAN], batch_size=10)
    assert [name for name, _ in encoded.unreadable] == ["a/0.png"]
    task = dataset.make_task(encoded.kept)
    queries, references = encoded.of_task("mean")
    assert references.shape == (6, 3)
    assert queries.shape == (6 * len(MISSION), 3)
    assert len(task.query_names) == len(queries)
    assert task.query_names[0] == "a/1.png (brightness 40%)"
    picture, edit = 3, 4
    own = mean_colour([dataset.view(int(encoded.kept[picture]), edit)])[0]
    np.testing.assert_array_equal(queries[picture * len(MISSION) + edit], own)
    same = {
        (task.reference_names[a][0], task.reference_names[b][0])
        for a, b in combinations(range(6), 2)
        if task.reference_class[a] == task.reference_class[b]
    }
    assert same == {("a", "a"), ("b", "b"), ("c", "c")}


def test_pictures_are_drawn_the_same_and_shrunk(folder):
    first = folder_pictures(folder, max_images=3, side=32, seed=1)
    assert len(first.names) == 3
    assert first.names == folder_pictures(folder, max_images=3, side=32, seed=1).names
    assert min(first.load(0).shape[:2]) == 32
    with pytest.raises(ConfigError, match=r"data.root: .* is not a folder"):
        folder_pictures(folder / "none", max_images=3, side=32, seed=0)
