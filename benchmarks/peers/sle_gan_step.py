"""This project's training step of FastGAN, as `train.py` compiles it, in a process that `peer_step.py` times."""

import argparse

from protocol import add_shape_arguments, serve

from sle_gan.assembly.resolve import resolve


def main():
    """Builds everything, then makes a step whenever it is asked to."""
    parser = argparse.ArgumentParser(description="Make steps of FastGAN in TensorFlow when asked to.")
    add_shape_arguments(parser)
    arguments = parser.parse_args()
    given = {name: getattr(arguments, name) for name in ("resolution", "batch_size", "width")}
    settings = resolve({"data_folder": ".", **given})
    import tensorflow as tf

    from sle_gan.assembly.building import build_gan, build_networks

    tf.config.experimental.enable_op_determinism()  # as `train.py` on a CPU
    networks = build_networks(settings)
    counts = [sum(v.shape.num_elements() for v in network.trainable_variables) for network in networks]
    gan = build_gan(settings, *networks)
    compiled = tf.function(gan.train_step)
    shape = [arguments.batch_size, arguments.resolution, arguments.resolution, 3]
    images = tf.random.stateless_uniform(shape, [0, 0], -1, 1)
    serve(lambda: float(compiled(images)["generator_loss"]), counts, f"tensorflow {tf.__version__}")


if __name__ == "__main__":
    main()
