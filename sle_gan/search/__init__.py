"""The search for a generator's architecture (alphaGAN): its rounds, its step, and the drawing of what it finds."""
