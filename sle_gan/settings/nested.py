"""The settings as plain data, a part for each concern: what `config.json` holds since schema 2."""

import dataclasses
from typing import Any

from sle_gan.errors import InputError
from sle_gan.settings.field import SettingsGroup, make_group, settings_of
from sle_gan.settings.scores import kid_network_of_older_runs
from sle_gan.settings.train import CONCERNS, TrainSettings

_METHOD = "method"  # which of the types of a concern it is


def to_nested(settings: TrainSettings) -> dict[str, Any]:
    """Returns the settings as dictionaries by concern; None where a concern has no settings."""
    return {concern: _part(getattr(settings, concern)) for concern in CONCERNS}


def from_nested(content: dict[str, Any]) -> TrainSettings:
    """Makes the settings from what `to_nested` returned, wherever it comes from.

    Args:
        content: plain data. A setting that is not there is newer than the data: it is what it was before, or its
            default.

    Raises:
        InputError: if there is another name, or a value is missing or not allowed.
    """
    unknown = sorted(map(str, content.keys() - CONCERNS.keys()))
    if unknown:
        raise InputError(f"the settings have a part {unknown[0]!r}, which this version does not know")
    content = _with_kid_network(content)
    return TrainSettings(**{concern: _group(concern, content.get(concern)) for concern in CONCERNS})


def without_paths(settings: TrainSettings) -> TrainSettings:
    """Returns the settings without the paths of this machine, to be given to others.

    A path that may be left out has its default then, and any other is `.`; what was read from a file stays.
    """
    changed = {}
    for concern in CONCERNS:
        group = getattr(settings, concern)
        paths = {
            name: one.default if one.has_default else "."
            for name, one in (settings_of(type(group)) if group is not None else {}).items()
            if one.kind.is_path and not one.kind.holds_content
        }
        changed[concern] = group and dataclasses.replace(group, **paths)
    return dataclasses.replace(settings, **changed)


def _part(group: SettingsGroup | None) -> dict[str, Any] | None:
    if group is None:
        return None
    method = {} if group.method is None else {_METHOD: group.method}
    values = {name: getattr(group, name) for name in settings_of(type(group))}
    return method | {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _with_kid_network(content: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings with `kid_network`, which is newer than the first runs and follows from other concerns."""
    network, optimization, scores = (content.get(concern) for concern in ("network", "optimization", "scores"))
    scores = {} if scores is None else scores
    if not (isinstance(network, dict) and isinstance(optimization, dict) and isinstance(scores, dict)):
        return content  # what is wrong with it is told when the part is read
    loss = optimization.get("reconstruction_loss", "perceptual")
    kid_network = kid_network_of_older_runs(network.get("discriminator"), loss)
    return content | {"scores": {"kid_network": kid_network} | scores}


def _group(concern: str, content: object) -> Any:
    types = CONCERNS[concern]
    by_method = {group.method: group for group in types}
    if content is None and None not in by_method:
        return None
    content = {} if content is None else content  # all of it may be newer than the data
    if not isinstance(content, dict):
        raise InputError(f"the settings' part {concern!r} must be values by name")
    method = content.get(_METHOD)
    group = by_method.get(method) if method is None or isinstance(method, str) else None
    if group is None:
        raise InputError(
            f"the settings' part {concern!r} must have a method of {', '.join(sorted(map(str, by_method)))}"
        )
    values = {name: value for name, value in content.items() if name != _METHOD}
    unknown = sorted(values.keys() - settings_of(group).keys())
    if unknown:
        raise InputError(f"the setting {unknown[0]!r} is not one of {concern} in this version")
    before = {name: one.before for name, one in settings_of(group).items() if one.before is not None}
    return make_group(group, before | values)
