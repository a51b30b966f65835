"""Numbers on the command line: what a flag takes, or a line that says what it must be."""

import argparse

AUTO = "auto"


def positive(text):
    """Reads a whole number above 0, of 31 bits."""
    return _number(text, int, lambda value: 0 < value < 2**31, "a whole number from 1 to 2147483647")


def positive_or_auto(text):
    """Reads a whole number above 0, of 31 bits, or the word for one that the program finds."""
    return text if text == AUTO else positive(text)


def whole(text):
    """Reads a whole number from 0."""
    return _number(text, int, lambda value: value >= 0, "a whole number from 0")


def seed(text):
    """Reads a whole number of 31 bits."""
    return _number(text, int, lambda value: 0 <= value < 2**31, "a whole number from 0 to 2147483647")


def rate(text):
    """Reads a number between 0 and 1, neither included; also a share of something that must be some and not all."""
    return _number(text, float, lambda value: 0 < value < 1, "a number between 0 and 1")


def decay(text):
    """Reads a number from 0 to below 1."""
    return _number(text, float, lambda value: 0 <= value < 1, "a number from 0 to below 1")


def density(text):
    """Reads a number above 0 and up to 1."""
    return _number(text, float, lambda value: 0 < value <= 1, "a number above 0 and up to 1")


def share(text):
    """Reads a number from 0 to 1."""
    return _number(text, float, lambda value: 0 <= value <= 1, "a number from 0 to 1")


def weight(text):
    """Reads a finite number from 0."""
    return _number(text, float, lambda value: 0 <= value < float("inf"), "a number from 0")


def _number(text, convert, is_allowed, allowed):
    try:
        value = convert(text)
    except ValueError:
        value = None
    if value is None or not is_allowed(value):
        raise argparse.ArgumentTypeError(f"must be {allowed}; got {text!r}")
    return value
