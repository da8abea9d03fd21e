"""Training a landmark network: losses, optimisers, the loop.

May import face, files, script, model and dataset.

`cluster` needs no TensorFlow.

In: TrainSettings and record files. Out: a model folder of checkpoints and summaries.
"""
