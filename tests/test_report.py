import base64
import io
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import jinja2
import numpy as np
import pytest
from PIL import Image
from run_files import losses, scores, write_rows, write_run_files, write_sheet

from sle_gan.callbacks.report import Report
from sle_gan.cli.main import main
from sle_gan.errors import InputError
from sle_gan.report.curves import Line, curves, short_number
from sle_gan.report.page import TEMPLATES, render
from sle_gan.report.record import read_record, training_seconds
from sle_gan.report.run_report import write_report
from sle_gan.run import read_rows

ATTACK = """<script>document.title="owned";console.error("owned")</script>"""
ATTACK_IMAGE = """"><img src=x onerror='document.title="owned"'>.png"""


class Page(HTMLParser):
    """What is on a page: tags with their attributes, and the text of each section."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self._section = [], {"": ""}, ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "section":
            self._section = dict(attributes)["id"]
            self.text[self._section] = ""

    def handle_data(self, data):
        self.text[self._section] += data

    def attributes(self, tag):
        return [attributes for found, attributes in self.tags if found == tag]


def report_of(run):
    return Page(write_report(run, lambda changes: True).read_text(encoding="utf-8"))


@pytest.fixture
def full(tmp_path):
    """A run with everything that a report can show, and names that try to get out of it."""
    rows = losses(*range(50, 1001, 50), held_out_logits=-0.1, train_logits=0.2, drawn_logits=-0.3, held_out_below=0.6)
    for row in rows:
        row |= {"generator_density": 0.5, "live_parameters": 1234567, "training_flops": 2e12}
        row |= {"training_flops_share": 0.625}
    more = {
        "memorization": {"median_ratio": 0.93, "smallest_ratio": 0.41, "near_copies": 0.25},
        "diversity": {"fakes": 1.2, "reals": 1.5, "ratio": 0.8, "images": 500},
    }
    rows += [scores(500, **more), scores(1000, **more)]
    rows += [
        {"step": step, "event": "health", "verdict": verdict, "evidence": [], "suggestion": None}
        for step, verdict in ((150, "too early to say"), (500, "healthy"))
    ]
    run = write_run_files(
        tmp_path / "run <b>&amp;",
        settings={"data_folder": f"/photos/{ATTACK.replace('/', '')}", "steps": 2000},
        rows=rows,
        command=["train.py", "--data-folder", ATTACK, "--steps", "2000"],
        images=[ATTACK_IMAGE, "b\udcff.png"],
        sheets=(0, 500, 1000),
    )
    run.scores.mkdir()
    write_sheet(run.scores / "copies-step-001000.png", 7)
    write_rows(run.densities_file, [{"step": 0, "generator": {"conv": 1.0}}, {"step": 500, "generator": {"conv": 0.5}}])
    pace = {"seconds_per_step": 0.5, "images_per_second": 8.0}
    write_rows(run.timings_file, [{"step": step} | pace for step in range(50, 1001, 50)])
    return run


def browse(path, *options):
    """Opens a page in Chromium: its document after rendering, and what the console said."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium")
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        *options,
        path.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_a_browser_shows_every_section_and_no_name_becomes_more_than_text(full):
    document, console = browse(write_report(full, lambda changes: True), "--dump-dom")
    shown = Page(document)
    assert console == []
    ids = [attributes["id"] for attributes in shown.attributes("section")]
    assert ids == ["pictures", "scores", "copies", "training", "sparsity", "images", "cost", "settings"]
    assert {tag for tag, _ in shown.tags}.isdisjoint({"script", "iframe", "link", "object", "embed"})
    assert [name for _, attributes in shown.tags for name in attributes if name.startswith("on")] == []
    assert all(attributes["src"].startswith("data:image/webp;base64,") for attributes in shown.attributes("img"))
    assert all(attributes["alt"] for attributes in shown.attributes("img"))
    drawings = [attributes for attributes in shown.attributes("svg") if "aria-hidden" not in attributes]
    assert all(attributes["aria-label"] for attributes in drawings)
    assert re.search(r"<title>([^<]*)</title>", document)[1] == "run &lt;b&gt;&amp;amp;: report"
    assert ATTACK_IMAGE in shown.text["images"]
    assert "b?.png" in shown.text["images"]
    assert f"--data-folder '{ATTACK}'" in shown.text["settings"]


