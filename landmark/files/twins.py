"""Photos that are there twice, or once more as in a mirror.

A hash of 64 bits finds who may be twins, small pictures in grey confirm it.

References:
    Krawetz, Kind of Like That (dHash), hackerfactor.com 2013.
"""

import cv2
import numpy as np

SAME, MIRRORED = "same photo", "mirrored photo"
_BITS = 8  # A side of the hash.
_MOST_BITS = 8  # That differ, of 64.
_LEAST_LEVELS = 4.0  # Deviation within a picture; with less there is nothing to see.
_MOST_LEVELS, _LEAST_ALIKE = 8.0, 0.985
_PAIRS = 2**20  # That are compared at once.


def find_twins(photos, thumbnails):
    """Finds twins.

    Args:
        photos: list of N paths; faces of the same photo are none.
        thumbnails: (N, n, n) uint8, in grey.

    Returns:
        list of (i, j, SAME or MIRRORED), i < j.
    """
    firsts = {}
    for index, photo in enumerate(photos):
        firsts.setdefault(photo, index)
    chosen = np.array(list(firsts.values()), int)
    if not firsts:
        return []
    small = np.asarray(thumbnails)[chosen]
    hashes, mirrored = _hash(small), _hash(small[:, :, ::-1])
    found = []
    for kind, others in ((SAME, hashes), (MIRRORED, mirrored)):
        for i, j in _find_near(hashes, others):
            twin = small[j] if kind == SAME else small[j][:, ::-1]
            if _are_alike(small[i], twin):
                found.append((int(chosen[i]), int(chosen[j]), kind))
    return sorted(found)


def _hash(pictures):
    """Returns (N,) uint64: whether each place is brighter than the one to its left."""
    tiny = np.array(
        [
            cv2.resize(p, (_BITS + 1, _BITS), interpolation=cv2.INTER_AREA)
            for p in np.ascontiguousarray(pictures)
        ]
    )
    bits = tiny[:, :, 1:] > tiny[:, :, :-1]
    return np.packbits(bits.reshape(len(bits), -1), axis=1).view(np.uint64)[:, 0]


def _find_near(hashes, others):
    """Yields (i, j), i < j, of hashes that differ in few bits from others."""
    step = max(1, _PAIRS // max(1, len(others)))
    for start in range(0, len(hashes), step):
        rows = hashes[start : start + step, None]
        near = np.bitwise_count(rows ^ others[None]) <= _MOST_BITS
        for i, j in np.argwhere(near):
            if start + i < j:
                yield start + i, j


def _are_alike(one, other):
    """Whether two small pictures are the same but for their coding."""
    one, other = one.astype(float).ravel(), other.astype(float).ravel()
    if min(one.std(), other.std()) < _LEAST_LEVELS:
        return False
    is_near = np.abs(one - other).mean() <= _MOST_LEVELS
    return bool(is_near and np.corrcoef(one, other)[0, 1] >= _LEAST_ALIKE)
