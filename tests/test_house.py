"""The house rules that no tool checks: sizes of files and packages, and who may call the command line."""

from pathlib import Path

from keras_takers import takers

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 400
LARGEST_SHARE = 1 / 8

# Tests of programs as people run them; all others call the library.
OF_PROGRAMS = {
    "papers.py",
    "foreign_system.py",
    "poison.py",
    "tiny_worker.py",
    *(
        f"test_{name}.py"
        for name in (
            *(
                "access",
                "advice",
                "batch_size",
                "completion",
                "docs",
                "changed_settings",
                "class_methods",
                "class_networks",
                "classes",
                "cli",
                "cluster",
                "compare",
                "devices",
                "directions",
            ),
            *(
                "disk",
                "evaluate_folders",
                "doctor",
                "evaluate",
                "exports",
                "films",
                "front_door",
                "study",
                "fuzz",
                "generate",
                "generate_styles",
                "health",
            ),
            *(
                "house",
                "hub",
                "import",
                "library",
                "models_cli",
                "papers",
                "paths",
                "picture_kinds",
                "presets",
                "projection",
                "rates",
                "redraw",
                "report",
                "rollback",
                "saved_model",
                "schema_1",
                "settings",
            ),
            *(
                "search_cli",
                "sparse_training",
                "judges",
                "training_scores",
                "transfer",
                "untrusted",
                "wide_runs",
                "workers",
            ),
        )
    ),
}


def lines_of(file):
    return len(file.read_text(encoding="utf-8").splitlines())


def test_no_file_is_longer_than_a_room():
    long = {str(file.relative_to(ROOT)): lines_of(file) for file in (ROOT / "sle_gan").rglob("*.py")}
    assert {name: count for name, count in long.items() if count > LONGEST_FILE} == {}


def test_no_package_is_more_than_an_eighth_of_the_code():
    sizes = {}
    for file in (ROOT / "sle_gan").rglob("*.py"):
        sizes[file.parent] = sizes.get(file.parent, 0) + lines_of(file)
    total = sum(sizes.values())
    shares = {str(folder.relative_to(ROOT)): size / total for folder, size in sizes.items()}
    assert {name: share for name, share in shares.items() if share > LARGEST_SHARE} == {}


def test_the_command_line_is_called_by_the_tests_of_programs_alone():
    callers = {
        file.name
        for folder in ("benchmarks", "tests")
        for file in (ROOT / folder).rglob("*.py")
        if "sle_gan.cli" in file.read_text(encoding="utf-8") and file.name not in OF_PROGRAMS
    }
    assert callers == set()


def test_what_takes_a_model_a_layer_or_an_optimizer_is_decorated_with_needs_keras_2():
    assert [(taker.module, taker.owner, taker.name) for taker in takers() if not taker.is_decorated] == []
