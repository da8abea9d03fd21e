"""Measurements that the docs quote: each runs as `python -m benchmarks.NAME`.

The photos that no pretrained model was trained on are listed in 300w_validation.txt,
for the face detector in 300w_detector_validation.txt.
"""
