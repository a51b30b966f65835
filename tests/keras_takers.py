"""Which public functions take models, layers and optimizers, by their annotations. No TensorFlow."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TAKEN = re.compile(r"\b(keras\.Model|keras\.layers\.\w+|keras\.optimizers\.\w+|GAN)\b")


class Taker(NamedTuple):
    module: str
    owner: str  # the class, or nothing
    name: str
    argument: str
    kind: str
    is_list: bool
    is_decorated: bool


def takers():
    """Lists each parameter of each public function and method that is annotated as a model, a layer or an optimizer.

    What only holds values, such as a NamedTuple, has no function of its own: the library makes it.
    """
    for file in sorted((ROOT / "sle_gan").rglob("*.py")):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield from _in_body(ast.parse(file.read_text(encoding="utf-8")).body, module, "")


def _in_body(body, module, owner):
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _in_body(node.body, module, node.name)
        elif isinstance(node, ast.FunctionDef) and (node.name in ("__init__", "__call__") or node.name[0] != "_"):
            is_decorated = "needs_keras_2" in [ast.unparse(decorator) for decorator in node.decorator_list]
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                text = "" if argument.annotation is None else ast.unparse(argument.annotation)
                if TAKEN.search(text) and not text.startswith("Callable"):
                    kind = "optimizer" if "optimizers" in text else "layer" if "layers" in text else "model"
                    is_list = "Sequence" in text or "tuple" in text
                    yield Taker(module, owner, node.name, argument.arg, kind, is_list, is_decorated)
