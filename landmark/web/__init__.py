"""The page that shows a model on a phone, served from here.

May import script, files, face, model and detection. `certificate` wants what
requirements-web.txt adds, and says so.

In: a landmark model and a detector (.tflite), the page (web/). Out: HTTP or HTTPS.
"""
