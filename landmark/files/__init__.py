"""Files that people bring and keep: photos, .pts annotation, folders of patches.

May import face and script.

In: paths. Out: arrays of images, (H, W, 3) uint8 RGB, and of points; and back. What is
wrong with a file is an InputError that names it.
"""
