"""The discriminators, a file each; `sle_gan.models.DISCRIMINATORS` is their table."""
