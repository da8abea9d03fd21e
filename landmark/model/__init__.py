"""What a model is: its settings, its network, its checkpoint, its .tflite.

May import face, files and script. `settings`, `locate`, `pixels` and `tflite` need no
TensorFlow.

In: a model folder, patches (B, N, N, 3) uint8 RGB. Out: crop-normalised points
(B, 68, 2), .tflite files.
"""
