"""Facial landmarks: from annotated photos to a small model that runs on a phone."""
