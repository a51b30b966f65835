"""The generators, a file each; `sle_gan.models.GENERATORS` is their table."""
