// Boxes (x0, y0, x1, y1), the square crop, and points' way out of it. Image pixels count
// from 0 at the centre of the top left one; points are x0 y0 x1 y1 ...

import { round } from "./resize.js";

const REACH = 4; // Edges of a box from the picture's corner, over its longer side.

/** Returns the crop of a box, of whole pixels: {left, top, side}. */
export function squareFromBox([x0, y0, x1, y1], extension) {
  const side = Math.max(1, round(Math.max(x1 - x0, y1 - y0) * (1 + extension)));
  const [left, top] = [x0 + x1, y0 + y1].map((sum) => round(sum / 2 - side / 2 + 0.5));
  return { left, top, side };
}

/** Crop-normalised points -> image pixels. */
export function fromCrop(points, { left, top, side }) {
  const corner = [left - 0.5, top - 0.5];
  return Float64Array.from(points, (value, i) => Math.fround(value * side) + corner[i % 2]);
}

/** Returns the box that a detector would put around points; grow is a scheme's face_box. */
export function faceBox(points, [sides, above, below]) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  points.forEach((value, i) => {
    box[i % 2] = Math.min(box[i % 2], value);
    box[2 + (i % 2)] = Math.max(box[2 + (i % 2)], value);
  });
  const [x, y] = [box[2] - box[0], box[3] - box[1]];
  return [box[0] - sides * x, box[1] - above * y, box[2] + sides * x, box[3] + below * y];
}

const area = ([x0, y0, x1, y1]) => Math.max(x1 - x0, 0) * Math.max(y1 - y0, 0);

/** Returns the intersection of two boxes over their union. */
export function iou(one, other) {
  const shared = one.map((edge, i) => (i < 2 ? Math.max : Math.min)(edge, other[i]));
  const union = area(one) + area(other) - area(shared);
  return union > 0 ? area(shared) / union : 0;
}

/** Of boxes that overlap by more than a bound, the best stays: returns indices, best first. */
export function suppress(boxes, scores, most) {
  const kept = [];
  for (const i of [...boxes.keys()].sort((a, b) => scores[b] - scores[a])) {
    if (kept.every((k) => iou(boxes[i], boxes[k]) <= most)) kept.push(i);
  }
  return kept;
}

/** Whether a box is finite, not inside out, and not far from a picture. */
export function isBox(box, { width, height }) {
  const isNear = box.every((edge) => Math.abs(edge) <= REACH * Math.max(width, height));
  return isNear && box[0] <= box[2] && box[1] <= box[3];
}
