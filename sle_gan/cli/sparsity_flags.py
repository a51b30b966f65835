"""The sparsity flags of `train.py`: what they are, which go together, and the times that follow from them.

Imports no TensorFlow.
"""

import math
from pathlib import Path

from sle_gan.cli.numbers import density, positive, rate, weight
from sle_gan.errors import InputError
from sle_gan.sparsity.schedules import MEASURED_EVERY_STEPS, Reconfiguration, TicketRounds, default_reconfiguration

SPARSE_METHODS = ("reconfigure", "find_ticket", "ticket", "sparse_from_scratch")
_REWIND_SHARES = {"none": None, "init": 0.0, "5%": 0.05, "10%": 0.10, "20%": 0.20}
_SHORTEST_TRAINING_IN_INTERVALS = 50  # as many changes as the papers make, in a training that is shorter than theirs
_PAPER_INTERVALS = {"set": 100, "rigl": 100, "stu": 1000, "adapt": 500}
_PAPER_BALANCE_INTERVALS = {"relaxed": 1000, "strict": 2000}
_MOST_ROUNDS = 100
_LONGEST_TIMELINE = 10


def add_sparsity_arguments(parser):
    """Adds the groups of flags.

    Args:
        parser: an `argparse.ArgumentParser`.
    """
    _add_reconfigure_arguments(parser.add_argument_group("prune and regrow while training (Re-GAN)"))
    _add_ticket_arguments(parser.add_argument_group("lottery tickets"))
    _add_scratch_arguments(parser.add_argument_group("sparse from scratch (STU-GAN, RigL, SET, ADAPT)"))


def _add_reconfigure_arguments(group):
    add = group.add_argument
    add("--reconfigure", action="store_true", help="train the generator sparse and dense in turn")
    add("--sparsity", type=rate, default=0.3, metavar="SHARE", help="of each kernel, pruned in sparse phases")
    add(
        "--reconfigure-warmup",
        type=positive,
        metavar="TIME",
        help="before the first sparse phase; a quarter of the training without it (the paper: 10000 steps of 40000)",
    )
    add(
        "--reconfigure-interval",
        "--g",
        type=positive,
        metavar="TIME",
        help="of each phase after it; an eighth of the training without it (the paper: 5000 steps of 40000)",
    )
    add("--reconfigure-unit", choices=("steps", "epochs"), default="steps", help="of both times")
    add("--warmup-epoch", type=positive, metavar="EPOCHS", help="--reconfigure-warmup EPOCHS --reconfigure-unit epochs")
    add("--prune-scope", choices=("kernels", "all"), default="kernels", help="kernels of convolutions, or all weights")
    add(
        "--regrow-state",
        choices=("keep", "reset"),
        default="keep",
        help="what the optimizer remembers of weights that grow",
    )


def _add_ticket_arguments(group):
    add = group.add_argument
    add("--find-ticket", action="store_true", help="train, prune and rewind in rounds of --steps each")
    add("--ticket-rounds", type=positive, default=10, metavar="COUNT", help="rounds of the search")
    add("--ticket-rate", type=rate, default=0.2, metavar="SHARE", help="of the live weights, pruned in each round")
    add(
        "--rewind-to",
        choices=tuple(_REWIND_SHARES),
        default="init",
        help="initial weights, or those at a share of the first round; none keeps the trained ones",
    )
    add("--keep-discriminator", action="store_true", help="do not rewind the discriminator")
    add("--prune-discriminator", action="store_true", help="prune the discriminator by the same rate")
    add(
        "--distill-weight",
        type=weight,
        default=0.0,
        metavar="WEIGHT",
        help="of the first round's discriminator as a teacher of the later ones; 1 in the paper",
    )
    add("--ticket", metavar="FILE", help="train from this ticket")
    add(
        "--ticket-masks",
        choices=("found", "random"),
        default="found",
        help="the ticket's own masks, or as a control masks of the same densities drawn at random",
    )


def _add_scratch_arguments(group):
    add = group.add_argument
    add("--sparse-from-scratch", action="store_true", help="train sparse from the first step to the last")
    add("--generator-density", type=rate, default=0.2, metavar="SHARE", help="of the generator's kernels that lives")
    add(
        "--discriminator-density",
        type=density,
        default=0.3,
        metavar="SHARE",
        help="of the discriminator's kernels that lives; 1 for a dense one",
    )
    add(
        "--layer-densities",
        choices=("erdos-renyi-kernel", "uniform"),
        default="erdos-renyi-kernel",
        help="how a density is shared out among the layers",
    )
    add(
        "--exploration",
        choices=("off", *sorted(_PAPER_INTERVALS)),
        help="the rule by which the generator's masks change; stu without it, adapt with --balance",
    )
    add(
        "--exploration-interval",
        type=positive,
        metavar="STEPS",
        help="between changes; the paper's without it, or a fiftieth of a short training",
    )
    add(
        "--balance",
        choices=("off", *_PAPER_BALANCE_INTERVALS),
        default="off",
        help="let the discriminator's density follow the balance ratio (ADAPT)",
    )


