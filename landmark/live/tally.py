"""What a detection found, how fast, and what came to nothing, added up and told."""

import numpy as np

from landmark.script.words import count


class Tally:
    """Adds up the photos and frames of a detection.

    Attributes:
        photos, frames: how many were looked at.
        skipped: a sentence for each photo or video that cannot be read.
        unwritten: a sentence for each output that cannot be written.
    """

    def __init__(self):
        self.photos = self.frames = 0
        self.skipped, self.unwritten = [], []
        self._faces = self._dropped = self._timed = 0
        self._seconds = np.zeros(2)

    def add_photo(self, outcome, seconds):
        """Adds a photo.

        Args:
            outcome: books.Outcome.
            seconds: (2,), as FaceLandmarker has them; None if an earlier run did it.
        """
        self.unwritten += outcome.unwritten
        if outcome.skipped:
            self.skipped.append(outcome.skipped)
        else:
            self.photos += 1
            self._add(outcome.faces, outcome.dropped, seconds)

    def add_frame(self, faces, dropped, seconds):
        """Adds a frame: two numbers of faces; (2,) seconds."""
        self.frames += 1
        self._add(faces, dropped, seconds)

    def _add(self, faces, dropped, seconds):
        self._faces += faces
        self._dropped += dropped
        if seconds is not None:
            self._timed += 1
            self._seconds += seconds

    def print_failures(self, num_unlisted, num_read):
        """Names and counts what was passed over or not written.

        Args:
            num_unlisted: folders of which the user was warned.
            num_read: number of photos and videos, those that are skipped among them.

        Returns:
            whether there is any.
        """
        for sentence in self.skipped:
            print(f"skipped {sentence}")
        number = num_unlisted + len(self.skipped)
        if number:
            inputs = count(num_read + num_unlisted, "input")
            were = "was" if number == 1 else "were"
            print(f"{number} of {inputs} {were} passed over")
        for sentence in self.unwritten:
            print(f"not written {sentence}")
        if self.unwritten:
            print(f"{count(len(self.unwritten), 'output')} not written")
        return bool(number or self.unwritten)

    def print_found(self, min_confidence):
        """Prints what was found and how fast; min_confidence: of a face, see Face."""
        shots = [count(self.photos, "photo")] if self.photos else []
        shots += [count(self.frames, "frame")] if self.frames else []
        found = f"{count(self._faces, 'face')} in {' and '.join(shots)}"
        if self._timed:
            detector_ms, landmark_ms = 1000 * self._seconds / self._timed
            found += f"; detector {detector_ms:.1f} ms, landmarks {landmark_ms:.1f} ms "
            found += "each"
        print(found)
        if self._dropped:
            print(
                f"{count(self._dropped, 'more face')} dropped for a confidence of less "
                f"than {min_confidence} (--min_landmark_conf)"
            )
