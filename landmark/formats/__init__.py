"""Other people's annotation: one reader, and perhaps one writer, for each format.

May import face, script and files.

In: files in public layouts. Out: `annotated.AnnotatedFace`s, the one form in between,
and from it folders of photos with .pts, or other files. What of a file cannot be used
is a sentence that names it.
"""
