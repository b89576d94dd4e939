"""The report's page in a real browser: decided by keys and clicks, compared, saved, reloaded."""

import io
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from PIL import Image

from neardup.clean.plan import make_plan, read_groups
from neardup.library.file import Facts, File, Picture, Skipped
from neardup.library.intake import Counts
from neardup.library.listing import Selection
from neardup.scan.decisions import DecidedPair, Decisions
from neardup.scan.report import page as report_page
from neardup.scan.report.page import write_page, write_report
from neardup.scan.result import DuplicateGroup, DuplicatePair, Leakage, Member, ScanResult
from neardup.verify.alignment import Transform
from neardup.verify.match import Kind, Match

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

SIZE = (200, 160)
BOX = (40, 30, 120, 96)  # of the crop: left, top, width, height
HOSTILE = "\"><script>document.title='owned'</script>\n'&amp;.png"
NOT_UTF8 = os.fsdecode(b"caf\xe9.png")


def sha(number):
    return f"{number:08x}" * 8


def make_picture(number, *paths, taken="", size=SIZE):
    facts = Facts(width=size[0], height=size[1], format="PNG", taken=taken, camera=False)
    files = tuple(
        File(path=path, bytes=1_000_000 + number, modified=10**18, sha256=sha(number), link=False)
        for path in paths
    )
    return Picture(facts, files)


def group(*members, proposed=True):
    why = "most pixels" if proposed else "nothing tells which is the original"
    return DuplicateGroup(tuple(members), why, proposed)


