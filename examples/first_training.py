"""From images to pictures in Python alone: draws flowers, trains on them, draws new ones and films a walk between them.

    python examples/first_training.py --minutes 5

The flowers stand for a folder of yours: `--images FOLDER` takes it instead. The run folder that is left is one as
train.py makes it; `generate.py` and `sle-gan` take it too. The same call goes on where it was stopped.
"""

import argparse
from pathlib import Path

import sle_gan
from sle_gan.data.flowers import write_flowers


def main():
    """Trains and draws."""
    parser = argparse.ArgumentParser(description="Train on a folder of images and draw.")
    parser.add_argument("--images", type=Path, help="a folder; drawn flowers without it")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--output", type=Path, default=Path("first-training"))
    arguments = parser.parse_args()
    images = arguments.images or arguments.output / "flowers"
    if arguments.images is None and not images.is_dir():
        images.mkdir(parents=True)
        write_flowers(images, 200, 64, seed=0)
    run = sle_gan.train(
        images,
        resolution=64,
        hours=arguments.minutes / 60,
        output_folder=str(arguments.output / "runs"),
        name="first",
        sample_frequency=250,
    )
    run.samples(range(16)).save(arguments.output / "drawn", grid=True)
    run.film([0, 1, 2, 3], frames=30, loop=True).save(arguments.output / "walk.gif")
    print(f"16 pictures in {arguments.output / 'drawn'}, a film in {arguments.output / 'walk.gif'}")


if __name__ == "__main__":
    main()