def check_sparsity(settings):
    """Checks that the sparsity flags go together.

    Args:
        settings: the settings so far.

    Raises:
        InputError: if they do not.
    """
    asked = [name for name in SPARSE_METHODS if settings[name]]
    if len(asked) > 1:
        flags = " and ".join(f"--{name.replace('_', '-')}" for name in asked)
        raise InputError(f"one method of sparsity at a time; got {flags}")
    if settings["warmup_epoch"] is not None:
        if settings["reconfigure_warmup"] is not None:
            raise InputError("--warmup-epoch and --reconfigure-warmup are two names of one time; give one")
        settings["reconfigure_warmup"], settings["reconfigure_unit"] = settings["warmup_epoch"], "epochs"
    if settings["ticket_rounds"] > _MOST_ROUNDS:
        raise InputError(f"--ticket-rounds must be {_MOST_ROUNDS} at most; got {settings['ticket_rounds']}")
    if settings["ticket"] is not None and not Path(settings["ticket"]).is_file():
        raise InputError(f"--ticket {settings['ticket']} is no file")
    if settings["ticket_masks"] == "random" and settings["ticket"] is None:
        raise InputError("--ticket-masks random needs the --ticket whose densities it takes")


def resolve_sparsity(settings, image_count):
    """Works out every time that the sparsity flags leave open, as generator steps.

    Args:
        settings: the settings, whose `steps` become those of all rounds for a search; `round_steps` and `schedule` are
            added.
        image_count: number of images.
    """
    steps = settings["steps"]
    settings["round_steps"] = steps if settings["find_ticket"] else None
    settings["schedule"] = None
    if settings["reconfigure"]:
        settings["schedule"] = _phases(settings, image_count)._asdict()
    elif settings["find_ticket"]:
        settings["steps"] = ticket_rounds(settings).total_steps
    elif settings["sparse_from_scratch"]:
        rule = settings["exploration"] or ("stu" if settings["balance"] == "off" else "adapt")
        shortest = max(1, steps // _SHORTEST_TRAINING_IN_INTERVALS)
        interval = settings["exploration_interval"] or min(_PAPER_INTERVALS.get(rule, shortest), shortest)
        measured = max(MEASURED_EVERY_STEPS, shortest)
        balance_interval = min(_PAPER_BALANCE_INTERVALS.get(settings["balance"], measured), measured)
        settings["schedule"] = {
            "exploration": rule,
            "interval": interval,
            "balance_interval": balance_interval,
            "total_steps": steps,
        }


def ticket_rounds(settings):
    """Returns the `TicketRounds` of a search."""
    steps, rewind_share = settings["round_steps"], _REWIND_SHARES[settings["rewind_to"]]
    rewind_step = None if rewind_share is None else round(rewind_share * steps)
    return TicketRounds(settings["ticket_rounds"], settings["ticket_rate"], steps, rewind_step)


def _phases(settings, image_count):
    steps_per_epoch = image_count / (settings["batch_size"] * settings["n_critic"])
    default = default_reconfiguration(settings["steps"], steps_per_epoch)
    unit = steps_per_epoch if settings["reconfigure_unit"] == "epochs" else 1
    times = (settings["reconfigure_warmup"], settings["reconfigure_interval"])
    chosen = (usual if time is None else math.ceil(time * unit) for time, usual in zip(times, default, strict=True))
    return Reconfiguration(*chosen)


def sparsity_timeline(settings):
    """Says when what happens to the masks.

    Args:
        settings: resolved settings.

    Returns:
        Lines of text; none for a dense training.
    """
    if settings["reconfigure"]:
        return _phase_lines(settings)
    if settings["find_ticket"]:
        rounds = ticket_rounds(settings)
        return [
            f"round {number + 1}: to step {rounds.end_of(number)}, then {rounds.density_after(number):.1%} of the "
            "kernels' weights live"
            for number in range(rounds.count)
        ]
    if settings["sparse_from_scratch"]:
        schedule = settings["schedule"]
        lines = [
            f"{settings['generator_density']:.0%} of the generator's kernels and "
            f"{settings['discriminator_density']:.0%} of the discriminator's live from the first step"
        ]
        if schedule["exploration"] != "off":
            lines.append(f"the generator's masks change every {schedule['interval']} steps ({schedule['exploration']})")
        if settings["balance"] != "off":
            lines.append(f"the discriminator's density follows the balance every {schedule['balance_interval']} steps")
        return lines
    return []


def _phase_lines(settings):
    schedule, steps = Reconfiguration(**settings["schedule"]), settings["steps"]
    count = schedule.phase_at(steps - 1).index + 1  # millions, if somebody asks for that
    timeline = schedule.timeline(min(steps, schedule.warmup + _LONGEST_TIMELINE * schedule.interval))
    lines = [
        f"steps {phase.start} to {end}: "
        + (f"sparse, {settings['sparsity']:.0%} pruned" if phase.is_sparse else "dense")
        + (f", learning rate x {phase.rate}" if phase.rate != 1.0 else "")
        for phase, end in timeline
    ]
    if count > _LONGEST_TIMELINE:
        lines[_LONGEST_TIMELINE:] = [f"and so on, {count} phases to step {steps}"]
    return lines
