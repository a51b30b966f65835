"""What a training would do: its settings, its images, the run that it writes to. Loads no TensorFlow."""

import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sle_gan.assembly.advice import accepts_for
from sle_gan.assembly.batch_size import check_batch_size, with_batch_size
from sle_gan.assembly.hours import check_length, with_steps
from sle_gan.assembly.other_runs import check_initial_run, resolve_other_runs
from sle_gan.assembly.precision import PrecisionTrials, choose_precision
from sle_gan.assembly.probe import MemoryTrials, ask_times
from sle_gan.assembly.resolve import cluster_of, resolve
from sle_gan.assembly.settled import with_settled
from sle_gan.assembly.with_images import FindImages, check_lengths, find_images, resolve_with_images
from sle_gan.cluster import Cluster
from sle_gan.data.classes import classes_without_images, count_class_folders, describe_classes
from sle_gan.data.folder import FolderScan, describe_images, scan
from sle_gan.data.value_ranges import describe_value_ranges
from sle_gan.errors import InputError
from sle_gan.evaluation.download import inception_weights
from sle_gan.models.rates import describe_rates
from sle_gan.run import RunFolder, check_writable, choose_run, passed_over
from sle_gan.settings import CommandSettings, TicketSettings, TrainSettings
from sle_gan.settings.advice import Advice, acceptable
from sle_gan.settings.train import differing_settings, with_times_of
from sle_gan.sparsity.times import check_times, sparsity_timeline
from sle_gan.systems import unused_gpu
from sle_gan.training.growth import growth_of


@dataclass(frozen=True)
class TrainingPlan:
    """What a training would do.

    Attributes:
        command: what is meant of this command alone.
        settings: of the training.
        folder: the images to train on.
        held_out: images that the discriminator is judged by; None without.
        run: that is written to; it exists if the training goes on with it.
        cluster: the machines that share the training; None if this process trains alone.
    """

    command: CommandSettings
    settings: TrainSettings
    folder: FolderScan
    held_out: FolderScan | None
    run: RunFolder
    cluster: Cluster | None

    @property
    def is_written(self) -> bool:
        """Whether this process writes the run: it is alone, or the chief of several."""
        return self.cluster is None or self.cluster.is_chief

    @property
    def goes_on(self) -> bool:
        """Whether the training goes on with a run that has a checkpoint."""
        return self.run.is_trained() and not self.command.override

    def describe(self) -> Iterator[str]:
        """Yields lines of text: the run, what was found in the images, the rates, when what happens to the masks."""
        images = self.settings.images
        yield from self._describe_run()
        yield from (f"data: {line}" for line in describe_images(self.folder, images.resolution))
        yield from (f"data: {line}" for line in describe_value_ranges(self.folder, images.range))
        count, images_per_step = len(self.folder.images), self.settings.optimization.images_per_step
        if count < images_per_step:
            yield f"data: warning: a step shows {images_per_step} images; the {count} there are repeat in it"
        if images.class_names:
            yield f"data: {describe_classes(self.folder.images, images.class_names)}"
            for empty in classes_without_images(self.folder, images.class_names):
                yield f"data: warning: no class, for want of a usable image: {empty}"
        elif unasked := count_class_folders(self.folder.images):
            text = f"data: all images lie in {unasked} sub-folders; did you mean --conditional, to draw by class?"
            advice = Advice(text, {"conditional": True})
            yield from acceptable([advice], accepts_for(self.settings.as_given(), self.folder))
        if self.held_out:
            yield f"data: {len(self.held_out.images)} more images held out, to judge the discriminator by"
        if rates := describe_rates(self.settings, goes_on=self.goes_on):
            yield f"rates: {rates}"
        growth = growth_of(self.settings)
        for line in [] if growth is None else growth.timeline(self.settings.optimization.steps):
            yield f"growth: {line}"
        for line in sparsity_timeline(self.settings.sparsity, self.settings.optimization.steps):
            yield f"sparsity: {line}"

    def _describe_run(self) -> Iterator[str]:
        yield f"run {self.run.path}"
        if note := unused_gpu():
            yield f"note: {note}"
        if self.goes_on:
            different, step = differing_settings(self.run.settings(), self.settings), self.run.latest_step() or 0
            if different:
                yield (
                    f"settings: changed from step {step} on ({different}); bit equality with a run that keeps its "
                    "settings ends there"
                )
        elif self.command.resume == "auto" and self.settings.run.name is None:
            other = passed_over(self.run, self.settings)
            if other is not None:
                yield f"note: {other}"


