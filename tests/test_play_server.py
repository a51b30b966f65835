"""The server of the page: who may ask for what. What draws is a stand-in; everything before it is real."""

import base64
import http.client
import io
import json
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from run_files import write_run_files

from sle_gan.errors import InputError
from sle_gan.export.latents import Code, Styles
from sle_gan.play.answers import Answers
from sle_gan.play.copies import TrainingImages
from sle_gan.play.drawing_thread import LIVE, WALL, DrawingThread, Drawn, StaleError
from sle_gan.play.points import How, Place, Point, Seed, Shape
from sle_gan.play.server import PlayServer

PAGE = (("", "text/html"), ("play.js", "text/javascript"), ("play.css", "text/css"), ("look.css", "text/css"))
SHAPE = Shape(latent_size=4, layers=3, style_size=2, directions=2, mix_sides=(8, 16))


class Squares:
    """Draws a square of the color of each seed; waits where it is told to, and keeps what it was asked for."""

    shape, batch = SHAPE, 8

    def __init__(self):
        self.may_draw, self.is_drawing = threading.Event(), threading.Event()
        self.may_draw.set()
        self.batches = []

    def draw(self, how, points):
        self.is_drawing.set()
        assert self.may_draw.wait(20)
        self.batches.append([getattr(point.place, "seed", None) for point in points])
        return [self._square(point.place) for point in points]

    def _square(self, place):
        at = Place(np.arange(4, dtype=np.float32))
        color = place.seed % 256 if isinstance(place, Seed) else round(100 * getattr(place, "share", 0))
        return Drawn(np.full([64, 64, 3], color, np.uint8), at, at)


@pytest.fixture
def squares():
    return Squares()


@pytest.fixture
def thread(squares):
    thread = DrawingThread(lambda: squares)
    yield thread
    squares.may_draw.set()
    thread.end()


@pytest.fixture
def page(tmp_path, thread):
    run = write_run_files(tmp_path / "run")
    run.checkpoints.mkdir(exist_ok=True)
    (run.checkpoints / "ckpt-8.index").touch()
    server = PlayServer(Answers(run, thread, TrainingImages(run)))
    yield urllib.parse.urlsplit(server.address)
    server.end()


def ask(page, path, body=None, method=None, **headers):
    """Returns the status, the headers and the content of an answer; `path` is that behind the secret word."""
    connection = http.client.HTTPConnection(page.hostname, page.port, timeout=20)
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    target = path if path.startswith("/") else page.path + path
    connection.request(method or ("GET" if body is None else "POST"), target, body, kind | named)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.headers["Content-Type"] == "application/json":
        content = json.loads(content)
    return answer.status, answer.headers, content


def wait_for(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.01)


def points(*given, **more):
    return {"step": 8, "points": list(given), **more}


def test_the_page_and_all_it_is_made_of_come_from_this_server_under_a_policy_that_allows_nothing_else(page):
    for name, kind in PAGE:
        status, headers, content = ask(page, name)
        assert (status, headers.get_content_type()) == (200, kind)
        assert b"http:" not in content.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https:" not in content
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
    assert page.hostname == "127.0.0.1"
    assert len(page.path.strip("/")) == 32


def test_the_picture_of_a_seed_is_a_png_that_says_where_it_comes_from(page):
    status, _, answer = ask(page, "pictures", points({"seed": 5}, {"near": {"seed": 5}, "number": 0, "angle": 0.2}))
    assert status == 200
    of_seed, near = answer["pictures"]
    picture = Image.open(io.BytesIO(base64.b64decode(of_seed["png"])))
    assert (picture.size, picture.getpixel((0, 0))) == ((64, 64), (5, 5, 5))
    assert picture.text == {"run": "run", "step": "8", "seed": "5", "Software": "SLE-GAN"}
    assert "code" not in of_seed
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(near["code"]), "<f4"), [0, 1, 2, 3])
    assert Image.open(io.BytesIO(base64.b64decode(near["png"]))).text["latent"] == f'[{{"code":"{near["code"]}"}}]'


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "example.org"}, 403),
        ({"Host": "127.0.0.1.example.org"}, 403),
        ({"Host": "127.0.0.1@example.org"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
        ({"Host": "localhost:8888", "Origin": "http://localhost:8888"}, 200),  # forwarded from another machine
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "document"}, 200),  # a link that a person followed
    ],
)
def test_only_the_page_itself_may_ask(page, headers, status):
    assert ask(page, "facts", **headers)[0] == status


