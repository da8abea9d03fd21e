r"""Draws a collection of synthetic faces with exact points, laid out like 300-W.

Writes: write_path/face_00001.jpg + face_00001.pts and so on; the same seed draws the
same.

    python draw_synthetic_faces.py --write_path=faces --count=1000
"""

from pathlib import Path

import numpy as np
from absl import flags

from landmark.face.scheme import NAMES, find_scheme
from landmark.files import disk
from landmark.files.photos import write_image
from landmark.files.pts import write_pts
from landmark.script import cli
from landmark.script.progress import progress_bar
from landmark.script.words import count
from landmark.synthetic.faces import draw_face

with cli.flag_group("What it draws"):
    _WRITE_PATH = flags.DEFINE_string(
        "write_path", None, "Folder for the collection.", required=True
    )
    _COUNT = flags.DEFINE_integer("count", 1000, lower_bound=1, help="How many faces.")
    _SIZE = flags.DEFINE_integer(
        "size", 320, lower_bound=64, help="Longer side of the photos, in pixels."
    )
    _SCHEME = flags.DEFINE_string(
        "scheme",
        "ibug68",
        f"Scheme of the points: {', '.join(n for n in NAMES if find_scheme(n).drawn)}, "
        "or a file of your own with a line drawn.",
    )
    _PROFILE = flags.DEFINE_boolean(
        "profile",
        None,
        "Draw faces in profile, turned by 60 to 90 degrees. Not given, faces are so "
        "for schemes without a left and a right side, as menpo39.",
    )
    _SEED = flags.DEFINE_integer(
        "seed", 0, lower_bound=0, help="Another seed, other faces."
    )


def main(argv):
    scheme = find_scheme(_SCHEME.value)
    is_profile = _PROFILE.value
    if is_profile is None:
        is_profile = not scheme.has_sides
    write_path = Path(_WRITE_PATH.value)
    write_path.mkdir(parents=True, exist_ok=True)
    disk.remove_leftovers(write_path)
    for index in progress_bar(range(1, _COUNT.value + 1), desc="drawing", unit="face"):
        # Each face has a random stream of its own: a larger count keeps the first ones.
        rng = np.random.default_rng([_SEED.value, index])
        image, points_image = draw_face(rng, _SIZE.value, scheme, is_profile)
        stem = write_path / f"face_{index:05d}"
        write_image(f"{stem}.jpg", image)
        write_pts(f"{stem}.pts", points_image)
    print(f"Wrote {count(_COUNT.value, 'face')} to {write_path}")


if __name__ == "__main__":
    cli.run(main)
