"""Feature networks of scores, judges and perceptual distances: a file each, and the readers of their weights."""