def test_a_link_that_a_person_followed_may_open_the_page_and_post_nothing(page):
    headers = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "document"}
    assert ask(page, "pictures", points({"seed": 1}), **headers)[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/facts",
        "/wrong/facts",
        "//facts",
        "/%2e%2e/facts",
        "{}../../etc/passwd",
        "{}..%2f..%2fetc%2fpasswd",
        "{}config.json",
        "{}page/index.html",
        "{}training/-1.png",
        "{}training/1.png/../../x",
        "{}training/999999999999999999999.png",
        "http://example.org/{}",
    ],
)
def test_nothing_but_the_page_is_there(page, path):
    status, _, content = ask(page, path.format(page.path) if path[0] != "h" else path.format(page.path[1:]))
    assert status == 404
    assert "there is nothing here" in content["error"]
    assert "passwd" not in content["error"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (points({"seed": 2**31}), "seed must be a whole number from 0 to 2147483647"),
        (points({"seed": -1}), "seed must be a whole number"),
        (points({"seed": 1.5}), "seed must be a whole number"),
        (points({"seed": True}), "seed must be a whole number"),
        (points({"seed": "1"}), "seed must be a whole number"),
        (points({"seed": 1, "label": 0}), "label needs a run with classes"),
        (points({"seed": 1, "file": "/etc/passwd"}), "a point must have a seed"),
        (points(*[{"seed": 1}] * 33), "points must be a list of 1 to 32 points; got 33"),
        (points(), "points must be a list of 1 to 32 points"),
        (points("seed"), "a point must be an object"),
        ({"step": 9, "points": [{"seed": 1}]}, "step must be one that there is a checkpoint of, 8; got 9"),
        ({"step": True, "points": [{"seed": 1}]}, "step must be one"),
        ({"step": [8], "points": [{"seed": 1}]}, "step must be one"),
        (points({"seed": 1}, truncation=2.1), "truncation must be a number from 0 to 2; got 2.1"),
        (points({"code": "AAAA"}), "code must be 4 numbers"),
        (points({"code": base64.b64encode(np.full(4, np.inf, "<f4").tobytes()).decode()}), "code must be 4 numbers"),
        (points({"code": base64.b64encode(np.full(4, np.nan, "<f4").tobytes()).decode()}), "code must be 4 numbers"),
        (points({"code": ["AAAA"]}), "code must be 4 numbers"),
        (points({"seed": 1, "moves": [1e300]}), "moves must be a number from -20 to 20"),
        (points({"seed": 1, "moves": [0, 0, 0]}), "moves must be a list of 2 numbers at most"),
        (points({"seed": 1, "mix": {"seed": 2, "from": 32}}), "from must be one of 8, 16"),
        (points({"seed": 1, "mix": {"seed": 2**40, "from": 8}}), "seed must be a whole number"),
        (points({"near": {"seed": 1}, "number": 1, "angle": 9}), "angle must be a number"),
        (points({"near": {"near": {"seed": 1}}, "number": 1, "angle": 0.1}), "a point must have a seed"),
        (points({"between": [{"seed": 1}, {"seed": 2}], "share": 1.5}), "share must be a number from 0 to 1"),
        (points({"between": [{"seed": 1}] * 3, "share": 0.5}), "a point must have a seed"),
        (points({"seed": 1}, urgency="now"), "urgency must be live"),
        (points({"seed": 1}, urgency=["live"]), "urgency must be live"),
        (points({"seed": 1}, lane="a", turn=2**60), "turn must be a whole number"),
        (points({"seed": 1}, lane=7, turn=0), "lane must be a word"),
        (b'{"step": 8, "points": [{"seed": NaN}]}', "the request is no JSON"),
        (b'{"step": 8, "points": [{"seed": ' + b"9" * 5000 + b"}]}", "the request is no JSON"),
        (b"[" * 100_000, "the request is no JSON"),
        (b"\xff\xfe", "the request is no JSON"),
        (b"[]", "the request must be a JSON object"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(page, squares, asked, reason):
    status, _, answer = ask(page, "pictures", asked)
    assert (status, list(answer)) == (400, ["error"])
    assert answer["error"].startswith(reason)
    assert "\n" not in answer["error"]
    assert len(answer["error"]) < 200
    assert squares.batches == []


def test_a_walk_between_walks_is_refused(page):
    walk = {"between": [{"seed": 1}, {"seed": 2}], "share": 0.5}
    status, _, answer = ask(page, "pictures", points({"between": [walk, {"seed": 1}], "share": 0.5}))
    assert (status, answer["error"]) == (400, "a walk must be between seeds and codes, not between walks")


def test_requests_of_another_form_are_refused(page):
    body = json.dumps(points({"seed": 1})).encode()
    assert ask(page, "pictures", body, Content_Type="text/plain")[0] == 415  # what a form of another page can send
    assert ask(page, "pictures", body, Content_Length="9" * 30)[0] == 411
    assert ask(page, "pictures", body, Content_Length="-1")[0] == 411
    assert ask(page, "pictures", body, Content_Length=str(5 * 2**20))[0] == 413
    assert ask(page, "pictures", body, Transfer_Encoding="chunked")[0] == 411
    assert ask(page, "facts", body)[0] == 404
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        assert ask(page, "facts", method=method)[0] == 501
    status, _, answer = ask(page, "x" * 70_000)
    assert (status, list(answer)) == (414, ["error"])


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({}, "pins must be two at least"),
        ({"pins": [{"seed": 1}] * 9}, "pins must be a list of 1 to 8 points; got 9"),
        ({"format": "exe"}, "format must be one of mp4, webp, gif"),
        ({"seconds": 31}, "seconds must be a number from 0.1 to 30"),
        ({"seconds": 0}, "seconds must be a number from 0.1 to 30"),
        ({"fps": 51, "format": "gif"}, "fps must be a whole number from 1 to 50"),
        ({"fps": 10**9}, "fps must be a whole number from 1 to 60"),
        ({"easing": "fast"}, "easing must be even or smooth"),
        ({"loop": 1}, "easing must be even or smooth, loop true or false"),
    ],
)
def test_a_film_that_cannot_be_is_refused(page, asked, reason):
    usual = {"step": 8, "pins": [{"seed": 1}, {"seed": 2}], "format": "webp", "seconds": 1, "fps": 10}
    status, _, answer = ask(page, "film", usual | (asked or {"pins": [{"seed": 1}]}))
    assert status == 400
    assert answer["error"].startswith(reason)


