"""What others use: dlib's regression trees and MediaPipe's face mesh.

A face is a (Patch, its points); all predict points, (68, 2), in pixels of the patch.
Run as a script, it tells the versions of both.

    python -m benchmarks.baselines
"""

import importlib
from pathlib import Path

import numpy as np

from landmark.files import disk
from landmark.script import cli
from landmark.script.errors import InputError
from landmark.script.progress import progress_bar
from landmark.script.quiet import quiet_stderr


def load(name):
    """Imports `dlib` or a module of `mediapipe`, which the toolkit does not require.

    Raises:
        InputError: it is not installed.
    """
    try:
        with quiet_stderr():
            return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"{name}: expected it to be installed, found: {error}; benchmarks/run.sh "
            "makes an environment with it"
        ) from error


class RegressionTrees:
    """dlib's ensemble of regression trees, in the box that is the patch's crop.

    References:
        Kazemi and Sullivan, One Millisecond Face Alignment with an Ensemble of
        Regression Trees, CVPR 2014.
    """

    def __init__(self, path):
        self._predictor = load("dlib").shape_predictor(str(path))

    @staticmethod
    def train(patches, path):
        """Trains on patches and their mirrored copies; writes the model to path."""
        dlib = load("dlib")
        options = dlib.shape_predictor_training_options()
        options.cascade_depth = 15
        options.tree_depth = 5
        options.num_trees_per_cascade_level = 500
        options.oversampling_amount = 20
        options.num_threads = 2
        options.be_verbose = True
        options.random_seed = "landmark"
        patches = [copy for patch in patches for copy in (patch, patch.mirrored())]
        faces = [
            dlib.full_object_detection(
                _crop_rectangle(patch),
                [dlib.point(*np.rint(point).astype(int)) for point in patch.points],
            )
            for patch in patches
        ]
        images = [patch.image for patch in patches]
        predictor = dlib.train_shape_predictor(
            images, [[face] for face in faces], options
        )
        with disk.replace_when_done(path) as temporary:
            predictor.save(str(temporary))

    def predict(self, patch):
        """Predicts the points of a patch."""
        parts = self._predictor(patch.image, _crop_rectangle(patch)).parts()
        return np.array([(part.x, part.y) for part in parts], float)


def _crop_rectangle(patch):
    left, top, side = patch.square
    return load("dlib").rectangle(left, top, left + side - 1, top + side - 1)


class FaceMeshMap:
    """MediaPipe's face mesh and a linear map from its 468 points to the 68.

    The map is a ridge regression, in a frame that the outer eye corners of the mesh
    define; its strength is chosen on a fifth of the training patches.

    References:
        Kartynnik et al., Real-time Facial Surface Geometry from Monocular Video on
        Mobile GPUs, 2019.
    """

    _EYE_CORNERS = (33, 263)
    _STRENGTHS = 10.0 ** np.arange(-6, 3)

    def __init__(self):
        face_mesh = load("mediapipe.python.solutions.face_mesh")
        with quiet_stderr():
            self._mesh = face_mesh.FaceMesh(
                static_image_mode=True, max_num_faces=1, min_detection_confidence=0.2
            )
        self._weights = None

    @property
    def megabytes(self):
        """Size of the detector's and the mesh's models."""
        modules = Path(load("mediapipe").__file__).parent / "modules"
        names = (
            "face_detection/face_detection_short_range.tflite",
            "face_landmark/face_landmark.tflite",
        )
        return sum((modules / name).stat().st_size for name in names) / 1e6

    def _mesh_points(self, patch):
        """Returns (468, 3) in pixels of the patch, or None where there is no face."""
        faces = self._mesh.process(patch.image).multi_face_landmarks
        if not faces:
            return None
        width = len(patch.image)
        points = np.array([(p.x, p.y, p.z) for p in faces[0].landmark]) * width
        return points - (0.5, 0.5, 0)

    def _frame(self, mesh):
        """Returns (origin, axes): a point p has the coordinates (p - origin) / axes."""
        corners = mesh[self._EYE_CORNERS, :2] @ (1, 1j)
        return corners.mean(), corners[1] - corners[0]

    def _features(self, mesh):
        origin, axes = self._frame(mesh)
        flat = (mesh[:, :2] @ (1, 1j) - origin) / axes
        return np.concatenate([flat.real, flat.imag, mesh[:, 2] / abs(axes), [1.0]])

    def fit(self, patches):
        """Fits the map on patches and their mirrored copies; returns how many had no
        face."""
        inputs, targets = [], []
        for patch in progress_bar(patches, desc="fitting the mesh", unit="patch"):
            for copy in (patch, patch.mirrored()):
                mesh = self._mesh_points(copy)
                if mesh is not None:
                    origin, axes = self._frame(mesh)
                    flat = (copy.points @ (1, 1j) - origin) / axes
                    inputs.append(self._features(mesh))
                    targets.append(np.concatenate([flat.real, flat.imag]))
        inputs, targets = np.array(inputs), np.array(targets)
        held = np.arange(len(inputs)) // 2 % 5 == 0
        errors = []
        for strength in self._STRENGTHS:
            weights = _ridge(inputs[~held], targets[~held], strength)
            errors.append(np.abs(inputs[held] @ weights - targets[held]).mean())
        best = self._STRENGTHS[np.argmin(errors)]
        self._weights = _ridge(inputs, targets, best)
        return 2 * len(patches) - len(inputs)

    def predict(self, patch):
        """Predicts the points of a patch, or returns None where there is no face."""
        mesh = self._mesh_points(patch)
        if mesh is None:
            return None
        origin, axes = self._frame(mesh)
        real, imag = (self._features(mesh) @ self._weights).reshape(2, -1)
        points = (real + 1j * imag) * axes + origin
        return np.stack([points.real, points.imag], axis=-1)


def _ridge(inputs, targets, strength):
    gram = inputs.T @ inputs + strength * np.eye(inputs.shape[1])
    return np.linalg.solve(gram, inputs.T @ targets)


def main(argv):
    for name in ("dlib", "mediapipe"):
        print(f"{name} {load(name).__version__}")


if __name__ == "__main__":
    cli.run(main)
