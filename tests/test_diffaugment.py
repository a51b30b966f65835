import numpy as np
import pytest
import tensorflow as tf

from sle_gan.augment.diffaugment import (
    DiffAugment,
    cut_out,
    parse_policy,
    scale_contrast,
    scale_saturation,
    shift_brightness,
    translate,
)

SEED = tf.constant([3, 4])


def images(side=8, channels=3, count=5):
    return np.random.default_rng(0).uniform(-1, 1, size=(count, side, side, channels)).astype("f")


def test_color_operations_agree_with_numpy():
    x, numbers = images(), np.array([-0.5, 0.2, 0.0, 1.5, 0.9], "f")
    factors = numbers[:, None, None, None]
    np.testing.assert_allclose(shift_brightness(x, numbers), x + factors, rtol=1e-6)
    grey = x.mean(axis=3, keepdims=True)
    np.testing.assert_allclose(scale_saturation(x, numbers), (x - grey) * factors + grey, rtol=1e-4, atol=1e-6)
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(scale_contrast(x, numbers), (x - mean) * factors + mean, rtol=1e-4, atol=1e-6)


def test_translation_agrees_with_numpy_and_fills_with_zeros():
    x, down, right = images(), np.array([2, -1, 0, 8, -3], "i"), np.array([-2, 1, 0, 0, 8], "i")
    expected = np.zeros_like(x)
    for i in range(5):
        for row in range(8):
            for column in range(8):
                source = row - down[i], column - right[i]
                if 0 <= source[0] < 8 and 0 <= source[1] < 8:
                    expected[i, row, column] = x[(i, *source)]
    np.testing.assert_array_equal(translate(x, down, right), expected)


@pytest.mark.paper("DiffAugment", "Zhao et al. 2020, arXiv:2006.10738, code", "translation")
def test_translation_agrees_with_tensorflow_addons(addons):
    x, down, right = images(), np.array([2, -1, 0, 3, -3]), np.array([-2, 1, 0, 0, 3])
    theirs = addons.image.translate(x, np.stack([right, down], axis=1).astype("f"))
    np.testing.assert_allclose(translate(x, tf.constant(down, tf.int32), tf.constant(right, tf.int32)), theirs)


@pytest.mark.paper("DiffAugment", "Zhao et al. 2020, arXiv:2006.10738, code", "cutout")
def test_cutout_agrees_with_tensorflow_addons(addons):
    x, rows, columns = images(), np.array([0, 4, 7, 2, 8], "i"), np.array([8, 4, 0, 3, 1], "i")
    theirs = addons.image.cutout(x, (4, 4), offset=np.stack([rows, columns], axis=1))
    np.testing.assert_array_equal(cut_out(x, [tf.constant(rows), tf.constant(columns)], [4, 4]), theirs)


def test_an_odd_cutout_begins_half_its_size_before_the_center():
    kept = cut_out(tf.ones([1, 6, 6, 1]), [tf.constant([2]), tf.constant([0])], [3, 3])[0, :, :, 0].numpy()
    expected = np.ones([6, 6])
    expected[1:4, 0:2] = 0
    np.testing.assert_array_equal(kept, expected)


def test_the_policy_is_applied_in_order_with_the_random_numbers_of_its_seed():
    augment = DiffAugment(("translation", "color"))
    x = tf.constant(images())
    assert augment.policy == ("color", "translation")
    fold = tf.random.experimental.stateless_fold_in
    color, place = fold(SEED, 0), fold(SEED, 1)
    shifts = tf.random.stateless_uniform([5], fold(color, 0), -0.5, 0.5)
    saturations = tf.random.stateless_uniform([5], fold(color, 1), 0.0, 2.0)
    contrasts = tf.random.stateless_uniform([5], fold(color, 2), 0.5, 1.5)
    down, right = (tf.random.stateless_uniform([5], fold(place, axis), -1, 2, tf.int32) for axis in (0, 1))
    expected = scale_contrast(scale_saturation(shift_brightness(x, shifts), saturations), contrasts)
    np.testing.assert_allclose(augment(x, SEED), translate(expected, down, right), rtol=1e-5, atol=1e-6)


@pytest.mark.paper("DiffAugment", "Zhao et al. 2020, arXiv:2006.10738", "translation by up to an eighth of the side")
@pytest.mark.parametrize(("side", "greatest"), [(64, 8), (20, 3)])
def test_translations_reach_both_ends_of_an_eighth_of_the_side(side, greatest):
    # A single bright pixel in the middle shows where the image went.
    x = np.zeros([400, side, side, 1], "f")
    x[:, side // 2, side // 2] = 1
    moved = DiffAugment(("translation",))(tf.constant(x), SEED).numpy()
    shifts = np.argwhere(moved[..., 0] == 1)[:, 1:] - side // 2
    assert len(shifts) == 400
    assert sorted(set(shifts[:, 0])) == list(range(-greatest, greatest + 1))
    assert sorted(set(shifts[:, 1])) == list(range(-greatest, greatest + 1))


def test_cutout_centers_are_uniform_over_the_side_and_its_end():
    cut = DiffAugment(("cutout",))(tf.ones([3000, 8, 8, 1]), SEED).numpy() == 0
    sizes = cut.any(axis=2)[..., 0].sum(axis=1)  # rows that are cut: 4, or fewer at the edges
    # Nine centers 0..8 with an even size of 4: clipped to 2 and 3 rows at either end.
    counts = np.bincount(sizes, minlength=5)[2:] / 3000
    np.testing.assert_allclose(counts, [2 / 9, 2 / 9, 5 / 9], atol=0.03)


def test_gradients_flow_through_every_operation():
    x = tf.constant(images(16))
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(DiffAugment()(x, SEED) ** 2)
    direction = np.random.default_rng(2).normal(size=x.shape).astype("f")
    exact = float(tf.reduce_sum(tape.gradient(loss, x) * direction))
    ends = [float(tf.reduce_sum(DiffAugment()(x + s * 1e-2 * direction, SEED) ** 2)) for s in (1, -1)]
    assert exact == pytest.approx((ends[0] - ends[1]) / 2e-2, rel=1e-3)


def test_nothing_is_clipped():
    assert float(tf.reduce_max(DiffAugment(("color",))(tf.ones([64, 4, 4, 3]), SEED))) > 1.2


def test_alpha_is_moved_and_cut_but_not_colored():
    x = tf.constant(images(8, 4))
    np.testing.assert_array_equal(DiffAugment(("color",))(x, SEED)[..., 3], x[..., 3])
    moved = DiffAugment(("translation",))(x, SEED)
    np.testing.assert_array_equal(moved[..., 3], DiffAugment(("color", "translation"))(x, SEED)[..., 3])
    assert not np.array_equal(moved[..., 3], x[..., 3])


@pytest.mark.parametrize("policy", [(), ("colour",)])
def test_an_unknown_or_empty_policy_is_refused(policy):
    with pytest.raises(ValueError, match="policy must name some of color, translation, cutout"):
        DiffAugment(policy)


def test_a_policy_is_read_from_text():
    assert parse_policy("cutout, color") == ("color", "cutout")
