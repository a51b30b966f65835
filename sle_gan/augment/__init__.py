"""Augmentations that reals and fakes both pass on their way to the discriminator."""
