"""Finding faces: SSD detectors that are run, and the one that is trained here.

May import face, files, script, synthetic, model, dataset and training. `anchors`,
`labelled`, `scenes`, `choose` and `tflite` need no TensorFlow.

In: a photo (H, W, 3) uint8 RGB. Out: boxes (n, 4) in image pixels, and scores.
"""
