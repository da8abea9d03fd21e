"""Facial landmarks: from annotated photos to a small model that runs on a phone."""

import os

# TensorFlow leaves oneDNN off on AMD's processors, where training is a fifth faster
# with it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