def test_the_browser_of_these_tests_would_have_told_of_a_script_that_ran(tmp_path):
    (tmp_path / "page.html").write_text(f"<p>{ATTACK}</p>")
    document, console = browse(tmp_path / "page.html", "--dump-dom")
    assert "<title>owned</title>" in document
    assert len(console) == 1


def test_no_page_is_wider_than_a_phone(full, tmp_path):
    frame = tmp_path / "frame.html"
    address = write_report(full, lambda changes: True).as_uri()
    script = "document.title = document.querySelector('iframe').contentDocument.documentElement.scrollWidth"
    frame.write_text(f'<iframe src="{address}" width="360" height="600" onload="{script}"></iframe>')
    document, _ = browse(frame, "--dump-dom", "--allow-file-access-from-files")
    assert int(re.search(r"<title>(\d+)</title>", document)[1]) <= 360


def test_the_report_tells_the_numbers_of_the_run(full):
    text = report_of(full).text
    assert "step 1,000 of 2,000, fastgan, 64 px, 2 images" in text[""]
    assert "So far: too early to say (step 150), healthy (step 500)" in text[""]
    assert "kid_efficientnet_lite0" in text["scores"]
    assert "4031.251,000clean, 63 reals, 500 fakes, 64 px, mirrored, flattering" in text["scores"]
    assert "Flattering: this network is part of the training's loss" in text["scores"]
    assert "Near copies among the samples25.0%" in text["copies"]
    assert "Step 1,000: the samples closest to training images" in text["copies"]
    assert "1,234,567" in text["sparsity"]
    assert "Density of the generator's kernels50.0%" in text["sparsity"]
    assert "0:08:20" in text["cost"]  # 1,000 steps of half a second
    assert "4,000, 2,000 times each" in text["cost"]
    assert "in theory2e+12, 62.5% of dense training" in text["cost"]
    assert "python 3.11" in text["settings"]


def test_the_report_needs_nothing_but_itself(full):
    content = write_report(full, lambda changes: True).read_text(encoding="utf-8")
    assert re.findall(r"https?:|file:|url\(", content) == []


def test_the_pictures_are_those_of_the_run(full):
    last = report_of(full).attributes("img")[0]
    assert (last["width"], last["height"]) == ("40", "30")
    inlined = io.BytesIO(base64.b64decode(last["src"].partition(",")[2]))
    with Image.open(inlined) as shown, Image.open(full.samples / "step-001000.png") as sheet:
        np.testing.assert_array_equal(np.asarray(shown.convert("RGB")), np.asarray(sheet))


def test_of_many_sheets_the_first_and_the_last_are_shown_and_most_of_the_early_ones(tmp_path):
    run = write_run_files(tmp_path / "run", sheets=range(0, 4000, 100))
    labels = [attributes["alt"] for attributes in report_of(run).attributes("img")]
    steps = [int(re.search(r"step ([\d,]+)", label)[1].replace(",", "")) for label in labels[1:]]
    assert len(steps) <= 9
    assert (steps[0], steps[-1]) == (0, 3900)
    gaps = np.diff(steps)
    assert (np.diff(gaps) >= 0).all()


def test_what_a_run_does_not_hold_is_left_out(tmp_path):
    run = write_run_files(tmp_path / "run", images=())
    shown = report_of(run)
    assert [attributes["id"] for attributes in shown.attributes("section")] == ["settings"]
    assert "Too early to say" in shown.text[""]


def test_a_picture_outside_the_run_is_never_put_into_the_report(tmp_path):
    write_sheet(tmp_path / "secret.png", 1)
    run = write_run_files(tmp_path / "run", rows=[scores(500, memorization={"near_copies": 0.0})])
    run.scores.mkdir()
    for link in (run.scores / "copies-step-000500.png", run.samples / "step-000500.png"):
        link.symlink_to(tmp_path / "secret.png")
    assert report_of(run).attributes("img") == []


def test_a_report_that_fails_leaves_the_one_before(tmp_path):
    run = write_run_files(tmp_path / "run", rows=losses(50))
    before = write_report(run, lambda changes: True).read_bytes()
    run.metrics_file.write_text('{"step": 50}\nnonsense\n')
    with pytest.raises(InputError, match=r"line 2 of .*metrics.jsonl is damaged; delete it"):
        write_report(run, lambda changes: True)
    assert run.report_file.read_bytes() == before
    assert [path.name for path in run.path.glob("*report*")] == ["report.html"]


def test_equal_runs_have_equal_reports(full):
    assert (
        write_report(full, lambda changes: True).read_bytes() == write_report(full, lambda changes: True).read_bytes()
    )


