"""From photos and videos to landmarks, followed, smoothed and written.

May import face, files, script and pictures; detectors and models are handed in, and
TensorFlow is not needed.

In: photos and frames (H, W, 3) uint8 RGB. Out: `landmarker.Face`s, files, a window.
"""
