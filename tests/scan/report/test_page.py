"""The report's page in a real browser, with 2,000 groups."""

import json
import os
import time
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser

from neardup.library.file import Facts, File, Picture, Skipped
from neardup.library.intake import Counts
from neardup.library.listing import Selection
from neardup.scan.decisions import DecidedPair, Decisions, ordered
from neardup.scan.report.page import write_page
from neardup.scan.result import DuplicateGroup, Member, ScanResult

GROUPS = 2000
THRESHOLD = 0.4

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


def sha(number):
    return f"{number:064x}"


@pytest.fixture(scope="module")
def result(tmp_path_factory, picture):
    """Groups of 3: distances 0, d and d, where d grows evenly to the threshold."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for seed in range(12):
        paths.append(folder / f"{seed} <img src=x onerror=alert(1)>.png")
        picture(seed, size=(120 + 40 * (seed % 3), 130)).save(paths[-1])

    def make_picture(number, path):
        facts = Facts(
            width=4000, height=3000, format="JPEG", taken="2020:05:17 10:11:12", camera=True
        )
        file = File(path=path, bytes=3_456_789, modified=10**18, sha256=sha(number), link=False)
        return Picture(facts, (file,))

    groups = []
    for number in range(GROUPS):
        distance = THRESHOLD * (number + 1) / GROUPS
        path = paths[number % len(paths)]
        members = [Member(make_picture(3 * number + i, path), distance * (i > 0)) for i in range(3)]
        groups.append(DuplicateGroup(tuple(members), "most pixels: 4000 x 3000"))
    return ScanResult(
        selection=Selection(folders=[folder]), threshold=THRESHOLD, at="f1", encoder_id="e",
        groups=groups, pairs=[], blank=[], skipped=[Skipped(Path("bad.jpg"), "the file is empty")],
        decisions=Decisions((DecidedPair(sha(7), sha(8), same=False),)),
        counts=Counts(seen=6001, embedded=6000, identical=0, blank=0, skipped=1),
        seconds={}, search="exact",
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(result, path)
    return path


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    return tmp_path_factory.mktemp("profile")


@pytest.fixture
def browser(page, profile, tmp_path):
    with Browser(profile, tmp_path) as browser:
        browser.look(width=1280, height=900, dark=False)
        started = time.monotonic()
        browser.open(page)
        browser.seconds = time.monotonic() - started
        yield browser


def shown(browser):
    return int(browser.run("document.getElementById('shown').textContent").split()[0])


def exported(browser, folder):
    for path in folder.glob("*.json"):
        path.unlink()
    browser.press("e")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for path in folder.glob("neardup-decisions*.json"):
            if path.stat().st_size:
                return json.loads(path.read_text())
        time.sleep(0.05)
        browser.run("1")
    raise AssertionError("nothing was downloaded")


def test_thousands_of_groups_stay_usable(browser):
    assert shown(browser) == GROUPS
    assert browser.seconds < 10
    drawn = browser.run("document.querySelectorAll('.group').length")
    assert drawn < 200
    assert browser.run("document.querySelector('img').naturalWidth") > 0
    browser.run("scrollTo(0, document.body.scrollHeight)")
    more = f"document.querySelectorAll('.group').length > {drawn}"
    script = (
        "new Promise(done => {{ const look = () => {} ? done() : setTimeout(look, 20); look() }})"
    )
    browser.run(script.format(more))
    # A long key press: 300 groups further, each in well under a tenth of a second.
    seconds = browser.run(
        """(() => { const start = performance.now();
        for (let i = 0; i < 300; i++) dispatchEvent.call(document.body,
            new KeyboardEvent('keydown', {key: 'j', bubbles: true}));
        return (performance.now() - start) / 1000; })()"""
    )
    assert seconds < 30
    assert browser.run("document.activeElement.closest('h2, .group') !== null")
    assert "Group 300" in browser.run("document.querySelector('.group.current h2').textContent")


def test_names_are_text_and_nothing_outside_is_asked(browser):
    assert "<img src=x onerror=alert(1)>" in browser.run(
        "document.querySelector('.path').textContent"
    )
    assert browser.run("document.querySelectorAll('img:not([src^=\"data:\"])').length") == 0
    assert [
        url for url in browser.requests if not url.startswith(("file:", "data:", "blob:"))
    ] == []


def test_slider_filters_by_distance(browser):
    browser.run("slider.value = 0.1; slider.dispatchEvent(new Event('input'))")
    browser.run("new Promise(requestAnimationFrame)")
    assert shown(browser) == GROUPS // 4
    assert browser.run("document.getElementById('limit').textContent") == "0.100"
    browser.run("slider.value = 0; slider.dispatchEvent(new Event('input'))")
    browser.run("new Promise(requestAnimationFrame)")
    assert shown(browser) == 0


def test_marks_by_mouse_and_keys_are_exported(browser, tmp_path, page):
    before = exported(browser, tmp_path)
    assert before == {"format": 1, "different": [[sha(7), sha(8)]], "keep": []}
    browser.run("document.querySelectorAll('.group')[0].querySelectorAll('button')[1].click()")
    browser.press("j")
    browser.press("j")  # to the second group
    browser.press("ArrowRight")
    browser.press("x")
    browser.press("ArrowRight")
    browser.press("b")
    assert browser.run("document.querySelector('.group.current .kept .verdict').textContent") == (
        "keep (you chose it)"
    )
    assert browser.run("document.querySelectorAll('.different').length") == 1
    after = exported(browser, tmp_path)
    second = browser.run(
        "document.querySelector('.group').querySelectorAll('button')[1].textContent"
    )
    assert second == "Keep this one"
    assert after["keep"] == [sha(1), sha(5)]
    assert after["different"] == [[sha(3), sha(4)], [sha(7), sha(8)]]
    decisions = Decisions.load(next(tmp_path.glob("*.json")))
    assert ordered(sha(4), sha(3)) in decisions.different

    browser.open(page)  # marks are still there after a reload
    assert exported(browser, tmp_path) == after
    browser.run("filter.value = 'decided'; filter.dispatchEvent(new Event('change'))")
    assert shown(browser) == 2
    browser.run("filter.value = 'undecided'; filter.dispatchEvent(new Event('change'))")
    assert shown(browser) == GROUPS - 2


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_fits_the_window_and_is_readable(browser, width, dark, tmp_path):
    browser.look(width=width, height=900, dark=dark)
    assert browser.run("document.documentElement.scrollWidth") <= width
    ground, ink = (
        sum(map(int, browser.run(f"getComputedStyle(document.body).{name}")[4:-1].split(", ")))
        for name in ("backgroundColor", "color")
    )
    assert (ground < 200 and ink > 560) if dark else (ground > 560 and ink < 200)
    folder = os.environ.get("NEARDUP_SCREENSHOTS")
    browser.screenshot(Path(folder or tmp_path) / f"page-{width}-{'dark' if dark else 'light'}.png")
