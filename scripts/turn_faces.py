r"""Makes patches of heads turned farther of those that are, for training.

Reads: FROM, patches of ibug68, as extract_landmark_training_data.py makes them; rotated
    copies are left out.
Writes, into TO: crop.json, and of --share of the patches NAME@80 (of NAME@2, which is
    one of several faces, NAME@280): the head turned to its side by 8 to 30 degrees
    more, up to 50 in all, or raised or lowered, or both. Missing points keep a patch
    out, and so does a head that is turned as far as that.

TO is packed by itself, divided as FROM is, and its records for training are put behind
those of FROM: NAME@80 stands on the side of NAME.

    python -m scripts.turn_faces wide turned
    python make_landmark_tfrecord.py --data_path=turned --val_list=names.txt
    cat wide.56.train.tfrecord turned.56.train.tfrecord >both.56.train.tfrecord
"""

import numpy as np
from absl import flags

from landmark.dataset import stage_flags
from landmark.dataset.altered import Alteration, alter_patches
from landmark.dataset.turning import turn_face
from landmark.face.pose import head_pose
from landmark.face.scheme import IBUG68
from landmark.script import cli

stage_flags.define_alteration(0.3, "a turned head")

# Degrees: added to the yaw, and to the pitch; and the most that comes of it.
_YAW, _PITCH, _MOST = (8, 30), (8, 20), (50, 30)
_NODDING, _ONLY = 0.4, 0.2  # Share of the heads that nod, and that do nothing else.


def _choose_turn(pose, rng):
    """Returns (yaw, pitch), degrees that are added to a head's (yaw, pitch).

    The side to which the head is turned goes on to be it: nothing that was hidden is to
    be seen.
    """
    side = np.where(np.abs(pose) > 3, np.sign(pose), rng.choice((-1, 1), 2))
    turn = side * (rng.uniform(*_YAW), rng.uniform(*_PITCH))
    nods = rng.random()
    turn *= (nods >= _ONLY, nods < _NODDING)
    room = np.maximum(_MOST - side * pose, 0)
    return np.clip(turn, -room, room)


def _turn(patch, points, rng):
    """Returns (patch, points) of a turned head; None where it cannot be turned."""
    pose = head_pose(points * len(patch), IBUG68)[:2]
    if not np.isfinite(pose).all() or np.isnan(points).any():
        return None
    turn = _choose_turn(pose, rng)
    return turn_face(patch, points, turn) if np.abs(turn).max() > _YAW[0] / 2 else None


def main(argv):
    turning = Alteration("80", "turned", "turning", "turned_faces", _turn)
    dropped = alter_patches(*argv[1:], flags.FLAGS.share, flags.FLAGS.seed, turning)
    return cli.PASSED_OVER if dropped else 0


if __name__ == "__main__":
    cli.run(main, arguments="FROM TO")
