"""Pictures in columns of Parquet files and Lance tables are scanned as those in a folder."""

import pytest
from tests.scale.scanned import page_of, scanned

from neardup.cli.main import main
from neardup.files import list_files
from neardup.scale.sources import Unit, items, spooled

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
lance = pytest.importorskip("lance")


@pytest.fixture(scope="module")
def rows(album):
    """A table as Hugging Face datasets write it, with another column of bytes."""
    return arrow.table(
        {
            "photo": [
                {"bytes": path.read_bytes(), "path": path.relative_to(album).as_posix()}
                for path in list_files(album)
            ],
            "thumbnail": [b"small"] * len(list_files(album)),
        }
    )


def test_parquet_files_give_what_the_plain_scan_gives(ray, rows, plain, toy_bundle, tmp_path):
    for part in range(3):
        chosen = rows.slice(part * 10, 10)
        parquet.write_table(chosen, tmp_path / f"part {part}.parquet", row_group_size=4)
    out = tmp_path / "out"
    found = scanned(toy_bundle, out, tmp_path / "part *.parquet#photo", "--engine", "ray")
    assert found.told_apart == plain.told_apart
    assert "part 0.parquet!0.png" in (out / "groups.json").read_text()
    assert len(page_of(out)["thumbnails"]) == len(set().union(*found.contents))
    again = scanned(
        toy_bundle, out, tmp_path / "part *.parquet#photo", "--engine", "ray", "--resume"
    )
    assert again == found


def test_a_lance_table_gives_what_the_plain_scan_gives(ray, rows, plain, toy_bundle, tmp_path):
    photos = arrow.table({"image": arrow.compute.struct_field(rows["photo"], "bytes")})
    lance.write_dataset(photos, tmp_path / "photos.lance", max_rows_per_file=10)
    found = scanned(toy_bundle, tmp_path / "out", tmp_path / "photos.lance", "--engine", "ray")
    assert (found.code, found.contents, found.counts) == (plain.code, plain.contents, plain.counts)
    names = {name for group in found.groups for name, _, _ in group}
    assert names <= {f"photos.lance#{row}" for row in range(28)}
    assert len(names) == sum(map(len, plain.groups))


def test_what_is_in_a_test_set_is_found_in_a_training_set(ray, rows, toy_bundle, tmp_path):
    parquet.write_table(rows.slice(0, 5), tmp_path / "test.parquet")
    parquet.write_table(rows, tmp_path / "train.parquet")
    out = tmp_path / "out"
    sets = [f"{tmp_path}/test.parquet#photo", "--against", f"{tmp_path}/train.parquet#photo"]
    assert main(["scan", *sets, "--engine", "ray", "--bundle", str(toy_bundle), "--out", str(out)])
    leaked = (out / "leaked.txt").read_text().splitlines()
    assert leaked == sorted(
        f"{tmp_path}/test.parquet!{row['path']}" for row in rows["photo"].to_pylist()[:5]
    )


def read(name, folder):
    """Name, bytes and reason of all that is in a source."""
    folder.mkdir(exist_ok=True)
    return [
        (local.name.removeprefix(f"{folder.parent}/"), local.path and local.path.read_bytes())
        for item in items(str(name))
        for lot in spooled(Unit([item], opened=True), folder)
        for local in lot
    ]


def test_a_picture_is_called_by_its_path_or_else_its_row(tmp_path):
    table = arrow.table(
        {
            "image": [b"0", b"1", None, b"3"],
            "path": ["cats/a.jpg", "cats/a.jpg", "cats/c.jpg", None],
            "label": [1, 2, 3, 4],
        }
    )
    expected = [("x!cats/a.jpg", b"0"), ("x#1", b"1"), ("x!cats/c.jpg", None), ("x#3", b"3")]
    parquet.write_table(table, tmp_path / "x.parquet")
    lance.write_dataset(table, tmp_path / "x.lance", max_rows_per_file=3)
    for kind in ("parquet", "lance"):
        found = read(tmp_path / f"x.{kind}", tmp_path / "spool")
        assert [(name.replace(f".{kind}", ""), data) for name, data in found] == expected


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("", "name the column of encoded pictures, as in .*#image; columns of bytes: a, b"),
        ("#c", "no column 'c' of encoded pictures; columns of bytes: a, b"),
    ],
)
def test_a_column_that_is_not_clear_is_asked_for(tmp_path, capsys, column, reason):
    table = arrow.table({"a": [b"1"], "b": [b"2"], "c": [3]})
    parquet.write_table(table, tmp_path / "x.parquet")
    lance.write_dataset(table, tmp_path / "x.lance")
    for kind in ("parquet", "lance"):
        with pytest.raises(Exception, match=f"x.{kind}: .*{reason}"):
            items(f"{tmp_path}/x.{kind}{column}")


def test_a_damaged_file_among_several_is_told_and_alone_refused(tmp_path):
    (tmp_path / "0.parquet").write_bytes(b"PAR1 is not all")
    with pytest.raises(Exception, match=r"0\.parquet: it cannot be read as Parquet"):
        items(str(tmp_path / "0.parquet"))
    parquet.write_table(arrow.table({"image": [b"1"]}), tmp_path / "1.parquet")
    first, second = read(tmp_path / "*.parquet", tmp_path / "spool")
    assert first == ("0.parquet#image", None)
    assert second == ("1.parquet#0", b"1")
    with pytest.raises(Exception, match="there is no such file"):
        items(str(tmp_path / "2*.parquet"))


def test_paths_of_any_kind_are_names_of_pictures(ray, rows, plain, toy_bundle, tmp_path):
    names = [f"https://host//{number}.jpg?{'long' * 100}" for number in range(len(rows))]
    names[:3] = ["a//b.jpg", "nul\0l.jpg", "../c.jpg"]
    photos = arrow.compute.struct_field(rows["photo"], "bytes")
    parquet.write_table(arrow.table({"image": photos, "path": names}), tmp_path / "x.parquet")
    out = tmp_path / "out"
    found = scanned(toy_bundle, out, tmp_path / "x.parquet", "--engine", "ray")
    assert (found.contents, found.counts) == (plain.contents, plain.counts)
    assert len(page_of(out)["thumbnails"]) == len(set().union(*found.contents))


def test_a_table_of_pictures_is_not_overwritten(ray, rows, toy_bundle, tmp_path, capsys):
    lance.write_dataset(rows.select(["thumbnail"]), tmp_path / "x.lance")
    for source in (tmp_path / "x.lance", tmp_path):
        command = ["embed", source, "--out", tmp_path / "x.lance", "--bundle", toy_bundle]
        assert main([*map(str, command), "--engine", "ray"]) == 2
        assert "there is a table of other things" in capsys.readouterr().err
    assert lance.dataset(tmp_path / "x.lance").count_rows() == len(rows)
