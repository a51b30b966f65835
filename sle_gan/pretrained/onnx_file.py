"""Reads the nodes and the weights of an ONNX file with NumPy alone, and runs nothing of it.

ONNX files are protocol buffers: fields, each with a number, one after the other. Only the fields that a network of
float32 weights needs are read.

Source: `onnx/onnx.proto` of the ONNX project, and the encoding of protocol buffers.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sle_gan.errors import InputError

Content = Any  # of a field: an int, or a memoryview of bytes

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # kinds of fields
_SIZES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}  # bytes of a field, of the kinds that have one size
_FLOAT32 = 1
# Numbers of the fields.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_TENSOR = 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATION = 1, 2, 4
_TENSOR_DIMENSION, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_NUMBERS = 1, 2, 8, 9


class Node(NamedTuple):
    """An operation of the graph, without its attributes.

    Attributes:
        operation: what it does, such as `Conv`.
        inputs: names of nodes' outputs or of weights.
        outputs: names.
    """

    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Graph(NamedTuple):
    """What a file holds.

    Attributes:
        nodes: in an order in which they can be computed.
        weights: float32 arrays, read-only, by name.
    """

    nodes: list[Node]
    weights: dict[str, np.ndarray]


def read_onnx(path: Path) -> Graph:
    """Reads an ONNX file; weights of other types than float32, and those outside of the file, are left out.

    Args:
        path: of the file.

    Returns:
        A `Graph`.

    Raises:
        InputError: if it is no ONNX file or ends too early.
    """
    try:
        model = _fields(memoryview(path.read_bytes()))
        (graph,) = [content for number, content in model if number == _MODEL_GRAPH]
        nodes: list[Node] = []
        weights: dict[str, np.ndarray] = {}
        for number, content in _fields(graph):
            if number == _GRAPH_NODE:
                nodes.append(_node(content))
            elif number == _GRAPH_TENSOR:
                weights |= _weight(content)
    except (IndexError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no ONNX file, or damaged") from error
    return Graph(nodes, weights)


def _node(content: Content) -> Node:
    inputs: list[str] = []
    outputs: list[str] = []
    operation = ""
    for number, value in _fields(content):
        if number == _NODE_INPUT:
            inputs.append(str(value, "utf-8"))
        elif number == _NODE_OUTPUT:
            outputs.append(str(value, "utf-8"))
        elif number == _NODE_OPERATION:
            operation = str(value, "utf-8")
    return Node(operation, tuple(inputs), tuple(outputs))


def _weight(content: Content) -> dict[str, np.ndarray]:
    shape: list[int] = []
    kind, name, numbers = None, "", None
    for number, value in _fields(content):
        if number == _TENSOR_DIMENSION:
            # One number, or several in one field.
            shape += [value] if isinstance(value, int) else _packed(value)
        elif number == _TENSOR_TYPE:
            kind = value
        elif number == _TENSOR_NAME:
            name = str(value, "utf-8")
        elif number == _TENSOR_NUMBERS:
            numbers = value
    if kind != _FLOAT32 or numbers is None:
        return {}
    return {name: np.frombuffer(numbers, "<f4").reshape(shape)}


def _fields(message: Content) -> Iterator[tuple[int, Content]]:
    """Yields number and content of each field: an int, or a memoryview of bytes."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            size, position = _varint(message, position)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
        if position + size > len(message):
            raise ValueError(f"a field of {size} bytes, which ends too early")
        yield number, message[position : position + size]
        position += size


def _packed(message: memoryview) -> list[int]:
    position, values = 0, []
    while position < len(message):
        value, position = _varint(message, position)
        values.append(value)
    return values


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Returns a whole number of seven bits to the byte, least first, and where the next field begins."""
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