def test_a_training_goes_on_when_its_report_cannot_be_written(tmp_path, capsys):
    run = write_run_files(tmp_path / "run")
    run.report_file.mkdir()
    Report(lambda: write_report(run, lambda changes: True), [5]).on_step(5, {})
    told = capsys.readouterr().out
    assert told.startswith("the report cannot be written (IsADirectoryError: ")
    assert told.count("\n") == 1


def test_the_report_is_written_when_there_is_something_new(tmp_path):
    written = []
    report = Report(lambda: written.append(None), [4, 6])
    for step in range(1, 13):
        before = len(written)
        report.on_step(step, {})
        assert len(written) - before == (step in {4, 6, 8, 12})


def test_the_command_writes_the_report_without_tensorflow(tmp_path):
    run = write_run_files(tmp_path / "run", rows=losses(50, 100), sheets=[0])
    code = (
        "import sys; from sle_gan.cli.main import main; code = main(sys.argv[1:]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    words = ["report", "run", "--output-folder", str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stdout == f"{run.report_file}\n"
    assert "step 100 of 1,000" in Page(run.report_file.read_text()).text[""]


def test_what_is_wrong_with_a_run_is_one_line(tmp_path, capsys):
    run = write_run_files(tmp_path / "run")
    assert main(["report", "none", "--output-folder", str(tmp_path)]) == 2
    assert "no run 'none'" in capsys.readouterr().err
    run.manifest_file.write_text("{}")
    assert main(["report", str(run.path)]) == 2
    assert "is damaged or of another version" in capsys.readouterr().err


def path_of(figure, index=0):
    """The coordinates of a curve."""
    return figure.curves[index].points


def test_densities_of_layers_keep_their_value_until_they_change(tmp_path):
    rows = losses(50, 100, generator_density=0.5, live_parameters=10)
    run = write_run_files(tmp_path / "run", rows=rows)
    write_rows(
        run.densities_file, [{"step": step, "generator": {"a": of, "b": 1.0}} for step, of in ((0, 1.0), (50, 0.5))]
    )
    paths = [path["d"] for path in report_of(run).attributes("path") if path["class"] == "curve c0 dashed"]
    assert (
        "M46.0 10.0L227.0 10.0L227.0 108.0L408.0 108.0" in paths
    )  # the sparsest layer: 1, then a half from step 50 on


def test_the_report_of_a_search_shows_what_counts_most_and_all_of_it_over_time(tmp_path):
    run = write_run_files(tmp_path / "run")
    counted = [{"cell1_up0": {"deconv": share, "nearest": 1 - share}} for share in (0.5, 0.75)]
    rows = [{"step": 10 * index, "shares": shares} for index, shares in enumerate(counted)]
    run.architecture_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = report_of(run)
    assert "Architecture" in report.text["architecture"]
    assert "75.0%" in report.text["architecture"]
    Image.new("RGB", (90, 60)).save(tmp_path / "elsewhere.png")
    run.cells_picture.symlink_to(tmp_path / "elsewhere.png")
    assert len(report_of(run).attributes("img")) == len(report.attributes("img"))
    run.cells_picture.unlink()
    Image.new("RGB", (90, 60)).save(run.cells_picture)
    assert len(report_of(run).attributes("img")) == len(report.attributes("img")) + 1


def test_a_curve_goes_where_its_numbers_say():
    figure = curves("share", [Line("a", [0, 50, 100], [0.0, 0.25, 1.0])], limits=(0, 1))
    assert path_of(figure) == [(46.0, 206.0), (227.0, 157.0), (408.0, 10.0)]
    assert figure.curves[0].dots[1] == (227.0, 157.0, "a, step 50: 0.25")
    assert figure.text == "share. a: from 0 at step 0 to 1 at step 100"


def test_a_curve_leaves_out_what_is_no_number():
    values = [1.0, float("nan"), None, float("inf"), 3.0]
    assert len(path_of(curves("loss", [Line("a", [0, 1, 2, 3, 4], values)]))) == 2
    assert curves("loss", [Line("a", [1, 2], [None, float("nan")])]) is None
    assert len(path_of(curves("loss", [Line("a", [1, 2, 3], [0.2, 1e308, 0.3])]))) == 2
    assert curves("loss", []) is None


def test_a_curve_of_equal_values_and_of_one_point_can_be_drawn():
    assert path_of(curves("loss", [Line("a", [0, 10], [5.0, 5.0])]))[0][1] == pytest.approx(108)  # half-way up
    assert len(path_of(curves("loss", [Line("a", [0], [0.0])]))) == 1


def test_a_long_curve_shows_means_of_equal_parts():
    steps = list(range(4000))
    points = path_of(
        curves("loss", [Line("a", steps, [1.0 if step % 10 == 0 else 0.0 for step in steps])], limits=(0, 1))
    )
    assert len(points) == 400
    assert {y for _, y in points} == {186.4}  # a tenth of the way up: 206 - 0.1 * 196


def test_numbers_are_written_short():
    numbers = [0, 7, 12345, 0.031249, 12345.6, 4.5e12, -0.5]
    assert [short_number(value) for value in numbers] == ["0", "7", "12,345", "0.0312", "12,346", "4.5e+12", "-0.5"]


HOSTILE = [
    ATTACK,
    ATTACK_IMAGE,
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</style></svg></title><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;",
    "a\ud800b",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_in_a_page_adds_neither_a_tag_nor_an_attribute(name):
    def shown(name):
        lines = [Line(name, [0, 50], [0.5, 0.25]), Line(name, [0, 50], [0.0, 1.0], is_dashed=True)]
        sections = {
            "Scores": {
                "lines": [[name, "1.5", "", "2", "3", ""]],
                "flattering": None,
                "figures": [curves(name, lines, note=name)],
            },
            "Images": {"sentences": [name], "lists": [(name, [(name, name)])]},
            "Settings": {"command": name, "later": [name], "versions": [name], "all": [(name, name)]},
        }
        verdict = {"title": name, "tone": "", "evidence": [name], "suggestion": name, "changes": [name, name]}
        return Page(render("report.html", name=name, facts=name, verdict=verdict, sections=sections))

    plain, hostile = shown("Harmless"), shown(name)
    assert [(tag, list(attributes)) for tag, attributes in hostile.tags] == [
        (tag, list(attributes)) for tag, attributes in plain.tags
    ]
    assert {attributes["href"] for attributes in hostile.attributes("a")} == {"#scores", "#images", "#settings"}
    legible = name.replace("\ud800", "?")
    assert hostile.text == {part: text.replace("Harmless", legible) for part, text in plain.text.items()}


def test_no_template_steps_out_of_the_escaping_and_all_its_attributes_are_quoted():
    files = sorted(TEMPLATES.rglob("*.html"))
    assert len(files) >= 6
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe|autoescape|Markup|<script|\bon\w+=|=\s*\{\{", text), file
        used = set(re.findall(r'(?:href|src|srcset|style)="([^"]*)"', text))
        of_pictures = {"{{ one.address }}", "{{ one.dark_address }}", "--width: {{ one.width }}px"}
        assert used <= {"#{{ title|lower }}", *of_pictures}


def test_a_value_that_a_template_misses_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="'facts' is undefined"):
        render("card.html", name="a", picture=None)


def test_time_is_added_up_over_kills_and_resumes():
    rows = [
        {"step": step, "seconds_per_step": seconds} for step, seconds in ((50, 2.0), (100, 1.0), (75, 1.0), (100, 4.0))
    ]
    # 50 steps, 50 steps; killed and gone on with from step 25: 50 steps, 25 steps
    assert training_seconds(rows, 50) == 50 * 2 + 50 * 1 + 50 * 1 + 25 * 4


def test_rows_are_read_up_to_a_torn_one(tmp_path):
    file = tmp_path / "metrics.jsonl"
    assert read_rows(file) == []
    file.write_text('{"step": 1}\n{"step": 2, "loss": NaN}\n{"step')
    assert [row["step"] for row in read_rows(file)] == [1, 2]
    file.write_text('{"step": "1"}\n')
    with pytest.raises(InputError, match=r"line 1 of .* is damaged"):
        read_rows(file)


def test_rows_of_a_record_are_in_the_order_of_their_steps(tmp_path):
    run = write_run_files(tmp_path / "run", rows=[*losses(50, 100), scores(20), *losses(150)])
    assert [row["step"] for row in read_record(run).metrics] == [20, 50, 100, 150]
    assert json.loads(run.metrics_file.read_text().splitlines()[0])["step"] == 50


def test_a_run_is_as_far_as_its_newest_checkpoint_where_no_row_was_written_since(full):
    assert read_record(full).step == 1000
    full.checkpoints.mkdir(exist_ok=True)
    (full.checkpoints / "ckpt-1040.index").touch()
    assert read_record(full).step == 1040
