"""Reads the frames of films, for tests."""

import re
import subprocess

import imageio_ffmpeg
import numpy as np
from PIL import Image


def film_frames(path):
    """Returns the frames of a GIF, WebP, PNG or MP4, int `[count, height, width, 3]`."""
    if path.suffix == ".mp4":
        return mp4_frames(path)[0].astype(int)
    with Image.open(path) as film:
        frames = []
        for index in range(film.n_frames):
            film.seek(index)
            frames.append(np.asarray(film.convert("RGB")).astype(int))
        return np.stack(frames)


def mp4_frames(path):
    """Returns the frames of an MP4, uint8 `[count, height, width, 3]`, and what ffmpeg says of it."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    read = subprocess.run(command, capture_output=True, check=True)
    told = read.stderr.decode()
    width, height = map(int, re.search(r"Video: .* (\d+)x(\d+)", told).groups())
    return np.frombuffer(read.stdout, np.uint8).reshape(-1, height, width, 3), told
