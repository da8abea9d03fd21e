"""What somebody needs who brings the toolkit to a phone, or to another language.

May import: face, script's errors, files, synthetic, model, detection, live.

In: a detector and a landmark model as .tflite. Out: one folder or .zip with both, every
constant of the way from a photo to smoothed points, and references to check each step.
"""
