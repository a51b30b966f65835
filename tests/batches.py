"""What terms of a loss are computed from, with what a test is about and nothing else."""

import tensorflow as tf

from sle_gan.training.accumulation import Share
from sle_gan.training.terms import DrawnBatch, JudgedBatch, Judgement

WHOLE = Share(0, 1)


def judged_batch(judge, reals, fakes, seed, step=0):
    """A `JudgedBatch` of a function of images -> logits."""
    return JudgedBatch(
        step=tf.convert_to_tensor(step, tf.int64),
        seed=seed,
        share=WHOLE,
        images=reals,
        reals=reals,
        real=Judgement(judge(reals), []),
        judge=judge,
        judge_images=judge,
        adversarial_loss=None,
        drawn=fakes,
        fakes=fakes,
        fake=Judgement(judge(fakes), []),
        judge_drawn=judge,
        loss=None,
    )


def drawn_batch(count, seed, step=0, classes=None):
    """A `DrawnBatch` for a term that makes passes of its own."""
    return DrawnBatch(
        step=tf.convert_to_tensor(step, tf.int64),
        seed=seed,
        share=WHOLE,
        count=count,
        draw_inputs=None,
        classes=classes,
        fakes=[],
        adversarial_loss=None,
        loss_by=None,
        loss=None,
    )
