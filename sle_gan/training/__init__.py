"""The GAN, its losses, its regularizers and its averaged weights."""
