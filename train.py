"""Trains a GAN on a folder of images; see `python train.py --help`."""

from sle_gan.cli.train import main

if __name__ == "__main__":
    raise SystemExit(main())
