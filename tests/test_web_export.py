"""`export --format web`: a page that draws in any browser by itself."""

import base64
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import tarfile
import threading

import numpy as np
import pytest
from tiny_runs import write_run

import sle_gan
from sle_gan.errors import InputError
from sle_gan.export.formats import web_runtime
from sle_gan.export.formats.web_runtime import RUNTIME_FILES, find_runtime

# A folder of onnxruntime-web, or `fetch`, which fetches it: the tests that open a browser take it only when asked.
RUNTIME = os.environ.get("ONNXRUNTIME_WEB")
CHECK = """
"use strict";
const tell = (name, canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const text = btoa(Array.from(data, (value) => String.fromCharCode(value)).join(""));
  console.log(`RESULT ${JSON.stringify({ name, width, height, text })}`);
};
const until = (is) => new Promise((resolve) => {
  const look = setInterval(() => { if (is()) { clearInterval(look); resolve(); } }, 50);
});
(async () => {
  await until(() => document.body.dataset.state === "drawn");
  pictures.slice(0, 3).forEach(({ name, canvas }) => tell(name, canvas));
  tell("first", byId("large"));
  byId("share").value = "0.5";
  byId("share").dispatchEvent(new Event("input"));
  await work;
  tell("half", byId("large"));
  pictures[2].button.click();
  byId("share").value = "1";
  byId("share").dispatchEvent(new Event("input"));
  await work;
  tell("third", byId("large"));
  byId("more").click();
  await work;
  HTMLAnchorElement.prototype.click = function () {
    console.log(`RESULT ${JSON.stringify({ name: "saved", file: this.download, scheme: this.protocol })}`);
    console.log(`RESULT ${JSON.stringify({ name: "end", count: pictures.length, said: byId("status").textContent })}`);
  };
  byId("save").click();
})();
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return sle_gan.open_run(write_run(tmp_path_factory.mktemp("runs") / "tiny", steps=(8,))[0].path)


@pytest.fixture
def runtime(tmp_path):
    folder = tmp_path / "package" / "dist"
    folder.mkdir(parents=True)
    for name in RUNTIME_FILES:
        (folder / name).write_bytes(f"// {name}\n".encode())
    return folder.parent.parent


def test_the_folder_holds_all_that_the_page_loads_and_fetches_nothing(run, runtime, tmp_path, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", None)
    folder = run.export("web", tmp_path / "exports", seeds=[3, 5], runtime=runtime).folder
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    runtime_files = {f"runtime/{name}" for name in RUNTIME_FILES}
    page = (folder / "index.html").read_text()
    assert {*re.findall(r'src="([^"]+)"', page)} == {"generator.js", "page.js", "runtime/ort.wasm.min.js"}
    read = {*re.findall(r'^const \w+ = "(.*)";$', (folder / "page.js").read_text(), flags=re.MULTILINE)}
    assert read == {"generator.onnx", *runtime_files} - {"runtime/ort.wasm.min.js"}
    of_disk = {f"from-disk/{name}.js" for name in read}
    assert files.keys() == {"index.html", "page.js", "generator.js", "generator.onnx"} | runtime_files | of_disk
    for name in read:
        text = re.fullmatch(rb'window.FROM_DISK = "(.*)";\n', files[f"from-disk/{name}.js"])[1]
        assert base64.b64decode(text) == files[name]
    assert not re.search(r"https?://", page + (folder / "page.js").read_text())
    described = json.loads(files["generator.js"].decode().removeprefix("const GENERATOR = ").rstrip(";\n"))
    assert (described["run"], described["seeds"], described["labels"]) == ("tiny", [3, 5], [])
    codes = np.frombuffer(base64.b64decode(described["codes"]), "<f4").reshape(2, 256)
    np.testing.assert_array_equal(codes, sle_gan.models.io.latent_codes([3, 5], 256))


def test_a_folder_without_the_runtime_is_refused_before_anything_is_written(run, tmp_path):
    with pytest.raises(InputError, match=r"--runtime must be a folder of onnxruntime-web with ort\.wasm\.min\.js"):
        run.export("web", tmp_path / "exports", runtime=tmp_path)
    with pytest.raises(InputError, match="--runtime goes with --format web; got onnx"):
        run.export("onnx", tmp_path / "exports", runtime=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_runtime_is_fetched_once_and_kept_if_it_has_its_checksum(runtime, tmp_path, monkeypatch):
    archive = tmp_path / "onnxruntime-web.tgz"
    with tarfile.open(archive, "w:gz") as members:
        members.add(runtime / "package", "package")
    monkeypatch.setattr(web_runtime, "cache_folder", lambda: tmp_path / "cache")
    told = []
    with pytest.raises(InputError, match=r"must have the SHA-512 q0y\+Jrrt.*and is not kept"):
        find_runtime(None, told.append, archive.as_uri())
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    checksum = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    monkeypatch.setattr(web_runtime, "_SHA512", checksum)
    folder = find_runtime(None, told.append, archive.as_uri())
    assert sorted(path.name for path in folder.iterdir()) == sorted(RUNTIME_FILES)
    assert "fetching" in told[0]
    archive.unlink()
    assert find_runtime(None, told.append, archive.as_uri()) == folder
    shutil.rmtree(folder)
    with pytest.raises(InputError, match=r"onnxruntime-web cannot be fetched .* give --runtime FOLDER"):
        find_runtime(None, told.append, archive.as_uri())


def browsed(address, profile):
    """Opens a page in Chromium, and returns what it told by `console.log`, by name, until it told of the end."""
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
    command = [shutil.which("chromium"), *options, f"--user-data-dir={profile}", "--remote-debugging-port=0"]
    command += ["--enable-logging=stderr", address]
    results, others = {}, []
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as browser:
        stop = threading.Timer(240, browser.kill)
        stop.start()
        for line in browser.stderr:
            if match := re.search(r'CONSOLE.*?"RESULT (\{.*\})", source', line):
                result = json.loads(match[1])
                results[result["name"]] = result
            elif "CONSOLE" in line and "check.js" not in line:
                others.append(line)
            if "end" in results:
                break
        stop.cancel()
        browser.terminate()
        browser.communicate()
    assert others == []
    return results


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Says nothing."""


