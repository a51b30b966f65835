"""Layers and blocks that the generator and the discriminator of a paper share."""
