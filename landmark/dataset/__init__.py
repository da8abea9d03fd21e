"""From patches to training batches: records, the split, the pipeline, augmentation.

May import face, files, script and model. `augment`, `pipeline` and `records` alone
need TensorFlow.

In: names of patches, samples (patch, points, name). Out: record files, tf.data
batches.
"""
