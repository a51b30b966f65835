"""Layers that own weights, and the tensor functions that networks share."""
