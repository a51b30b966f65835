"""Data sets as they are handed out: archives and files of arrays, which are unpacked once to a folder of images.

An archive counts as the folder of what lies in it, so a part of it has a path: `cifar-10-python.tar.gz/test`,
`photos.zip/holiday`. Imports no TensorFlow.
"""

from sle_gan.data.archives.unpacked import image_folder

__all__ = ["image_folder"]
