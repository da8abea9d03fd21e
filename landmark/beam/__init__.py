"""Extraction and records as one pipeline of Apache Beam, on one machine or on many.

May import face, script, files, dataset and detection. Needs apache-beam, which wants an
environment of its own, and no TensorFlow.

In: folders of annotated photos, local or of any of Beam's file systems. Out: shards of
records, a report and a summary, beside each other.
"""
