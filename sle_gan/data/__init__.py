"""From a folder of images to batches: scan, decode, cache, shuffle."""