@pytest.mark.slow
@pytest.mark.skipif(RUNTIME is None, reason="ONNXRUNTIME_WEB names no folder of onnxruntime-web, nor `fetch`")
@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium")
@pytest.mark.parametrize("is_served", [False, True])
@pytest.mark.parametrize("class_names", [(), ("asters", "roses")])
def test_a_browser_draws_the_pictures_of_the_run(tmp_path, is_served, class_names):
    from sle_gan.export.trained import TrainedGenerator
    from sle_gan.models.io import interpolate_codes, latent_codes, postprocess_images

    run = sle_gan.open_run(write_run(tmp_path / "tiny", steps=(8,), class_names=class_names)[0].path)
    runtime = None if RUNTIME == "fetch" else RUNTIME
    folder = run.export("web", tmp_path / "exports", seeds=range(4), runtime=runtime).folder
    (folder / "check.js").write_text(CHECK)
    page = (folder / "index.html").read_text()
    (folder / "index.html").write_text(page.replace("</body>", '<script src="check.js"></script></body>'))
    if is_served:
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *arguments: Silent(*arguments, directory=folder)
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        results = browsed(f"http://127.0.0.1:{server.server_port}/index.html", tmp_path / "profile")
        server.shutdown()
        server.server_close()
    else:
        results = browsed((folder / "index.html").as_uri(), tmp_path / "profile")
    pixels = {
        name: np.frombuffer(base64.b64decode(one["text"]), np.uint8).reshape(one["height"], one["width"], 4)[..., :3]
        for name, one in results.items()
        if "text" in one
    }
    own = run.draw(range(4)).astype(int)
    expected = {f"seed {seed}": own[seed] for seed in range(3)} | {"first": own[0], "third": own[2]}
    if not class_names:
        codes = latent_codes([0, 1], 256)
        generator = TrainedGenerator(run.folder).generator
        half = generator(interpolate_codes(codes[:1], codes[1:], np.float32([0.5])), training=False)
        expected["half"] = postprocess_images(half).numpy()[0].astype(int)
    for name, picture in expected.items():
        assert np.abs(pixels[name] - picture).max() <= 1, name
    assert results["saved"] | {"name": ""} == {"name": "", "file": "tiny-8.png", "scheme": "blob:"}
    assert (results["end"]["count"], results["end"]["said"]) == (16, "")
