"""Objects of Keras 3 are refused wherever a model, a layer or an optimizer is taken, with the way to import Keras 2."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import keras as keras_3
import pytest
import tf_keras as keras

from sle_gan.keras_version import check_keras_2

ROOT = Path(__file__).parents[1]
TAKEN = re.compile(r"(?<!Callable\[)\b(keras\.Model|keras\.layers\.\w+|keras\.optimizers\.\w+|GAN)\b")
TOLD = "{} must be of Keras 2, but keras[.].* is of Keras 3: `import tf_keras as keras` in place of `import keras`"


def takers():
    """Lists each parameter of each public function and method that is annotated as a model, a layer or an optimizer.

    What only holds values, such as a NamedTuple, has no function of its own: the library makes it.
    """
    for file in sorted((ROOT / "sle_gan").rglob("*.py")):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield from in_body(ast.parse(file.read_text(encoding="utf-8")).body, module, "")


def in_body(body, module, owner):
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from in_body(node.body, module, node.name)
        elif isinstance(node, ast.FunctionDef) and (node.name in ("__init__", "__call__") or node.name[0] != "_"):
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                text = "" if argument.annotation is None else ast.unparse(argument.annotation)
                if TAKEN.search(text) and not text.startswith("Callable"):
                    kind = "optimizer" if "optimizers" in text else "layer" if "layers" in text else "model"
                    yield module, owner, node.name, argument.arg, kind, "Sequence" in text or "tuple" in text


FOUND = list(takers())


def test_every_public_function_says_which_keras_it_needs_of_each_model_layer_and_optimizer():
    objects = {
        "model": keras_3.Sequential(name="three"),
        "layer": keras_3.layers.Dense(1),
        "optimizer": keras_3.optimizers.Adam(),
    }
    assert {kind for *_, kind, _ in FOUND} == set(objects)
    assert len(FOUND) > 100
    untold = []
    for module, owner, name, argument, kind, is_list in FOUND:
        place = importlib.import_module(module)
        function = vars(vars(place)[owner])[name] if owner else vars(place)[name]
        given = {argument: [objects[kind]] if is_list else objects[kind]}
        try:
            function(*([None] if owner else []), **given)
        except TypeError as error:
            if re.match(TOLD.format(argument), str(error)):
                continue
        untold.append(f"{module}.{owner}.{name}({argument})")
    assert untold == []  # decorate these with sle_gan.keras_version.needs_keras_2


def test_the_front_door_is_among_them():
    assert ("sle_gan.sparsity.reconfigure", "Reconfigure", "__init__") in {place[:3] for place in FOUND}
    assert ("sle_gan.training.gan", "GAN", "__init__") in {place[:3] for place in FOUND}


class Subclass(keras_3.Model):
    """A model of somebody's own: its class is of no module of Keras."""


@pytest.mark.parametrize(
    "make",
    [
        Subclass,
        lambda: [None, (keras_3.layers.ReLU(),)],
        lambda: keras_3.optimizers.SGD(),
        lambda: keras_3.losses.MeanSquaredError(),
        lambda: keras_3.callbacks.Callback(),
    ],
    ids=["subclass", "nested", "optimizer", "loss", "callback"],
)
def test_whatever_is_of_keras_3_is_refused_by_its_name(make):
    with pytest.raises(TypeError, match=TOLD.format("thing")):
        check_keras_2(other=keras.Sequential(), thing=make())


def test_what_is_of_keras_2_or_of_none_is_let_through():
    check_keras_2(model=keras.Sequential(), layer=keras.layers.Dense(1), optimizer=keras.optimizers.Adam(), other=None)
    check_keras_2(many=[keras.Sequential()], text="keras", number=3, function=len)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["from tensorflow import keras", "import keras"])
def test_the_keras_that_tensorflow_hands_out_without_us_is_refused(line):
    program = f"import tensorflow\n{line}\nmodel = keras.Sequential([keras.layers.Input([4]), keras.layers.Dense(2)])\n"
    program += "from sle_gan.callbacks import Reconfigure\nReconfigure(model)"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert re.search("TypeError: " + TOLD.format("generator"), ended.stderr)
