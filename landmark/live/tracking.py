"""Faces followed through a video."""

import numpy as np

from landmark.face import geometry
from landmark.face.scheme import IBUG68
from landmark.live.cuts import FrameComparer
from landmark.live.distinct import find_distinct
from landmark.live.images import ImageLike, to_rgb
from landmark.live.landmarker import Face, FaceLandmarker, are_boxes
from landmark.live.smoothing import OneEuroFilter
from landmark.live.turned import find_quarters, turn_box, turn_quarters

DETECT_EVERY = 10  # Frames, unless another number is asked for.
_SAME_FACE = 0.3  # IoU of a detection and a track that mean the same face.
# Confidence of the points below which the detector looks at every frame.
_STEADY = 0.5
_WELL_FRAMED = 0.5  # IoU with the detection of a track that keeps its own box.
_LARGEST = 2.0  # Longer side of a box, over that of the picture.
_MOST_MISSES = 3  # Detections in a row that a sure track may go without.
# How alike two frames are, see FrameComparer: below the first they are of two scenes,
# below the second so much has moved that only the detector knows where the faces are.
_CUT, _UPHEAVAL = 0.58, 0.75


class _Track:
    def __init__(self, number, box, score, smoother):
        self.number, self.box, self.score = number, box, score
        self.smoother = smoother
        self.misses = 0
        self.points_image, self.scheme = None, IBUG68
        self.confidence = np.nan

    @property
    def is_steady(self):
        return not self.confidence < _STEADY

    def update(self, landmarks):
        if landmarks.scheme != self.scheme and self.smoother:
            self.smoother.reset()  # Its points are other ones.
        self.points_image, self.scheme = landmarks.points_image, landmarks.scheme
        self.confidence = float(landmarks.confidence)
        self.spread = landmarks.spread
        self.expected_error = landmarks.expected_error


def _turn_back(face, back):
    points_image = back(face.points_image)
    return face._replace(box=turn_box(face.box, back), points_image=points_image)


class FaceTracker:
    """Follows faces from frame to frame.

    A known face is sought where its points of the frame before say it is. The detector
    looks for new ones in every n-th frame, and in every frame while there is no face or
    one is unsure. After a cut all faces are new ones, as in a photo.

    Args:
        landmarker: FaceLandmarker.
        detect_every: n.
        smoothing: (min_cutoff, beta) of the OneEuroFilter, or None.
        min_confidence: of the points, below which a face is lost; None = that of the
            landmarker. A model that does not tell leaves this to the detector.

    Where the landmarker finds faces at any angle, the frames are turned by the quarters
    that suit the first faces.

    Attributes:
        dropped: number of faces lost for their confidence so far.
    """

    def __init__(
        self,
        landmarker: FaceLandmarker,
        detect_every: int = DETECT_EVERY,
        smoothing: tuple[float, float] | None = None,
        min_confidence: float | None = None,
    ) -> None:
        if min_confidence is None:
            min_confidence = landmarker.min_confidence
        self._landmarker = landmarker
        self._min_confidence = min_confidence
        self._detect_every = detect_every
        self._smoothing = smoothing
        self.dropped = 0
        self._tracks = []
        self._comparer = FrameComparer()
        self._number = 0
        self._since_detection = 0
        self._quarters = None  # Of a turn, where any may be needed.

    def follow(self, image: ImageLike, time: float) -> list[Face]:
        """Finds the faces of the next frame.

        Args:
            image: what `FaceLandmarker.find_faces` takes.
            time: of the frame, in seconds; later each time.

        Returns:
            list of Face, oldest track first.

        Raises:
            InputError: `to_rgb` refuses the image.
        """
        image, back = self._set_upright(to_rgb(image))
        self._since_detection += 1
        alike = self._comparer.compare(image)
        if alike < _CUT:
            self._tracks = []
        steady = self._tracks and all(track.is_steady for track in self._tracks)
        is_adrift = alike < _UPHEAVAL
        if is_adrift or not steady or self._since_detection >= self._detect_every:
            self._detect(image, is_adrift)
            self._since_detection = 0
        boxes = [track.box for track in self._tracks]
        found = self._landmarker.find_landmarks(image, boxes)
        for track, landmarks in zip(self._tracks, found, strict=True):
            track.update(landmarks)
        self._drop_lost()
        faces = [self._face(track, time) for track in self._tracks]
        for track in self._tracks:
            track.box = geometry.face_box_from_points(track.points_image, track.scheme)
        self._drop_runaways(image.shape)
        return [_turn_back(face, back) for face in faces] if back else faces

    def _set_upright(self, image):
        """Returns a frame upright, and what takes its points back; None if it is so."""
        if not self._landmarker.any_rotation:
            return image, None
        if self._quarters is None:
            self._quarters = find_quarters(image, self._landmarker.find_upright)
        return turn_quarters(image, self._quarters) if self._quarters else (image, None)

    def _face(self, track, time):
        points_image = track.points_image
        if track.smoother:
            size = geometry.square_from_box(track.box).side
            points_image = track.smoother.smooth(points_image, time, size)
        return Face(
            track.box,
            track.score,
            points_image,
            track.confidence,
            track.number,
            track.scheme,
            track.spread,
            track.expected_error,
        )

    def _detect(self, image, is_adrift):
        """Gives detections to the tracks that they belong to, or makes new ones.

        is_adrift: whether the tracks' own boxes are of little worth.
        """
        boxes, scores = self._landmarker.detect(image)
        free = list(range(len(boxes)))
        for track in self._tracks:
            overlaps = geometry.box_iou(boxes[free], track.box)
            if overlaps.max(initial=0) < _SAME_FACE:
                track.misses += 1
                continue
            chosen = free.pop(overlaps.argmax())
            track.misses, track.score = 0, float(scores[chosen])
            well_framed = overlaps.max() >= _WELL_FRAMED
            if is_adrift or not (track.confidence >= _STEADY and well_framed):
                track.box = boxes[chosen]
            if is_adrift and track.smoother:
                track.smoother.reset()
        self._tracks = [
            track
            for track in self._tracks
            if track.misses == 0
            or (track.confidence >= _STEADY and track.misses <= _MOST_MISSES)
        ]
        for index in free:
            self._number += 1
            smoother = OneEuroFilter(*self._smoothing) if self._smoothing else None
            score = float(scores[index])
            self._tracks.append(_Track(self._number, boxes[index], score, smoother))

    def _drop_runaways(self, shape):
        """Drops tracks with whose box the model has run away, from frame to frame."""
        largest = _LARGEST * max(shape[:2])
        self._tracks = [
            track
            for track in self._tracks
            if np.ptp(track.box[1::2]) <= largest and are_boxes(track.box[None], shape)
        ]

    def _drop_lost(self):
        """Drops tracks of what is no face, and the younger of two on the same face."""
        found = [t for t in self._tracks if not t.confidence < self._min_confidence]
        self.dropped += len(self._tracks) - len(found)
        ages = -np.array([track.number for track in found], float)
        kept = sorted(find_distinct(found, ages))
        self._tracks = [found[index] for index in kept]
