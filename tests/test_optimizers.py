"""The rates and betas that the optimizers have, whatever the settings say."""

import pytest
import tensorflow as tf

from sle_gan.assembly.resolve import resolve
from sle_gan.settings.presets import with_preset
from sle_gan.settings.schema_1 import from_schema_1
from sle_gan.training.optimizers import build_optimizers


def built(**given):
    settings = resolve({"data_folder": "x", **given}, image_count=6000)
    return build_optimizers(settings.optimization, settings.penalties, tf.constant(0, tf.int64))


def numbers(optimizer):
    return pytest.approx((float(optimizer.learning_rate.numpy()), optimizer.beta_1, optimizer.beta_2), rel=1e-6)


@pytest.mark.paper(
    "StyleGAN2",
    "Zhao et al. 2020, arXiv:2006.10738, code (100-shot)",
    "the optimizers' own rate 0.002 and betas 0 and 0.99 with R1 at every step",
)
def test_penalties_that_share_the_steps_of_the_loss_leave_rates_and_betas_as_they_are():
    # 100shot: R1 at every step; the reference has 0.002 and 0.99 for both networks.
    given, _ = with_preset("stylegan2-diffaugment-100shot", {})
    for optimizer in built(**given):
        assert numbers(optimizer) == (0.002, 0.0, 0.99)
        assert optimizer.epsilon == 1e-8
    for optimizer in built(model="stylegan2", r1_interval=16, path_length_weight=2.0, path_length_interval=1):
        assert numbers(optimizer) == (0.0025, 0.0, 0.99)


@pytest.mark.paper(
    "StyleGAN2",
    "Karras et al. 2020, arXiv:1912.04958, appendix B",
    "k / (k + 1) of lazy regularization, with `--lazy-scaling`",
)
def test_rates_and_betas_are_scaled_on_demand_each_by_its_networks_interval():
    generator, discriminator = built(model="stylegan2", adam_beta_1=0.5, path_length_weight=2.0, lazy_scaling=True)
    assert numbers(generator) == (0.0025 * 4 / 5, 0.5 ** (4 / 5), 0.99 ** (4 / 5))
    assert numbers(discriminator) == (0.0025 * 16 / 17, 0.5 ** (16 / 17), 0.99 ** (16 / 17))
    generator, _ = built(model="stylegan2", lazy_scaling=True)  # without path length there is nothing to scale by
    assert numbers(generator) == (0.0025, 0.0, 0.99)


@pytest.mark.parametrize("interval", [1, 4, 16])
def test_a_shared_step_goes_as_far_as_a_scaled_one_with_steps_of_its_own(interval):
    """In k iterations there are k shared steps, or k + 1 with one of the penalty's own: rate and memory agree."""
    (_, shared), (_, own) = (
        built(model="stylegan2", r1_interval=interval, lazy_scaling=scaling) for scaling in (False, True)
    )
    rates = [float(optimizer.learning_rate.numpy()) for optimizer in (shared, own)]
    assert interval * rates[0] == pytest.approx((interval + 1) * rates[1], rel=1e-6)
    assert shared.beta_2**interval == pytest.approx(own.beta_2 ** (interval + 1))


def test_runs_of_schema_1_keep_the_scaling_that_they_were_trained_with():
    def of_old(**values):
        return from_schema_1({"data_folder": "x", "model": "stylegan2", "loss": "non-saturating", **values}).penalties

    assert of_old(r1_gamma=1.0, path_length_weight=0.0).lazy_scaling
    assert of_old(r1_gamma=0.0, path_length_weight=2.0).lazy_scaling
    assert not of_old(r1_gamma=0.0, path_length_weight=0.0).lazy_scaling
