"""A trained generator in the formats that other programs read."""
