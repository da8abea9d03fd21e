"""Whether annotation can be believed: faces whose points are wrong, and whole folders.

May import face, script, files, pictures, model and dataset, and where the models lie.

In: paths of .pts files, a landmark model, and what the faces of a collection have in
common. Out: of each face how bad it is and why, of a collection what is wrong with all
of it; a table, a mosaic and a list of what to drop.
"""