def plan_training(given: Mapping[str, object], command: CommandSettings) -> TrainingPlan:
    """Works out what a training would do; nothing is written.

    Args:
        given: settings by name, as `sle_gan.assembly.resolve.resolve` takes them; the batch size may be `auto`.
        command: what is meant of this command alone.

    Raises:
        InputError: if settings, images or the run cannot be used.
        StorageError: if the output folder cannot be written.
    """
    # The images do not rest on the size of the batch: however many sizes are tried, they are looked at once.
    plan_of = functools.partial(_plan, command=command, find_images=functools.cache(find_images))
    check_length(given)
    check_batch_size(given)
    given = with_settled(given, plan_of, change=command.change_settings)
    with MemoryTrials() as ask_memory:
        given = with_batch_size(given, command, plan_of, ask_memory)
    trials = PrecisionTrials(given, ask_times)
    given = with_steps(given, plan_of, trials.fastest)
    plan = _checked(plan_of(given))  # what cannot be trained is told before steps are timed for its sake
    precision = choose_precision(plan.settings, command, trials)
    return plan if precision is None else _checked(plan_of({**given, "mixed_precision": precision}))


def _checked(plan: TrainingPlan) -> TrainingPlan:
    """Checks what a training begins with and its phases; a run that goes on keeps its own."""
    if not plan.is_written:
        return plan
    if plan.goes_on:
        before = plan.run.settings()
        plan = replace(plan, settings=with_times_of(before, plan.settings))
        if plan.settings.sparsity != before.sparsity:
            check_times(plan.settings.sparsity, plan.settings.optimization.steps, goes_on=True)
        return plan
    check_initial_run(plan.settings, plan.run)
    check_lengths(plan.settings)
    return plan


def _plan(given: Mapping[str, object], command: CommandSettings, find_images: FindImages) -> TrainingPlan:
    settings = resolve(given, image_count=1)  # what cannot be used is told before the images are looked at
    command.check_for(settings.run.name)
    cluster = cluster_of(settings.devices)
    is_written = cluster is None or cluster.is_chief
    if is_written:
        check_writable(settings.run.output_folder)
    settings, (folder, held_out, _) = resolve_with_images(given, settings, find_images)
    settings = _with_absolute_paths(resolve_other_runs(_with_scores(settings)))
    if is_written:
        run = _chosen_run(settings, command)
    else:  # which has a name: that was checked
        run = RunFolder(Path(settings.run.output_folder, str(settings.run.name)))
    return TrainingPlan(command, settings, folder, held_out, run, cluster)


def _with_scores(settings: TrainSettings) -> TrainSettings:
    scores = settings.scores
    if scores.reference_folder is not None:
        if not (scores.kid or scores.fid):
            raise InputError("--reference-folder is what --kid and --fid compare with; give one of them")
        scan(scores.reference_folder)  # a folder without images is told before the training begins
    if not scores.fid:
        return settings
    weights = str(inception_weights(scores.inception_weights, print))
    return replace(settings, scores=replace(scores, inception_weights=weights))


def _with_absolute_paths(settings: TrainSettings) -> TrainSettings:
    data_folder, sparsity = str(Path(settings.images.data_folder).resolve()), settings.sparsity
    if isinstance(sparsity, TicketSettings):
        sparsity = replace(sparsity, ticket=str(Path(sparsity.ticket).resolve()))
    return replace(settings, images=replace(settings.images, data_folder=data_folder), sparsity=sparsity)


def _chosen_run(settings: TrainSettings, command: CommandSettings) -> RunFolder:
    # TensorFlow opens files of UTF-8 names alone.
    folder_name = os.fsencode(Path(settings.images.data_folder).name).decode("utf-8", "replace")
    label = f"{settings.network.model}-{folder_name}"
    how = {"resume": command.resume == "auto", "override": command.override, "change": command.change_settings}
    return choose_run(label, settings, **how)
