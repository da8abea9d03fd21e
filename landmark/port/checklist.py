"""CHECKLIST.md: the steps of a port, each with what to compare it with."""

import re
import textwrap

_WIDTH = 88
_ITEM = re.compile(r"^- \[ \] .*\n(?:  .*\n)*", re.MULTILINE)

_HEAD = """# Checklist of a port

Numbers are those of `contract.json`, which has all of them; what each step must give
is in `reference.json`. Image pixels count from 0 at the centre of the top-left pixel. A
box is x0 y0 x1 y1. Halves are rounded to even. Pictures are PNG, 8 bits RGB.

"""

_CAMERA = """\
- [ ] **The detector's input** (`photo_*.input_{last}.png`, equal). Of a photo of W x
  H, w = max(1, round({last} W / max(W, H))), h likewise. Resize it to w x h: by the
  mean of the area that a pixel covers if either side shrinks, else bilinear between
  the pixels' centres (OpenCV's INTER_AREA, INTER_LINEAR). Put it at the top left of a
  black square of {last} x {last}. The model takes RGB as float32, 0..255.
- [ ] **Boxes** come out as x0 y0 x1 y1, 0..1 over the square, in the order of the
  anchors. (`anchors`, `variances` are for those who want to train.)
"""

_PHOTOS = """\
- [ ] **A dark photo** is brightened first: if the mean of every
  {detector[brightness_step]}th pixel of every {detector[brightness_step]}th row is
  above 0 and below {detector[bright_enough]}, multiply all by
  {detector[bright_enough]} / mean, round, and cut at 255.
- [ ] **The detector's inputs** (`photo_*.input_*.png`, equal), at the sides {sides},
  one after the other, each from the one before without its black. Of W x H, w = max(1,
  round(side W / max(W, H))), h likewise. While both sides are at least twice what they
  shall be, halve the picture (mean of 2 x 2, a last odd row or column left out); then
  resize it to w x h bilinearly between the pixels' centres. Put it at the top left of
  black whose sides are the least multiples of {detector[multiple]}. The model takes
  RGB as float32, 0..255.
- [ ] **Anchors**, for each of `anchors` row by row, in each place for each size:
  centre ((column + 0.5) stride, (row + 0.5) stride), width size /
  sqrt({detector[anchor_aspect]}), height size x sqrt({detector[anchor_aspect]}); all
  over {detector[unit]}.
- [ ] **Boxes** from `offsets`: multiply these by `variances` {detector[variances]};
  centre = anchor's centre + first two x anchor's size, half size = exp(last two) x
  anchor's size / 2; a box is centre -+ half. At all sides but the last, drop boxes
  with a side above {detector[largest_but_at_last_side]} / {detector[unit]}. Divide by
  w, h of the picture in the input over {detector[unit]}: 0..1 over the photo. All
  sides' boxes go on together.
"""

_REST = """\
- [ ] **Suppression** (`boxes`, `scores`, in their order). Of the boxes with a score of
  at least {detector[min_score]}, best first, drop each that overlaps a better one that
  stays by an IoU above {detector[max_iou]}. In image pixels a box is x W - 0.5, y H -
  0.5, 0..1 being over the photo (camera: {detector[unit]} / w, {detector[unit]} / h
  times what it is over the square).
- [ ] **The square** (`square`, equal). side = max({crop[smallest_side]}, round(max(x1
  - x0, y1 - y0) x (1 + {crop[extension]}))); left = round((x0 + x1) / 2 - side / 2 +
  0.5), top likewise.
- [ ] **The patch** (`patch`, equal, or within 1 or 2 levels by another resizing). Cut
  the square out, black where it leaves the photo; resize it to {model[input_size]} x
  {model[input_size]} as above: by area if it shrinks, else bilinear.
- [ ] **The points** (`points`, `spread`; float within 1e-3, 8 bits within 0.01, as
  processors round differently). A float model takes each byte as byte x
  {model[scale]:g} + {model[offset]:g}, one of uint8 the bytes themselves{gray}.
- [ ] **In the image** (`points_image`): left - 0.5 + x side, top - 0.5 + y side.
- [ ] **Confidence**: {confidence[sharpest_spread]} over the mean of `spread`, at most
  1; below {confidence[min_confidence]} it is no face. Of two faces whose points' boxes
  (see below) overlap by an IoU above {faces[twice_iou]}, the less sure one goes
  (`is_kept`).
"""

_GRAY = "; grey of it, 0.299 R + 0.587 G + 0.114 B, rounded for uint8"

_VIDEO = """
## In a video

Frames are `frames` of `reference.json`.

- [ ] **The next box** of a face (`box` of the next frame where `is_detected` is
  false): the box of its points, grown by {tracking[face_box][sides]:g} of its width at
  both sides, {tracking[face_box][top]:g} of its height at the top and
  {tracking[face_box][bottom]:g} at the bottom.
- [ ] **When the detector is asked** (`is_detected`): in every
  {tracking[detect_every]}th frame, where there is no face, where one's confidence is
  below {tracking[steady_confidence]}, or where two frames are less alike than
  {tracking[upheaval_below]} (`alike`). A detection and a face are the same from an IoU
  of {tracking[same_face_iou]} on; a face keeps its own box if its confidence is at
  least {tracking[steady_confidence]}, and the IoU {tracking[well_framed_iou]}, and
  takes the detection's otherwise, or after an upheaval. It may be missed
  {tracking[most_misses]} times in a row if it is as sure as that. Below
  {tracking[cut_below]} all begins anew.
- [ ] **How alike** (`alike`): of every n-th pixel's green, n = max(1, longer side //
  {cuts[samples]}), resized by area to {cuts[cells]} cells along the longer side (the
  other round(its length x {cuts[cells]} / the longer), at least 2), minus its Gaussian
  blur of sigma {cuts[blur]} cells. With a and b of two frames and f = {cuts[faint]} x
  number of cells, (sum(a b) + f) / sqrt((sum(a a) + f)(sum(b b) + f)). If that is
  {cuts[surely_alike]} or less, the best of the nine of parts shifted by -1, 0, 1 cells
  against each other in x and y (a by as much one way as b the other), less their
  means.
- [ ] **Smoothing** (`smoothed`), of each coordinate. share(cutoff) = t / (t + 1), t =
  2 pi cutoff seconds, seconds since the last frame, at least
  {smoothing[shortest_seconds]:g}. v = (value - last value) / seconds; speed +=
  share({smoothing[speed_cutoff]}) (v - speed), 0 at first; cutoff =
  {smoothing[min_cutoff]} + {smoothing[beta]} |speed| / unit, unit = the side of the
  square of the face's box, without extension; smooth += share(cutoff) (value -
  smooth), the value itself at first.
"""


def format_checklist(constants):
    """Returns the text of CHECKLIST.md, of a contract.json."""
    detector = constants["detector"]
    first = _CAMERA if detector["kind"] == "camera" else _PHOTOS
    text = (_HEAD + first + _REST + _VIDEO).format(
        **constants,
        sides=", ".join(map(str, detector["sides"])),
        last=detector["sides"][-1],
        gray="" if constants["model"]["colors"] == "RGB" else _GRAY,
    )
    return _ITEM.sub(_wrap, text)


def _wrap(item):
    """Returns an item as lines of one width: numbers are shorter than their names."""
    text = " ".join(item[0].split())
    lines = textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines) + "\n"