def test_a_film_is_that_of_its_pins_and_only_one_is_made_at_a_time(page, squares):
    asked = {"step": 8, "pins": [{"seed": 1}, {"seed": 200}], "format": "webp", "seconds": 0.5, "fps": 8, "loop": True}
    squares.may_draw.clear()
    with ThreadPoolExecutor() as pool:
        film = pool.submit(ask, page, "film", asked)
        assert squares.is_drawing.wait(20)
        assert ask(page, "film")[2] == {"done": 0, "total": 8}
        assert ask(page, "film", asked)[2]["error"] == "another film is being made; wait until it is there"
        squares.may_draw.set()
        status, headers, content = film.result()
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    picture = Image.open(io.BytesIO(content))
    assert (picture.n_frames, picture.info["loop"]) == (8, 0)
    np.testing.assert_allclose(picture.convert("RGB").getpixel((9, 9)), (1, 1, 1), atol=2)
    assert ask(page, "film")[2] == {"done": 0, "total": 0}


def test_what_the_training_images_lack_is_told(page):
    asked = points({"seed": 1})
    status, _, answer = ask(page, "copies", asked)
    assert status == 400
    assert "/photos/flowers" in answer["error"]
    assert ask(page, "training/0.png")[0] == 400


def test_of_a_slider_only_the_newest_request_is_drawn(thread, squares):
    how = How(8)
    squares.may_draw.clear()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(thread.draw, how, [Point(Seed(0))], LIVE, ("slider", 0))
        assert squares.is_drawing.wait(20)
        second = pool.submit(thread.draw, how, [Point(Seed(1))], LIVE, ("slider", 1))
        wait_for(lambda: len(thread._waiting) == 1)
        third = pool.submit(thread.draw, how, [Point(Seed(2))], LIVE, ("slider", 2))
        with pytest.raises(StaleError):
            second.result(20)
        with pytest.raises(StaleError):
            thread.draw(how, [Point(Seed(3))], LIVE, ("slider", 1))
        squares.may_draw.set()
        assert first.result(20)[0].pixels[0, 0, 0] == 0  # what is being drawn is not thrown away
        assert third.result(20)[0].pixels[0, 0, 0] == 2
    assert squares.batches == [[0], [2]]


