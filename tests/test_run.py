import json
import multiprocessing

import pytest

from sle_gan.errors import InputError, StorageError
from sle_gan.run import RunFolder, check_writable, choose_run, find_run, start_run

SETTINGS = {"model": "fastgan", "resolution": 64, "steps": 100, "name": None}


def choose(folder, name=None, settings=SETTINGS, resume=True, override=False):
    return choose_run(folder, name, "fastgan-flowers", settings, resume=resume, override=override)


def started(folder, name=None, settings=SETTINGS, step=None):
    run = choose(folder, name, settings, resume=False)
    with run.locked():
        start_run(run, settings, ["train.py"], {"python": "3"}, {"images": []})
    if step is not None:
        (run.checkpoints / f"ckpt-{step}.index").touch()
    return run


def test_runs_are_numbered_on(tmp_path):
    assert started(tmp_path).name == "00000-fastgan-flowers"
    assert started(tmp_path).name == "00001-fastgan-flowers"
    (tmp_path / "00007-other").mkdir()
    assert choose(tmp_path, resume=False).name == "00008-fastgan-flowers"


def test_the_newest_unfinished_run_of_the_same_settings_goes_on(tmp_path):
    started(tmp_path, step=40)
    started(tmp_path, settings=SETTINGS | {"resolution": 128})
    assert choose(tmp_path).name == "00000-fastgan-flowers"
    assert choose(tmp_path, resume=False).name == "00002-fastgan-flowers"


def test_a_finished_run_is_not_gone_on_with_unless_more_steps_are_asked_for(tmp_path):
    started(tmp_path, step=100)
    assert choose(tmp_path).name == "00001-fastgan-flowers"
    assert choose(tmp_path, settings=SETTINGS | {"steps": 200}).name == "00000-fastgan-flowers"


def test_a_name_that_holds_other_settings_is_refused_and_nothing_is_deleted(tmp_path):
    run = started(tmp_path, "flowers", step=10)
    with pytest.raises(InputError, match=r"holds a run of other settings \(resolution 64, asked for 512"):
        choose(tmp_path, "flowers", SETTINGS | {"resolution": 512})
    assert run.latest_step() == 10


def test_a_name_is_used_again_only_when_that_is_asked_for(tmp_path):
    started(tmp_path, "flowers")
    with pytest.raises(InputError, match="exists; give another --name, --resume auto, or --override"):
        choose(tmp_path, "flowers", resume=False)
    assert choose(tmp_path, "flowers").exists()


def test_a_folder_that_is_no_run_is_never_touched(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.txt").write_text("mine")
    for override in (True, False):
        with pytest.raises(InputError, match="exists and is no run folder"):
            choose(tmp_path, "photos", override=override)
    assert (tmp_path / "photos" / "a.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".."])
def test_a_name_is_a_plain_folder_name(tmp_path, name):
    with pytest.raises(InputError, match="--name must be a plain folder name"):
        choose(tmp_path, name)


def test_starting_anew_deletes_what_was_there(tmp_path):
    run = started(tmp_path, "flowers", step=10)
    run.metrics_file.write_text("{}\n")
    with run.locked():
        start_run(run, SETTINGS, ["train.py"], {}, {"images": []})
    assert run.latest_step() is None
    assert not run.metrics_file.exists()
    assert run.config()["settings"] == SETTINGS


def _hold(path, held, release):
    with RunFolder(path).locked():
        held.set()
        release.wait(30)


def test_a_run_in_use_is_refused_and_a_dead_process_holds_nothing(tmp_path):
    run = started(tmp_path)
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(run.path, held, release))
    process.start()
    assert held.wait(30)
    with pytest.raises(InputError, match=f"is in use by process {process.pid} since "), run.locked():
        pytest.fail("the lock was given twice")
    process.kill()
    process.join()
    with run.locked():
        assert str(process.pid) not in run.lock_file.read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "is not a configuration"),
        ('{"schema": 99, "settings": {}}', "has schema 99; this version reads 1"),
    ],
)
def test_a_damaged_configuration_is_told(tmp_path, text, message):
    run = started(tmp_path)
    run.config_file.write_text(text)
    with pytest.raises(InputError, match=message):
        run.config()


def test_a_run_is_found_by_its_folder_and_by_its_name(tmp_path):
    run = started(tmp_path)
    assert find_run(str(run.path), "elsewhere").path == run.path
    assert find_run(run.name, tmp_path).path == run.path
    with pytest.raises(InputError, match=r"no run 'x', neither as a folder nor in .*; there are 00000-fastgan-flowers"):
        find_run("x", tmp_path)


def test_the_configuration_is_what_was_resolved(tmp_path):
    run = started(tmp_path)
    assert json.loads(run.config_file.read_text()) == {
        "schema": 1,
        "settings": SETTINGS,
        "versions": {"python": "3"},
        "command": ["train.py"],
    }


def test_an_output_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot be written .*; give another --output-folder"):
        check_writable(tmp_path / "file" / "runs")


def test_settings_that_an_older_run_did_not_have_are_the_defaults(tmp_path):
    run = RunFolder(tmp_path / "old")
    with run.locked():
        start_run(run, {"resolution": 64}, [], {}, {"images": []})
    options = {"resume": True, "override": False, "defaults": {"resolution": 256, "shiny": False}}
    again = choose_run(tmp_path, "old", "label", {"resolution": 64, "shiny": False}, **options)
    assert again.path == run.path
    with pytest.raises(InputError, match="shiny False, asked for True"):
        choose_run(tmp_path, "old", "label", {"resolution": 64, "shiny": True}, **options)
