"""Feature networks, a file each, and the readers of the files of their weights."""
