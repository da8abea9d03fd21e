"""Pictures for people who look rather than read: mosaics, drawn faces, curves.

May import face, files and script.

In: images, points, errors. Out: images to be written, a window, .png curves.
"""
