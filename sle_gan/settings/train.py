"""All that a training is asked to be, resolved: what `config.json` holds, and what every room's part is made from."""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from sle_gan.errors import InputError
from sle_gan.settings.adversarial import AdversarialFeatureSettings
from sle_gan.settings.augmentation import AdaptiveAugmentSettings, DiffAugmentSettings
from sle_gan.settings.chain import ChainSettings
from sle_gan.settings.devices import DeviceSettings
from sle_gan.settings.field import REQUIRED, Group, Setting, SettingsGroup, flag_name, make_group, settings_of
from sle_gan.settings.growth import GrowthSettings
from sle_gan.settings.images import ImageSettings
from sle_gan.settings.network import NetworkSettings
from sle_gan.settings.optimization import OptimizationSettings
from sle_gan.settings.penalties import PenaltySettings
from sle_gan.settings.run import RunSettings
from sle_gan.settings.scores import ScoreSettings
from sle_gan.settings.search import ArchitectureSearchSettings
from sle_gan.settings.sparsity import (
    ReconfigureSettings,
    SparseFromScratchSettings,
    TicketSearchSettings,
    TicketSettings,
)
from sle_gan.settings.transfer import TransferSettings


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """All that a training is asked to be; nothing is left open.

    Attributes:
        run: where it is written, and how often what.
        images: which, and how they are decoded.
        network: which, how wide, and what they begin with.
        optimization: length, batch, loss, optimizers, average.
        augmentation: of what the discriminator sees; None for none.
        growth: how the networks grow; None for the full side from the start.
        penalties: that are added to the losses.
        scores: that are measured while it goes on.
        transfer: what it takes from other runs.
        adversarial_features: AdvAug's; None without.
        chain: CHAIN's; None without.
        sparsity: the method, with the times that were resolved; None for a dense training.
        search: for an architecture; None for a training of networks that are what they are.
        devices: that train, and what they compute in.
    """

    run: RunSettings
    images: ImageSettings
    network: NetworkSettings
    optimization: OptimizationSettings
    growth: GrowthSettings | None
    augmentation: DiffAugmentSettings | AdaptiveAugmentSettings | None
    penalties: PenaltySettings
    scores: ScoreSettings
    transfer: TransferSettings
    adversarial_features: AdversarialFeatureSettings | None
    chain: ChainSettings | None
    sparsity: ReconfigureSettings | TicketSearchSettings | TicketSettings | SparseFromScratchSettings | None
    search: ArchitectureSearchSettings | None
    devices: DeviceSettings

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "TrainSettings":
        """Makes the settings from values by name, whatever their concern.

        Args:
            values: settings by the names of their fields, and what methods are asked for by, such as `find_ticket`.

        Raises:
            InputError: if one is missing or not allowed.
        """
        groups: dict[str, Any] = {}
        for concern, types in CONCERNS.items():
            chosen = next((group for group in types if group.is_asked_for(values)), None)
            groups[concern] = None if chosen is None else make_group(chosen, values)
        return cls(**groups)

    def named(self) -> dict[str, object]:
        """Returns plain data: every value that applies by its own name, and what methods are asked for by."""
        values: dict[str, object] = {}
        for concern, types in CONCERNS.items():
            chosen: SettingsGroup | None = getattr(self, concern)
            for group in types:
                if group.asked_by is not None:
                    name, value = group.asked_by
                    is_chooser = value is not REQUIRED and name in CHOOSERS  # others are fields
                    values.setdefault(name, CHOOSERS[name].default if is_chooser else None)
                    if isinstance(chosen, group) and value is not REQUIRED:
                        values[name] = value
            if chosen is not None:
                values |= {name: _plain(getattr(chosen, name)) for name in settings_of(type(chosen))}
        return values

    def as_given(self) -> dict[str, object]:
        """Returns what may be given, by name, and resolves to these settings with the same images."""
        growth = {"growth": "none"} if self.growth is None else {}
        steps = {"steps": self.steps_given} if self.search is None else {"steps": None}  # which follow from its rounds
        return {name: value for name, value in (self.named() | growth | steps).items() if name in GIVABLE}

    @property
    def steps_given(self) -> int:
        """Generator steps that a training is asked for: those of the first round of a search, all of any other."""
        if isinstance(self.sparsity, TicketSearchSettings):
            return self.sparsity.round_steps
        return self.optimization.steps

    def check(self) -> None:
        """Checks what the range of a value alone does not show.

        Raises:
            InputError: if the settings do not go together.
        """
        for concern in CONCERNS:
            group: SettingsGroup | None = getattr(self, concern)
            if group is not None:
                group.check()
        self._check_beginning()
        self._check_search()
        self._check_growth()
        self._check_chain()
        if self.optimization.rate_decay != "constant" and isinstance(self.sparsity, TicketSearchSettings):
            raise InputError("--rate-decay cannot be used with --find-ticket: all its rounds train at the same rates")
        if self.devices.strategy == "multi-worker":
            if self.run.name is None:
                raise InputError("--strategy multi-worker needs the --name of the run, which all workers must know")
            if self.devices.jit == "on":
                raise InputError(
                    "--jit on cannot be used with --strategy multi-worker: XLA compiles no sums over machines"
                )

    def _check_chain(self) -> None:
        if self.chain is None:
            return
        if self.adversarial_features is not None:
            raise InputError("--adv-augment cannot be used with --discriminator-norm chain: both look within it")
        if self.chain.chain_start >= self.optimization.steps:
            raise InputError(
                f"--chain-start {self.chain.chain_start} is not before the end of {self.optimization.steps} steps, so "
                "nothing would be normalized; give a smaller one, such as a twentieth of the steps"
            )

    def _check_search(self) -> None:
        if self.search is None:
            return
        penalties, optimization = self.penalties, self.optimization
        beside = {
            "a method of sparsity": self.sparsity is not None,
            "--adv-augment": self.adversarial_features is not None,
            "--init-from": self.transfer.init_from is not None,
            "--teacher": self.transfer.teacher is not None,
            "--freeze-d": self.transfer.freeze_d is not None,
            "--accumulate": optimization.accumulate > 1,
            "--n-critic": optimization.n_critic > 1,
            "--hours": optimization.hours is not None,
            "--mixed-precision": self.devices.mixed_precision is not None,
            "--loss relativistic": optimization.loss == "relativistic",
            "--discriminator-norm chain": self.chain is not None,
            f"--strategy {self.devices.strategy}": self.devices.strategy != "one",
        }
        weights = (
            *("r1_gamma", "r2_gamma", "consistency_weight", "gradient_penalty", "drift_weight"),
            *("dig_weight", "path_length_weight"),
        )
        beside |= {flag_name(name): bool(getattr(penalties, name)) for name in weights}
        for what, is_asked_for in beside.items():
            if is_asked_for:
                raise InputError(f"a search cannot be combined with {what}; train what it finds with that")

    def _check_growth(self) -> None:
        if self.growth is None:
            return
        beside = {
            "--adv-augment": self.adversarial_features is not None,
            "--teacher": self.transfer.teacher is not None,
            "--augment ada": isinstance(self.augmentation, AdaptiveAugmentSettings),
            "--ema-kimg": self.optimization.ema_kimg is not None,
            "--find-ticket": isinstance(self.sparsity, TicketSearchSettings),
            "--sparse-from-scratch": isinstance(self.sparsity, SparseFromScratchSettings),
            "--dig-smoothing": self.penalties.dig_smoothing,
            "--hours": self.optimization.hours is not None,
            "--accumulate": self.optimization.accumulate > 1,
            f"--strategy {self.devices.strategy}": self.devices.strategy in ("mirrored", "multi-worker"),
        }
        for what, is_asked_for in beside.items():
            if is_asked_for:
                raise InputError(f"{what} cannot be used while networks grow; give --growth none with it")

    def _check_beginning(self) -> None:
        begins_from = {
            "generator_weights": self.network.generator_weights,
            "discriminator_weights": self.network.discriminator_weights,
            "ticket": self.sparsity.ticket if isinstance(self.sparsity, TicketSettings) else None,
        }
        for name, value in begins_from.items():
            if self.transfer.init_from is not None and value is not None:
                raise InputError(f"--init-from and {flag_name(name)} both say where weights begin; give one")
        if self.transfer.freeze_d is not None and not (self.transfer.init_from or self.network.discriminator_weights):
            raise InputError("--freeze-d needs --init-from or --discriminator-weights: what is frozen must be trained")