def make_result(folder, groups, **changes):
    pictures = sum(len(each.members) for each in groups)
    values = {
        "selection": Selection(folders=[folder]), "threshold": 0.4, "at": "f1",
        "encoder_id": "e" * 64, "groups": groups, "pairs": [], "blank": [], "seconds": {},
        "search": "exact", "decisions": Decisions(),
        "skipped": [Skipped(Path("bad.jpg"), "the file is empty")],
        "counts": Counts(seen=pictures, embedded=pictures, identical=0, blank=0, skipped=1),
    }  # fmt: skip
    return ScanResult(**{**values, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory, picture):
    folder = tmp_path_factory.mktemp("pictures")
    whole = picture(1, SIZE)
    left, top, width, height = BOX
    whole.save(folder / "whole.png")
    whole.crop((left, top, left + width, top + height)).save(folder / "crop.png")
    for name in ("other.png", HOSTILE, NOT_UTF8):
        picture(2, SIZE).save(folder / name.replace("/", "\N{DIVISION SLASH}"))
    return folder


@pytest.fixture(scope="module")
def result(folder):
    """Groups: 0 identical files, 1 a sure crop, 2 a sure pair of which nothing tells the original,
    3 a likely and a doubtful copy, 4 hostile names, 5 of 300 members, 6 without a calibration."""
    whole, crop, other = (folder / name for name in ("whole.png", "crop.png", "other.png"))
    match = Match(
        kind=Kind.CROP, inside="b", box=BOX, zoom=SIZE[0] / BOX[2], size_a=SIZE, size_b=BOX[2:],
        transform=Transform(
            matrix=np.array([[1.0, 0, -BOX[0]], [0, 1.0, -BOX[1]]]), inliers=50, residual=0.1
        ),
    )  # fmt: skip
    hostile = folder / HOSTILE.replace("/", "\N{DIVISION SLASH}")
    groups = [
        group(Member(make_picture(1, other, folder / "again/other.png"), 0.0, 1.0)),
        group(
            Member(make_picture(10, whole), 0.0, 1.0),
            Member(make_picture(11, crop, size=BOX[2:]), 0.31, 0.999, match, True),
        ),
        group(
            Member(make_picture(20, whole), 0.0, 1.0),
            Member(make_picture(21, other), 0.32, 0.995),
            proposed=False,
        ),
        group(
            Member(make_picture(30, whole, taken="2020:05:17 10:11:12"), 0.0, 1.0),
            Member(make_picture(31, other), 0.33, 0.9),
            Member(make_picture(32, other), 0.34, 0.5),
        ),
        group(
            Member(make_picture(40, hostile), 0.0, 1.0),
            Member(make_picture(41, folder / NOT_UTF8), 0.35, 0.6),
        ),
        group(
            Member(make_picture(500, other), 0.0, 1.0),
            *(Member(make_picture(500 + i, other), 0.3, 0.9) for i in range(1, 300)),
        ),
        group(
            Member(make_picture(60, folder / "gone.png"), 0.0, 1.0),
            Member(make_picture(61, whole), 0.36, None),
        ),
    ]  # fmt: skip
    scene = DuplicatePair(whole, other, 0.5, False)
    earlier = Decisions(pairs=(DecidedPair(sha(7), sha(8), same=False),))
    return make_result(folder, groups, decisions=earlier, scenes=[scene])


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    report = tmp_path_factory.mktemp("report")
    write_report(result, report, show_progress=False)
    return report / "report.html"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    downloads = tmp_path_factory.mktemp("downloads")
    with Browser(tmp_path_factory.mktemp("profile"), downloads) as browser:
        browser.downloads = downloads
        yield browser


@pytest.fixture
def browser(chromium, written):
    """The page in a window of 1,280 by 900 px, with nothing decided."""
    chromium.look(width=1280, height=900, dark=False)
    chromium.open(written)
    fresh(chromium, written)
    return chromium


def fresh(browser, path):
    browser.open(path)
    browser.run("(localStorage.clear(), marks.clear(), saving = 0)")
    browser.open(path)


def text(browser, selector):
    return browser.run(f"document.querySelector({selector!r}).textContent")


def states(browser):
    return browser.run("data.groups.map(stateOf)")


def press(browser, *keys):
    for key in keys:
        browser.press(key)


def saved(browser):
    for path in browser.downloads.glob("*.json"):
        path.unlink()
    browser.press("s")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for path in browser.downloads.glob("neardup-decisions*.json"):
            if path.stat().st_size:
                return json.loads(path.read_text()), Decisions.load(path)
        time.sleep(0.05)
        browser.run("1")
    raise AssertionError("nothing was downloaded")


def test_a_whole_review_by_keys_is_saved(browser):
    assert text(browser, "#reviewed").startswith("0 of 7 reviewed, 0 bytes to gain")
    press(browser, "j", "k", "a")  # the identical files; the keys go on to the next group
    press(browser, "a")  # the crop
    press(browser, "ArrowRight", "b")  # nothing tells the original: keep the second
    press(browser, "ArrowRight", "ArrowRight", "x", "a")  # the doubtful one is none, the other is
    press(browser, "x")  # on a group's first: none of them
    assert states(browser) == ["accepted"] * 4 + ["rejected", "open", "open"]
    assert text(browser, "#reviewed").startswith("5 of 7 reviewed, 4.0 MB to gain")
    written, decisions = saved(browser)
    assert {key: written[key] for key in ("format", "encoder", "pictures")} == {
        "format": 2, "encoder": "e" * 64, "pictures": 312,
    }  # fmt: skip
    pairs = {(pair["a"], pair["b"]): pair for pair in written["pairs"]}
    assert {key: pair["same"] for key, pair in pairs.items()} == {
        (sha(1), sha(1)): True,
        (sha(10), sha(11)): True,
        (sha(20), sha(21)): True,
        (sha(30), sha(31)): True,
        (sha(30), sha(32)): False,
        (sha(40), sha(41)): False,
        (sha(7), sha(8)): False,  # from before
    }
    crop = pairs[sha(10), sha(11)]
    assert crop["distance"] == 0.31
    assert len(crop["evidence"]) == 4
    assert pairs[sha(20), sha(21)]["evidence"] is None
    assert written["keep"] == [sha(21)]
    assert decisions.keep == {sha(21)}


def test_accepting_asks_which_to_keep_where_nothing_tells(browser):
    press(browser, "j", "j", "a")
    assert states(browser)[2] == "choose"
    assert "which to keep" in text(browser, "#said")
    assert text(browser, "#reviewed").startswith("0 of 7")
    press(browser, "ArrowRight", "b")
    assert states(browser)[2] == "accepted"
    browser.run("cards.get(data.groups[2]).querySelectorAll('.badge')[0].click()")  # the other one
    assert saved(browser)[0]["keep"] == [sha(20)]
    press(browser, "k", "j", "ArrowRight", "B")  # both
    assert set(saved(browser)[0]["keep"]) == {sha(20), sha(21)}


def test_every_click_can_be_undone(browser):
    before = browser.run("JSON.stringify(decisionsFile())")
    browser.run("document.querySelectorAll('.badge')[3].click()")
    browser.run("document.querySelectorAll('.reject')[3].click()")
    browser.run("bulk()")
    browser.run("document.querySelector('.accept').click()")
    after = browser.run("JSON.stringify(decisionsFile())")
    for _ in range(4):
        assert browser.run("byId('undo').disabled") is False
        press(browser, "u")
    assert browser.run("byId('undo').disabled") is True
    assert browser.run("JSON.stringify(decisionsFile())") == before != after


def test_all_that_are_sure_at_once(browser):
    assert text(browser, "#bulk") == "Accept 2 that are sure"
    browser.run("byId('bulk').click()")
    assert states(browser) == ["accepted", "accepted", *["open"] * 5]
    assert browser.run("byId('bulk').disabled") is True
    press(browser, "u")
    browser.run("data.groups[0].files[1].companions = ['film.mov']")
    browser.run("data.groups[1].files[1].own_content = true")
    assert browser.run("visible.filter(isSure)") == []  # something would be lost
    press(browser, "n", "a", "n", "a")
    assert text(browser, "#reviewed").startswith("2 of 7")


def test_marks_outlive_a_reload_and_keep_apart_from_other_reports(
    browser, written, result, tmp_path
):
    press(browser, "j", "a", "x")
    before = saved(browser)[0]
    assert len(before["pairs"]) == 3
    browser.open(written)
    assert saved(browser)[0] == before
    press(browser, "u")  # also what was done before
    assert states(browser)[1:3] == ["accepted", "open"]
    press(browser, "x")
    assert states(browser)[1:3] == ["accepted", "rejected"]
    press(browser, "Home", "j", "a")  # accepted already: taken back
    browser.open(written)
    assert states(browser)[1:3] == ["open", "rejected"]
    other = tmp_path / "report.html"
    write_page(result, other)
    browser.open(other)
    assert set(states(browser)) == {"open"}


def test_the_command_does_what_the_page_shows(chromium, folder, tmp_path):
    """Random decisions: the files that the page shows to go are those that are moved."""

    def member(number, files, place):
        paths = [folder / f"gone/{number}.{file}.png" for file in range(files)]
        return Member(make_picture(number, *paths), 0.1 * (place > 0), 1.0 if place < 1 else 0.9)

    groups = [
        group(
            *(member(10 * number + i, 1 + (i + number) % 3 % 2, i) for i in range(2 + number % 3)),
            proposed=number % 4 > 0,
        )
        for number in range(7)
    ]
    write_report(make_result(folder, groups), tmp_path, show_progress=False)
    fresh(chromium, tmp_path / "report.html")
    browser = chromium
    for seed in range(5):
        shown = browser.run(
            f"""(() => {{ let seed = {seed + 1};
            const random = (n) => (seed = seed * 48271 % 2147483647) % n;
            for (let step = 0; step < 40; step++) {{
              const group = data.groups[random(7)];
              const file = group.files[random(Math.min(group.files.length, 4))];
              [() => accept(group), () => reject(group, file), () => keep(group, [file]),
               () => keep(group, [file], {{ also: true }}), undoChange][random(5)](); }}
            const goes = data.groups.filter((group) => stateOf(group) === "accepted").flatMap(
              (group) => group.files.filter((_, at) => fatesOf(group)[at] === "goes"));
            return {{ goes: goes.map((file) => file.path), gain: review().gain }}; }})()"""
        )
        _, decisions = saved(browser)
        plan = make_plan(read_groups(tmp_path), decisions, accept_sure=False)
        removed = [removal.file for removal in plan.removals]
        assert set(shown["goes"]) <= {str(copy.path) for copy in removed}
        assert sum(copy.bytes for copy in removed) == shown["gain"]


def test_a_decided_report_shows_what_was_decided(chromium, result, folder, tmp_path):
    pair = DecidedPair(sha(10), sha(11), same=True, distance=0.31)
    again = Decisions(pairs=(pair,), keep=frozenset({sha(20)}), encoder="e" * 64)
    path = tmp_path / "report.html"
    write_page(make_result(folder, result.groups[:3], decisions=again), path)
    fresh(chromium, path)
    assert states(chromium) == ["open", "accepted", "open"]
    press(chromium, "j", "a")  # taken back, also in the file
    assert [each["b"] for each in saved(chromium)[0]["pairs"]] == []


def pixels(browser, selector):
    """(H, W, 3) of an element, as it is seen."""
    box = browser.run(
        f"(({{x, y, width, height}}) => [x, y, x + width, y + height])"
        f"(document.querySelector({selector!r}).getBoundingClientRect())"
    )
    return np.asarray(Image.open(io.BytesIO(browser.picture())).convert("RGB").crop(box), float)


def settled(browser):
    """Wait for the files themselves, and for two frames."""
    browser.run(
        "(async () => { const waits = i => !i.src.startsWith('file:') || !i.complete;"
        " while ([...stage.querySelectorAll('img')].some(waits)) await "
        "new Promise(r => setTimeout(r, 20)); await new Promise(r => "
        "requestAnimationFrame(() => requestAnimationFrame(r))) })()"
    )


def test_the_viewer_lays_a_crop_over_its_original(browser):
    press(browser, "j", "Enter")
    assert browser.run("viewer.open") is True
    settled(browser)
    assert "B is a crop of A" in text(browser, "#facts")
    assert "0.3100" in text(browser, "#facts")
    press(browser, "4")
    settled(browser)
    browser.run("(amountInput.value = 0, applyAmount())")
    assert text(browser, "#modes [aria-pressed=true]").startswith("Difference")
    ground = pixels(browser, "#stage")[3, 3]
    seen = pixels(browser, ".area")
    drawn = np.abs(seen - ground).sum(axis=2) > 6
    assert drawn.mean() > 0.05
    assert np.median(seen[drawn]) < 8  # black: they agree
    press(browser, "5")
    settled(browser)
    assert browser.run("document.querySelectorAll('.panel').length") == 4
    assert browser.run("document.querySelector('polygon').getAttribute('points')") == (
        "40,30 160,30 160,126 40,126"
    )
    press(browser, "3")
    assert browser.run("amount.hidden") is False
    press(browser, "2", " ")
    assert browser.run("stage.classList.contains('flipped')") is True
    press(browser, "Escape")
    assert browser.run("viewer.open") is False
    assert browser.run("document.activeElement.closest('.card') === cards.get(data.groups[1])")


def test_zoom_and_pan_are_linked(browser):
    browser.run("openViewer(data.groups[2])")

    def seen():
        return browser.run("[...stage.querySelectorAll('img')].map(i => i.style.transform)")

    first = seen()
    assert len(first) == 2
    assert first[0] == first[1]
    press(browser, "+", "+")
    closer = seen()
    assert closer[0] == closer[1] != first[0]
    x, y = browser.run(
        "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
        "(document.querySelectorAll('.area')[1].getBoundingClientRect())"
    )
    mouse = {"x": x, "y": y, "button": "left", "clickCount": 1}
    browser.call("Input.dispatchMouseEvent", type="mousePressed", **mouse)
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", **{**mouse, "x": x + 30, "y": y})
    browser.call("Input.dispatchMouseEvent", type="mouseReleased", **{**mouse, "x": x + 30, "y": y})
    moved = seen()
    assert moved[0] == moved[1] != closer[0]
    press(browser, "0")
    assert seen() == first


def test_decided_in_the_viewer(browser):
    browser.run("openViewer(data.groups[2])")
    press(browser, "[")  # keep A; the next group comes
    assert browser.run("shown.group.number") == 3
    press(browser, "x")  # the next member comes
    assert browser.run("[shown.group.number, shown.at]") == [3, 2]
    press(browser, "a")
    assert browser.run("shown.group.number") == 4
    press(browser, "u")
    assert browser.run("shown.group.number") == 3
    assert states(browser)[2:4] == ["accepted", "open"]
    assert saved(browser)[0]["keep"] == [sha(20)]


def test_a_file_that_is_gone_shows_its_place(browser):
    browser.run("openViewer(data.groups[6])")
    browser.run("new Promise(done => setTimeout(done, 300))")
    assert "could not be loaded" in text(browser, ".note")
    assert text(browser, "#viewer-group .word") == "distance 0.36"  # no calibration, no word


def test_three_hundred_members_are_one_decision(browser):
    card = "cards.get(data.groups[5])"
    assert browser.run(f"{card}.querySelectorAll('.tile').length") == 12
    browser.run(f"{card}.querySelector('.more').click()")
    assert "file 13 of 300" in text(browser, "#viewer-group")
    assert browser.run("document.querySelectorAll('#film button').length") < 60
    press(browser, "x", "a")
    pairs = saved(browser)[0]["pairs"]
    assert sum(pair["same"] for pair in pairs) == 298


def test_search_filter_and_order(browser):
    def shown(**asked):
        return browser.run(
            f"(Object.entries({json.dumps(asked)}).forEach(([k, v]) => controls[k].value = v),"
            " filterGroups(), visible.map(g => g.number))"
        )

    assert shown() == [0, 1, 2, 3, 4, 5, 6]
    assert shown(search="CROP whole") == []  # of one file
    assert text(browser, "#empty") == "No group is like that."
    assert shown(search="crop") == [1]
    assert shown(search="again/") == [0]
    assert shown(search="", word="doubtful") == [3, 4]
    assert shown(word="all", order="doubt")[:2] == [3, 4]
    assert shown(order="gain")[0] == 5
    assert shown(order="date")[0] == 3
    assert shown(order="folder")[0] == 4
    shown(order="surest")
    press(browser, "Home", "a")
    assert shown(state="accepted") == [0]
    assert shown(state="open") == [1, 2, 3, 4, 5, 6]
    assert shown(state="choose") == [2]


def test_names_are_text_and_nothing_outside_is_asked(browser):
    assert browser.run("document.title") == "neardup report"
    assert "<script>" in browser.run("cards.get(data.groups[4]).querySelector('b').textContent")
    browser.run("openViewer(data.groups[4])")
    settled(browser)  # a name that is not UTF-8 is found again
    assert browser.run("document.title") == "neardup report"
    assert browser.run("document.querySelectorAll('#grid img:not([src^=\"data:\"])').length") == 0
    outside = [u for u in browser.requests if not u.startswith(("file:", "data:", "blob:"))]
    assert outside == []


def test_says_what_is_next_and_what_is_left_out(browser, written):
    command = f"neardup clean {written.parent} --decisions neardup-decisions.json"
    assert text(browser, "#command") == command
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    browser.run("copyCommand()")
    assert browser.run("navigator.clipboard.readText()") == command
    rest = text(browser, "#rest")
    assert "1 pair look like two shots of one scene" in rest
    assert "Skipped files (1)" in rest


def test_says_how_many_groups_it_leaves_out(chromium, result, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(report_page, "MAX_FILES", 6)
    path = tmp_path / "report.html"
    write_page(result, path)
    fresh(chromium, path)
    assert chromium.run("data.groups.length") == 3  # of 2 files each
    assert "4 groups more, the least sure, are left out" in text(chromium, "#rest")


def test_says_how_many_files_of_a_group_it_leaves_out(chromium, result, tmp_path, monkeypatch):
    monkeypatch.setattr(report_page, "MAX_IN_A_GROUP", 4)
    path = tmp_path / "report.html"
    write_report(result, tmp_path, show_progress=False)
    fresh(chromium, path)
    assert max(chromium.run("data.groups.map((group) => group.files.length)")) == 4
    cards = chromium.run("[...document.querySelectorAll('.how')].map((how) => how.textContent)")
    assert [how for how in cards if "all are in groups.json" in how] == [
        "the first 4 of 300 files; all are in groups.json"
    ]
    assert max(len(group.contents) for group in read_groups(tmp_path)) == 300


def test_across_two_folders(chromium, result, folder, tmp_path):
    selection = Selection(folders=[folder], against=Path("other place"))
    leakage = Leakage(pictures=7, leaked=[Path("a")] * 4, other_pictures=3, other_leaked=3)
    path = tmp_path / "report.html"
    write_page(make_result(folder, result.groups[1:4], selection=selection, leakage=leakage), path)
    fresh(chromium, path)
    assert text(chromium, ".badge") == "in other place"
    assert text(chromium, "#summary").startswith("4 of 7 pictures of")
    press(chromium, "b", "a", "a")
    written, _ = saved(chromium)
    assert (len(written["pairs"]), written["keep"]) == (2, [])
    assert states(chromium) == ["accepted", "accepted", "open"]


def test_nothing_found_is_good_news(chromium, folder, tmp_path):
    path = tmp_path / "report.html"
    write_page(make_result(folder, []), path)
    fresh(chromium, path)
    assert text(chromium, "#empty").startswith("Nothing to clean up")
    press(chromium, "j", "a", "x", "Enter", "u", "ArrowDown")


def test_five_thousand_groups_stay_smooth(chromium, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(report_page, "THUMBNAIL_SIDES", ((100, 64), (200, 32)))
    other = folder / "other.png"
    groups = [
        group(
            *(Member(make_picture(2 * n + i, other), i * n / 12500, 1 - n / 1e4) for i in range(2))
        )
        for n in range(5000)
    ]
    path = tmp_path / "report.html"
    write_page(make_result(folder, groups), path)
    assert path.stat().st_size < 10e6
    fresh(chromium, path)
    first_paint = chromium.run("performance.getEntriesByType('paint')[0].startTime")
    assert first_paint < 5000
    assert "9,800 pictures without a preview" in text(chromium, "#rest")
    drawn = "document.querySelectorAll('.card').length"
    assert chromium.run(drawn) < 100
    seconds = chromium.run(
        """(() => { const start = performance.now();
        for (let i = 0; i < 100; i++) {
          for (const key of ['a', 'j']) document.activeElement.dispatchEvent(
            new KeyboardEvent('keydown', {key, bubbles: true}));
          document.body.offsetHeight; }
        return (performance.now() - start) / 1000; })()"""
    )
    assert seconds < 20  # 200 keys, each far below a tenth of a second
    assert chromium.run("current.place") == 200
    assert text(chromium, "#reviewed").startswith("100 of 5,000")
    press(chromium, "End")
    assert chromium.run("document.activeElement.closest('.card') === cards.get(visible.at(-1))")
    assert chromium.run(drawn) < 100
    chromium.run("byId('bulk').click()")
    press(chromium, "u")
    assert text(chromium, "#reviewed").startswith("100 of 5,000")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1400, 2500])
def test_fits_the_window_and_is_readable(browser, width, dark, tmp_path):
    browser.look(width=width, height=900, dark=dark)
    assert browser.run("document.documentElement.scrollWidth") <= width
    ground, ink = (
        sum(map(int, browser.run(f"getComputedStyle(document.body).{name}")[4:-1].split(", ")))
        for name in ("backgroundColor", "color")
    )
    assert (ground < 200 and ink > 560) if dark else (ground > 560 and ink < 200)
    browser.run("openViewer(data.groups[1])")
    assert browser.run("viewer.scrollWidth") <= width
    folder = os.environ.get("NEARDUP_SCREENSHOTS")
    browser.screenshot(Path(folder or tmp_path) / f"page-{width}-{'dark' if dark else 'light'}.png")
