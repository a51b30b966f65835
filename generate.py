"""Draws with a trained generator, or exports it; see `python generate.py --help`."""

from sle_gan.cli.generate import main

if __name__ == "__main__":
    raise SystemExit(main())