def changed_settings(old: TrainSettings, new: TrainSettings) -> dict[str, tuple[Any, Any]]:
    """Returns what differs between the settings of a run and others: both values by name, in order of the names.

    Args:
        old: settings of the run that exists.
        new: settings that were asked for.
    """
    ours, theirs = old.named(), new.named()
    names = sorted(ours.keys() & theirs.keys())  # those of other methods differ by the methods' names
    return {name: (ours[name], theirs[name]) for name in names if ours[name] != theirs[name]}


def differing_settings(old: TrainSettings, new: TrainSettings) -> str:
    """Says which settings of two runs differ and matter.

    Args:
        old: settings of the run that exists.
        new: settings that were asked for.

    Returns:
        Text such as `resolution 256, asked for 512`; empty if none differ.
    """
    changed = changed_settings(old, new).items()
    return "; ".join(
        f"{name} {ours!r}, asked for {theirs!r}" for name, (ours, theirs) in changed if name not in FREE_NAMES
    )


def fits_weights(old: TrainSettings, new: TrainSettings) -> bool:
    """Returns whether a run can go on with other settings, if that is asked for: its weights fit them too.

    Args:
        old: settings of the run that exists.
        new: settings that were asked for.
    """
    return changed_settings(old, new).keys() <= FREE_NAMES | WEIGHT_FITTING_NAMES


