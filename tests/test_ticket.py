import json

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
import tf_keras as keras

from sle_gan.errors import InputError, StorageError
from sle_gan.models import MODELS
from sle_gan.models.discriminators.sngan import discriminator as build_discriminator
from sle_gan.models.generators.sngan import generator as build_generator
from sle_gan.models.pairing import training_graph
from sle_gan.sparsity.masks import Masks
from sle_gan.sparsity.schedules import TicketRounds
from sle_gan.sparsity.ticket import (
    Subnetwork,
    Ticket,
    TicketSearch,
    apply_subnetwork,
    named_variables,
    pruned_globally,
    read_ticket,
    write_ticket,
)
from sle_gan.training.ema import copy_weights
from sle_gan.training.gan import GAN
from sle_gan.training.losses import hinge_discriminator, hinge_generator


def small_gan():
    networks = [build(32, 3, 8, 0) for build in (build_generator, build_discriminator)]
    average = build_generator(32, 3, 8, 0)
    copy_weights(average, networks[0])
    graph = training_graph(MODELS["sngan"].pair(), *networks)
    gan = GAN(graph.generator, graph.discriminator, average)
    gan.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3), hinge_generator, hinge_discriminator)
    gan.set_update_rules(generator=Masks(gan.generator, average))
    return gan


def reals(count):
    return tf.data.Dataset.from_tensors(tf.random.stateless_uniform([2, 32, 32, 3], [0, 1], -1, 1)).repeat(count)


def values(network):
    return {name: variable.numpy() for name, variable in named_variables(network).items()}


