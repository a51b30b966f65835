"""The page in a real browser: each thing that a person can do there, and the pictures compared with the run's own."""

import base64
import io
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_runs import set_training_images, write_run

from sle_gan.assembly.opened_run import OpenedRun
from sle_gan.export.directions import Move

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A run with styles and classes, two of whose training images are pictures that it draws."""
    folder = tmp_path_factory.mktemp("played")
    run, _ = write_run(folder / "styled", model="stylegan2", class_names=("day", "night"))
    opened = OpenedRun(run)
    rng = np.random.default_rng(0)
    drawn = opened.draw([0, 3])
    (folder / "images").mkdir()
    for index, picture in enumerate([*drawn, *rng.integers(0, 256, [6, 64, 64, 3], np.uint8)]):
        Image.fromarray(picture[:, :: -1 if index == 1 else 1]).save(folder / "images" / f"{index}.png")
    set_training_images(run, folder / "images")
    return opened


@pytest.fixture(scope="module")
def page(opened):
    with opened.play() as page:
        yield page


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Tab:
    """A tab of the browser with the page, and what it asked for and complained of."""

    def __init__(self, browser, page, **options):
        self.context = browser.new_context(accept_downloads=True, **options)
        self.tab = self.context.new_page()
        self.tab.set_default_timeout(30_000)
        self.asked, self.wrong = [], []
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", lambda message: self.wrong.append(message.text))
        self.tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.tools = self.context.new_cdp_session(self.tab)
        self.tab.goto(page.address)
        self.chosen("Seed 0")

    def __getattr__(self, name):
        return getattr(self.tab, name)

    def tile(self, number):
        return self.tab.locator(f'.tile[data-number="{number}"]')

    def chosen(self, title):
        """Waits until a picture is chosen, drawn, and its neighbors are there."""
        self.tab.locator("#title", has_text=re.compile(f"^{re.escape(title)}$")).wait_for(state="attached")
        self.tab.locator("#told", has_text=f"{title} at step").wait_for(state="attached")

    def choose(self, number):
        self.tile(number).locator("img[src]").wait_for()
        self.tile(number).click()
        self.chosen(f"Seed {number}")

    def pixels(self, selector="#picture"):
        """The pixels of an image as the browser has them, int `[height, width, 3]`."""
        self.tab.locator(f"{selector}[src]").wait_for()
        read = f"""(async () => {{
            const image = document.querySelector({selector!r});
            await image.decode();
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            canvas.getContext("2d").drawImage(image, 0, 0);
            return canvas.toDataURL();
        }})()"""
        found = self.tools.send("Runtime.evaluate", {"expression": read, "awaitPromise": True})
        content = base64.b64decode(found["result"]["value"].partition(",")[2])
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)

    def shows(self, expected, selector="#picture"):
        """Waits until an image is the expected one, to the last bit."""
        for _ in range(100):
            if np.array_equal(self.pixels(selector), expected):
                return
            self.tab.wait_for_timeout(100)
        np.testing.assert_array_equal(self.pixels(selector), expected)

    def saved(self, button):
        """What a button saves: the name of the file and the picture in it."""
        with self.tab.expect_download() as download:
            button.click()
        return download.value.suggested_filename, Image.open(io.BytesIO(download.value.path().read_bytes()))

    def end(self):
        assert self.wrong == []
        self.context.close()


@pytest.fixture
def tab(browser, page):
    tab = Tab(browser, page, viewport={"width": 1280, "height": 860})
    yield tab
    tab.end()


def test_the_wall_goes_on_and_a_picture_is_that_of_generate_large_and_as_a_file(tab, page, opened):
    tab.shows(opened.draw([1])[0], '.tile[data-number="1"] img')
    tab.mouse.move(400, 500)
    for _ in range(100):
        tab.mouse.wheel(0, 4000)
        tab.wait_for_timeout(50)
        if int(tab.locator(".tile").first.get_attribute("data-number")) > 300:
            break
    tab.locator(".tile img[src]").nth(20).wait_for()
    seed = int(tab.locator(".tile").nth(20).get_attribute("data-number"))
    assert seed > 300
    assert tab.locator(".tile").count() < 120  # those that are far away are taken down
    tab.choose(seed)
    tab.shows(opened.draw([seed])[0])
    name, picture = tab.saved(tab.get_by_role("button", name="Save PNG"))
    assert name == f"seed-{seed:06d}.png"
    assert picture.text == {"run": "styled", "step": "8", "seed": str(seed), "Software": "SLE-GAN"}
    np.testing.assert_array_equal(np.asarray(picture), opened.draw([seed])[0])
    assert {url for url in tab.asked if not url.startswith((page.address, "blob:", "data:"))} == set()


@pytest.mark.slow
def test_pins_are_walked_between_live_and_filmed(tab, opened):
    for number in (2, 9, 4):
        tab.choose(number)
        tab.keyboard.press("p")
    assert tab.locator("#pins li").count() == 3
    frames = list(opened.film([2, 9, 4], frames=4))
    for at in (0, 0.25, 1.5, 2):
        tab.get_by_label("Between the pins").fill(str(at))
        tab.chosen(
            f"Seed {(2, 9, 4)[int(at)]}"
            if at == int(at)
            else f"Between pins {int(at) + 1} and {int(at) + 2}, {round(100 * (at % 1))} %"
        )
        tab.shows(frames[int(4 * at)])
    tab.get_by_role("button", name="Walk").click()
    tab.get_by_role("heading", name=re.compile("Between pins")).wait_for()
    tab.keyboard.press("w")
    tab.locator("#film summary").click()
    tab.get_by_label("Seconds a step").fill("0.2")
    for kind, frame_count in (("webp", 18), ("gif", 15)):
        tab.get_by_label("Format").select_option(kind)
        name, film = tab.saved(tab.get_by_role("button", name="Save film"))
        assert (name, film.n_frames, film.info["loop"]) == (f"walk-styled.{kind}", frame_count, 0)
    tab.get_by_label("Format").select_option("mp4")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save film").click()
    assert b"ftyp" in download.value.path().read_bytes()[:16]
    tab.get_by_role("button", name="Take pin 1 away").click()
    assert tab.locator("#pins li").count() == 2
    for number in range(10, 17):
        tab.choose(number)
        tab.get_by_role("button", name="Pin P").click()
    assert tab.locator("#pins li").count() == 8
    tab.get_by_role("alert").filter(has_text="There are 8 pins at most").wait_for()


@pytest.mark.slow
def test_truncation_styles_classes_and_directions_are_those_of_generate(tab, opened):
    tab.choose(5)
    tab.get_by_label("Truncation").fill("0.5")
    tab.locator("#truncation").dispatch_event("change")
    tab.chosen("Seed 5")
    tab.shows(opened.draw([5], truncation=0.5)[0])
    tab.shows(opened.draw([1], truncation=0.5)[0], '.tile[data-number="1"] img')
    tab.get_by_label("Truncation").fill("1")
    tab.locator("#truncation").dispatch_event("change")
    tab.get_by_label("Finer styles of seed").check()
    tab.locator("#mix-seed").fill("6")
    tab.locator("#mix-seed").blur()
    tab.shows(opened.draw_mixed([5], [6], 16)[0, 0])
    tab.get_by_label("Finer styles of seed").uncheck()
    tab.get_by_label("Direction 3,").fill("2")
    move = Move(direction=2, amounts=(2.0, 2.0), count=1)
    tab.shows(next(iter(opened.moved([5], move))))
    _, picture = tab.saved(tab.get_by_role("button", name="Save PNG"))
    assert (picture.text["direction"], picture.text["amount"], picture.text["seed"]) == ("2", "2", "5")
    tab.get_by_role("button", name="Reset").click()
    tab.get_by_label("Class").select_option("night")
    tab.choose(4)
    tab.shows(opened.draw([4], class_name="night")[0])


@pytest.mark.slow
def test_neighbors_and_pictures_like_one_can_be_chosen(tab, opened):
    tab.choose(7)
    tab.locator('#neighbors[aria-busy="false"]').wait_for()
    near = tab.pixels("#neighbors button:nth-child(3) img")
    assert np.abs(near - opened.draw([7])[0]).mean() > 0
    tab.get_by_role("button", name="Neighbor 3").click()
    tab.chosen("Near seed 7")
    tab.shows(near)
    tab.get_by_role("button", name="More like this").click()
    tab.get_by_text("More like near seed 7").wait_for()
    like = tab.pixels('.tile[data-number="2"] img')
    tab.tile(2).click()
    tab.chosen("Like near seed 7, no. 3")
    tab.shows(like)
    tab.get_by_role("button", name="Back to all seeds").click()
    tab.get_by_label("Seed", exact=True).fill("2147483647")
    tab.get_by_label("Seed", exact=True).press("Enter")
    tab.chosen("Seed 2147483647")
    tab.shows(opened.draw([2147483647])[0])


@pytest.mark.slow
def test_near_copies_are_marked_with_the_training_image_beside(tab, opened):
    tab.locator('.tile.copy[data-number="0"]').wait_for()
    tab.locator('.tile.copy[data-number="3"]').wait_for()
    assert "near copy of training image 0" in tab.tile(0).get_attribute("aria-label")
    tab.choose(3)
    tab.locator("#copy", has_text="Near copy of training image 1, mirrored").wait_for()
    np.testing.assert_array_equal(tab.pixels("#nearest-image")[:, ::-1], opened.draw([3])[0])
    tab.get_by_label("Mark near copies").uncheck()
    assert tab.locator(".tile.copy").count() == 0


@pytest.mark.slow
def test_all_of_it_goes_by_the_keyboard_and_every_control_has_a_name(tab, opened):
    tab.tile(0).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        tab.keyboard.press(key)
    number = int(tab.locator(".tile:focus").get_attribute("data-number"))
    tab.keyboard.press("Enter")
    tab.chosen(f"Seed {number}")
    tab.keyboard.press("[")
    tab.locator("#step", has_text="4").wait_for()
    tab.locator("#told", has_text=f"Seed {number} at step 4").wait_for(state="attached")
    tab.shows(opened.draw([number], step=4)[0])
    tab.keyboard.press("?")
    tab.get_by_role("dialog", name="Keys").wait_for()
    tab.keyboard.press("Escape")
    tab.keyboard.press("m")
    tab.get_by_text(f"More like seed {number}").wait_for()
    tree = tab.tools.send("Accessibility.getFullAXTree")["nodes"]
    controls = [
        node
        for node in tree
        if node.get("role", {}).get("value") in {"button", "slider", "checkbox", "combobox", "spinbutton", "radio"}
    ]
    assert len(controls) > 40
    assert [node["role"]["value"] for node in controls if not node.get("name", {}).get("value")] == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_wall_and_over_it_the_chosen_picture(browser, page, scheme):
    tab = Tab(browser, page, viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True)
    tab.tile(4).tap()
    tab.chosen("Seed 4")
    width = tab.tools.send("Runtime.evaluate", {"expression": "document.documentElement.scrollWidth"})
    inside = tab.tools.send("Runtime.evaluate", {"expression": "document.querySelector('#chosen').scrollWidth"})
    assert max(width["result"]["value"], inside["result"]["value"]) <= 360
    tab.get_by_role("button", name="Back to the wall").click()
    tab.tile(5).tap()
    paper = tab.tools.send("Runtime.evaluate", {"expression": "getComputedStyle(document.body).backgroundColor"})
    shades = list(map(int, re.findall(r"\d+", paper["result"]["value"])))
    assert (sum(shades) > 600) == (scheme == "light")
    tab.end()