def with_times_of(old: TrainSettings, new: TrainSettings) -> TrainSettings:
    """Returns settings with the phases of a run that goes on: a longer training does not move them.

    Args:
        old: settings of the run.
        new: settings that it goes on with; a time that follows from a setting that they change is theirs.
    """
    changed = changed_settings(old, new).keys()
    return dataclasses.replace(
        new,
        sparsity=_with_times(old.sparsity, new.sparsity, changed),
        growth=_with_times(old.growth, new.growth, changed),
    )


def _with_times(old: Any, new: Any, changed: Collection[str]) -> Any:
    if new is None or type(new) is not type(old):
        return new
    kept = {time: getattr(old, time) for time, settings in new.times_follow.items() if not set(changed) & set(settings)}
    return dataclasses.replace(new, **kept)


def _plain(value: object) -> object:
    return list(value) or None if isinstance(value, tuple) else value


def _types(hint: Any) -> tuple[Group, ...]:
    return tuple(one for one in get_args(hint) if one is not type(None)) or (hint,)


CONCERNS: dict[str, tuple[Group, ...]] = {name: _types(hint) for name, hint in get_type_hints(TrainSettings).items()}
_GROUPS = [group for types in CONCERNS.values() for group in types]
_SETTINGS = {name: one for group in _GROUPS for name, one in settings_of(group).items()}
CHOOSERS: dict[str, Setting] = {
    name: one for group in _GROUPS for name, one in group.inputs.items()
}  # what methods are asked for by, where no field of theirs is
GIVABLE: dict[str, Setting] = CHOOSERS | {name: one for name, one in _SETTINGS.items() if one.flag is not None}
DEFAULTS: dict[str, Any] = {name: one.default for name, one in _SETTINGS.items() if one.has_default}
FREE_NAMES = frozenset(name for name, one in _SETTINGS.items() if one.is_free)
WEIGHT_FITTING_NAMES = frozenset(name for name, one in (_SETTINGS | CHOOSERS).items() if one.fits_weights)
TIMES = frozenset(name for name, one in _SETTINGS.items() if one.is_free and one.flag is None)  # that were worked out
