"""Sparse training, and what it costs."""
