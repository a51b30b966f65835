"""Objects of Keras 3 are refused wherever a model, a layer or an optimizer is taken, with the way to import Keras 2."""

import importlib
import re
import subprocess
import sys

import keras as keras_3
import pytest
import tf_keras as keras
from keras_takers import ROOT, takers

from sle_gan.keras_version import check_keras_2

TOLD = "{} must be of Keras 2, but keras[.].* is of Keras 3: `import tf_keras as keras` in place of `import keras`"


def test_every_public_function_says_which_keras_it_needs_of_each_model_layer_and_optimizer():
    objects = {
        "model": keras_3.Sequential(name="three"),
        "layer": keras_3.layers.Dense(1),
        "optimizer": keras_3.optimizers.Adam(),
    }
    found, untold = list(takers()), []
    for taker in found:
        place = vars(importlib.import_module(taker.module))
        function = vars(place[taker.owner])[taker.name] if taker.owner else place[taker.name]
        given = objects[taker.kind]
        try:
            function(*([None] if taker.owner else []), **{taker.argument: [given] if taker.is_list else given})
        except TypeError as error:
            if re.match(TOLD.format(taker.argument), str(error)):
                continue
        untold.append(taker)
    assert untold == []
    assert {taker.kind for taker in found} == set(objects)
    assert {("Reconfigure", "__init__", "generator"), ("CompiledGAN", "compile", "generator_optimizer")} <= {
        (taker.owner, taker.name, taker.argument) for taker in found
    }


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
