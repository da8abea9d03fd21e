"""The faces that were found, on the terminal; an output as those of `results`."""

import math

from landmark.script.progress import say
from landmark.script.words import count


def format_printed(shot, faces):
    """Returns a line for a shot and one for each of its faces."""
    name = shot.photo or f"{shot.name}, frame {shot.frame}"
    lines = [f"{name}: {count(len(faces), 'face')}"]
    for face in faces:
        box = " ".join(f"{edge:.0f}" for edge in face.box)
        sure = f", confidence {face.confidence:.2f}"
        sure = "" if math.isnan(face.confidence) else sure
        lines.append(f"  box {box}, score {face.score:.2f}{sure}")
    return "\n".join(lines)


class PrintedFaces:
    """The name of each shot and its faces, on the terminal; see `format_printed`."""

    format = staticmethod(format_printed)

    def write(self, shot, faces):
        """Prints the shot's lines."""
        self.add(self.format(shot, faces))

    def add(self, lines):
        """Prints lines."""
        say(lines)

    def close(self):
        """Nothing is open."""
