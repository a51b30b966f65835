"""Sparse training: masks, the methods that choose them, and what they save in theory."""