def test_what_waits_is_drawn_in_full_batches_the_most_urgent_first(thread, squares):
    how = How(8)
    squares.may_draw.clear()
    with ThreadPoolExecutor(20) as pool:
        pool.submit(thread.draw, how, [Point(Seed(99))])
        assert squares.is_drawing.wait(20)
        wall = pool.submit(thread.draw, how, [Point(Seed(seed)) for seed in range(10)], WALL)
        wait_for(lambda: len(thread._waiting) == 10)
        other = pool.submit(thread.draw, How(8, 0.5), [Point(Seed(50))], WALL)
        wait_for(lambda: len(thread._waiting) == 11)
        live = pool.submit(thread.draw, how, [Point(Seed(77))], LIVE)
        wait_for(lambda: len(thread._waiting) == 12)
        squares.may_draw.set()
        drawn = [one.result(20) for one in (wall, other, live)]
    assert squares.batches == [[99], [77, *range(7)], [7, 8, 9], [50]]
    assert [picture.pixels[0, 0, 0] for picture in drawn[0]] == list(range(10))
    assert len(thread.draw(how, [Point(Seed(3))])) == 1
    assert len(squares.batches) == 4  # what was drawn for the wall is still there


def test_what_fails_in_the_thread_is_told_to_who_asked(tmp_path):
    class Broken(Squares):
        def draw(self, how, points):
            raise InputError("checkpoint 8 is damaged")

    thread = DrawingThread(Broken)
    with pytest.raises(InputError, match="checkpoint 8 is damaged"):
        thread.draw(How(8), [Point(Seed(0))])
    thread.end()
    with pytest.raises(InputError, match="the page has ended"):
        thread.draw(How(8), [Point(Seed(0))])

    def missing():
        raise InputError("no network")

    with pytest.raises(InputError, match="no network"):
        DrawingThread(missing)


def test_a_port_that_is_taken_is_told(page, thread, tmp_path):
    run = write_run_files(tmp_path / "other")
    with pytest.raises(InputError, match=f"--port {page.port} cannot be listened at"):
        PlayServer(Answers(run, thread, TrainingImages(run)), page.port)


def test_codes_and_styles_that_are_given_are_those_that_the_page_pins(thread, tmp_path):
    run = write_run_files(tmp_path / "run")
    code, style = np.arange(4, dtype=np.float32), np.array([[1, 2]], np.float32)
    answers = Answers(run, thread, TrainingImages(run), [Code(code), Styles(style), Styles(style.repeat(3, axis=0))])
    first, second, third = answers.facts()["latents"]
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(first["code"]), "<f4"), code)
    assert second == third
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(third["styles"]), "<f4"), [1, 2, 1, 2, 1, 2])
    for wrong in (Code(code[:3]), Styles(style[:, :1]), Code(code * 1000)):
        with pytest.raises(InputError, match=r"(code|styles) must be"):
            Answers(run, thread, TrainingImages(run), [wrong])
