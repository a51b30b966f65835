import json
import multiprocessing

import pytest

from sle_gan.assembly.resolve import resolve
from sle_gan.errors import InputError, StorageError
from sle_gan.run import RunFolder, check_writable, choose_run, find_run, start_run
from sle_gan.run_config import RunConfig
from sle_gan.settings.train import differing_settings

GIVEN = {"data_folder": "/photos/flowers", "resolution": 64, "steps": 100, "rates": "paper"}


def choose(folder, name=None, resume=True, override=False, **given):
    settings = resolve(GIVEN | given | {"output_folder": str(folder), "name": name})
    return choose_run("fastgan-flowers", settings, resume=resume, override=override)


def started(folder, name=None, step=None, **given):
    run = choose(folder, name, resume=False, **given)
    with run.locked():
        start_run(run, config(**given), {"images": []})
    if step is not None:
        (run.checkpoints / f"ckpt-{step}.index").touch()
    return run


def config(**given):
    return RunConfig(resolve(GIVEN | given), {"python": "3"}, ["train.py"])


def test_runs_are_numbered_on(tmp_path):
    assert started(tmp_path).name == "00000-fastgan-flowers"
    assert started(tmp_path).name == "00001-fastgan-flowers"
    (tmp_path / "00007-other").mkdir()
    assert choose(tmp_path, resume=False).name == "00008-fastgan-flowers"


def test_the_newest_unfinished_run_of_the_same_settings_goes_on(tmp_path):
    started(tmp_path, step=40)
    started(tmp_path, resolution=128)
    assert choose(tmp_path).name == "00000-fastgan-flowers"
    assert choose(tmp_path, resume=False).name == "00002-fastgan-flowers"


def test_a_finished_run_is_not_gone_on_with_unless_more_steps_are_asked_for(tmp_path):
    started(tmp_path, step=100)
    assert choose(tmp_path).name == "00001-fastgan-flowers"
    assert choose(tmp_path, steps=200).name == "00000-fastgan-flowers"


def test_a_name_that_holds_other_settings_is_refused_and_nothing_is_deleted(tmp_path):
    run = started(tmp_path, "flowers", step=10)
    with pytest.raises(InputError, match=r"holds a run of other settings \(resolution 64, asked for 512"):
        choose(tmp_path, "flowers", resolution=512)
    assert run.latest_step() == 10


def test_a_name_is_used_again_only_when_that_is_asked_for(tmp_path):
    started(tmp_path, "flowers", step=1)
    with pytest.raises(InputError, match="exists; give another --name, --resume auto, or --override"):
        choose(tmp_path, "flowers", resume=False)
    assert choose(tmp_path, "flowers").exists()


def test_the_name_of_a_start_that_failed_is_free(tmp_path):
    run = started(tmp_path, "flowers")
    for resume in (True, False):
        assert choose(tmp_path, "flowers", resume=resume, flip=False).path == run.path
    assert not run.is_trained()


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
        start_run(run, config(seed=3), {"images": []})
    assert run.latest_step() is None
    assert not run.metrics_file.exists()
    assert run.settings() == resolve(GIVEN | {"seed": 3})


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
        assert str(process.pid) not in run.holder_file.read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "is not a configuration"),
        ('{"schema": 99, "settings": {}}', "has schema 99; this version reads 1 and 2"),
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
    assert run.config() == config()
    content = json.loads(run.config_file.read_text())
    assert content["schema"] == 2
    assert (content["versions"], content["command"]) == ({"python": "3"}, ["train.py"])
    assert content["settings"]["images"]["resolution"] == 64
    assert content["settings"]["optimization"]["batch_size"] == 8  # of the network's recipe
    assert content["settings"]["augmentation"]["method"] == "diff"
    assert content["settings"]["sparsity"] is None


def test_an_output_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot be written .*; give another --output-folder"):
        check_writable(tmp_path / "file" / "runs")


def test_a_setting_that_a_run_does_not_have_is_newer_than_it_and_has_its_default(tmp_path):
    run = started(tmp_path, "old", step=1)
    content = json.loads(run.config_file.read_text())
    del content["settings"]["images"]["flip"]
    del content["settings"]["scores"]
    run.config_file.write_text(json.dumps(content))
    assert run.settings() == config().settings
    assert choose(tmp_path, "old").path == run.path
    with pytest.raises(InputError, match="flip True, asked for False"):
        choose(tmp_path, "old", flip=False)
    del content["settings"]["network"]["width"]
    run.config_file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"config.json: the setting 'width' is missing"):
        run.settings()


def test_runs_of_other_methods_differ_by_the_names_of_the_methods():
    dense, pruned, searched = (
        resolve(GIVEN | more, 63) for more in ({}, {"reconfigure": True, "sparsity": 0.5}, {"find_ticket": True})
    )
    assert differing_settings(dense, pruned) == "reconfigure False, asked for True"
    assert differing_settings(pruned, searched) == (
        "find_ticket False, asked for True; reconfigure True, asked for False"
    )
    other = resolve(GIVEN | {"reconfigure": True, "steps": 9000}, 63)
    assert differing_settings(pruned, other) == "sparsity 0.5, asked for 0.3"  # the times follow from the length
    ada, off = resolve(GIVEN | {"augment": "ada"}), resolve(GIVEN | {"diff_augment": None})
    assert differing_settings(off, ada) == "augment 'diff', asked for 'ada'"
    assert differing_settings(dense, off) == "diff_augment 'color,translation', asked for None"