class Note(keras.callbacks.Callback):
    """What the networks are after each step, noted behind the search."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def on_train_batch_end(self, batch, logs=None):
        gan = self.model
        self.rows.append(
            {
                "generator": values(gan.generator),
                "average": values(gan.average_generator),
                "discriminator": values(gan.discriminator),
                "density": gan.generator_rule.density(),
                "slots": sum(
                    float(tf.reduce_sum(tf.abs(v))) for v in gan.generator_optimizer.variables if v.shape.rank
                ),
                "iterations": int(gan.generator_optimizer.iterations),
            }
        )


def searched(tmp_path, rounds, **options):
    gan, note = small_gan(), Note()
    start = values(gan.generator), values(gan.discriminator)
    search = TicketSearch(rounds, tmp_path, {"seed": 0}, masks=gan.generator_rule, **options)
    gan.fit(reals(rounds.total_steps), callbacks=[search, note], verbose=0)
    return gan, note.rows, start, search


def assert_rewound(row, start, mask_of):
    """The generator is what it was, but for pruned weights, which are 0; so is the average."""
    for name, expected in start.items():
        for network in ("generator", "average"):
            value = row[network][name]
            if name in mask_of:
                expected = expected * mask_of[name]
            np.testing.assert_array_equal(value, expected)


def masks_by_variable(gan, masks):
    names = {id(variable): name for name, variable in named_variables(gan.generator).items()}
    return {names[id(kernel)]: mask for kernel, mask in zip(gan.generator_rule.kernels, masks, strict=True)}


@pytest.mark.paper(
    "Tickets",
    "Chen et al., ICLR 2021; Chen et al., NeurIPS 2021, arXiv:2103.00397",
    "rewinding to the initial weights, with new optimizers",
)
def test_a_round_ends_pruned_and_rewound_to_the_initial_weights_with_new_optimizers(tmp_path):
    gan, rows, (start, start_discriminator), search = searched(tmp_path, TicketRounds(2, 0.2, 2, 0))
    assert [round(row["density"], 3) for row in rows] == [1.0, 0.8, 0.8, 0.8]
    ticket = read_ticket(tmp_path / "ticket-01-80.0.safetensors")
    mask_of = masks_by_variable(gan, [ticket.generator.masks[name] for name in gan.generator_rule.names])
    assert_rewound(rows[1], start, mask_of)
    for name, expected in start_discriminator.items():
        np.testing.assert_array_equal(rows[1]["discriminator"][name], expected)
    assert rows[1]["slots"] == 0.0
    assert [row["iterations"] for row in rows] == [1, 0, 1, 2]
    assert int(search.round) == 1
    # The smallest over all kernels together, of the weights as they were trained.
    for name, expected in start.items():
        np.testing.assert_array_equal(ticket.generator.weights[name], expected)
    with safetensors.safe_open(tmp_path / "ticket-01-80.0.safetensors", framework="numpy") as archive:
        found_by = json.loads(archive.metadata()["sle-gan ticket 1"])
    assert found_by == {"seed": 0, "round": 0, "step": 2, "density": 0.8}


@pytest.mark.paper(
    "Tickets",
    "Chen et al., ICLR 2021; Chen et al., NeurIPS 2021, arXiv:2103.00397",
    "global magnitude over all kernels of convolutions",
)
def test_what_is_pruned_is_the_smallest_over_all_kernels():
    gan = small_gan()
    masks = gan.generator_rule
    chosen = pruned_globally(masks, 0.8)
    magnitudes = np.concatenate([np.abs(weights[mask]) for weights, mask in zip(masks.weights(), chosen, strict=True)])
    pruned = np.concatenate([np.abs(weights[~mask]) for weights, mask in zip(masks.weights(), chosen, strict=True)])
    assert magnitudes.min() >= pruned.max()
    assert len(magnitudes) == round(0.8 * (len(magnitudes) + len(pruned)))
    masks.set(chosen)
    again = pruned_globally(masks, 0.64)
    assert all(not (new & ~old).any() for old, new in zip(chosen, again, strict=True))


def test_late_rewinding_goes_back_to_the_weights_of_that_step(tmp_path):
    gan, rows, _, _ = searched(tmp_path, TicketRounds(2, 0.2, 3, 1))
    assert len(rows) == 5
    ticket = read_ticket(tmp_path / "ticket-01-80.0.safetensors")
    mask_of = masks_by_variable(gan, [ticket.generator.masks[name] for name in gan.generator_rule.names])
    assert_rewound(rows[2] | {"average": rows[2]["generator"]}, rows[0]["generator"], mask_of)


def test_without_rewinding_the_trained_weights_go_on(tmp_path):
    _, rows, (start, _), _ = searched(tmp_path, TicketRounds(2, 0.2, 2, None))
    assert len(rows) == 4
    assert [row["iterations"] for row in rows] == [1, 2, 3, 4]
    kernel = next(name for name, value in start.items() if value.ndim == 4)
    live = rows[1]["generator"][kernel] != 0
    assert not np.array_equal(rows[1]["generator"][kernel][live], start[kernel][live])


def test_the_discriminator_may_go_on_trained_and_be_pruned_too(tmp_path):
    gan = small_gan()
    gan.set_update_rules(discriminator=Masks(gan.discriminator))
    note = Note()
    start = values(gan.discriminator)
    search = TicketSearch(
        TicketRounds(2, 0.2, 1, 0),
        tmp_path,
        {},
        masks=gan.generator_rule,
        discriminator_masks=gan.discriminator_rule,
        keep_discriminator=True,
    )
    gan.fit(reals(2), callbacks=[search, note], verbose=0)
    assert gan.discriminator_rule.density() == pytest.approx(0.8, abs=1e-4)
    moved = [name for name, value in start.items() if not np.array_equal(note.rows[0]["discriminator"][name], value)]
    assert len(moved) > 10
    assert read_ticket(tmp_path / "ticket-02-64.0.safetensors").discriminator is not None


def some_ticket():
    gan = small_gan()
    masks = pruned_globally(gan.generator_rule, 0.5)
    named = dict(zip(gan.generator_rule.names, masks, strict=True))
    return Ticket(Subnetwork(named, values(gan.generator)), None, {"seed": 3, "density": 0.5})


def test_a_ticket_is_the_same_after_writing_and_reading(tmp_path):
    ticket = some_ticket()
    write_ticket(tmp_path / "new" / "t.safetensors", ticket)
    again = read_ticket(tmp_path / "new" / "t.safetensors")
    assert again.found_by == ticket.found_by
    assert again.discriminator is None
    for part in ("masks", "weights"):
        written, read = getattr(ticket.generator, part), getattr(again.generator, part)
        assert written.keys() == read.keys()
        for name, array in written.items():
            assert read[name].shape == array.shape
            np.testing.assert_array_equal(read[name], array)


def test_a_network_starts_from_a_ticket_or_from_random_masks_of_its_densities():
    ticket, gan = some_ticket(), small_gan()
    apply_subnetwork(ticket.generator, gan.generator, gan.generator_rule)
    own = gan.generator_rule.read()
    for name, mask in zip(gan.generator_rule.names, own, strict=True):
        np.testing.assert_array_equal(mask, ticket.generator.masks[name])
    apply_subnetwork(ticket.generator, gan.generator, gan.generator_rule, shuffle_seed=1)
    drawn = gan.generator_rule.read()
    assert [mask.sum() for mask in drawn] == [mask.sum() for mask in own]
    assert any(not np.array_equal(a, b) for a, b in zip(own, drawn, strict=True))


def test_a_ticket_of_another_network_is_refused(tmp_path):
    ticket = some_ticket()
    other = build_generator(32, 3, 16, 0)
    with pytest.raises(InputError, match=r"the ticket's weights are not those of this generator: \S+ \["):
        apply_subnetwork(ticket.generator, other, Masks(other))


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\x80\x04cos\nsystem\n(S'true'\ntR."])
def test_what_is_no_ticket_is_refused_in_a_line(tmp_path, content):
    file = tmp_path / "t.safetensors"
    file.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_ticket(file)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({}, "is no ticket of this version"),
        ({"sle-gan ticket 1": "{"}, "what found it is no JSON"),
        ({"sle-gan ticket 1": "{}", "masks": "float"}, "holds no masks"),
    ],
)
def test_a_file_of_arrays_that_is_no_ticket_is_refused(tmp_path, metadata, told):
    file = tmp_path / "t.safetensors"
    mask = np.ones(3, np.float32 if "masks" in metadata else bool)
    safetensors.numpy.save_file({"generator/masks/a": mask}, file, metadata)
    with pytest.raises(InputError, match=told):
        read_ticket(file)


def test_a_ticket_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        write_ticket(tmp_path / "file" / "t.safetensors", some_ticket())
