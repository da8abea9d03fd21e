// From a picture to the points of every face in it.
//
// A frame is {width, height, read(left, top, width, height) -> RGBA picture, black outside}.
// A detector is {size, run(RGB bytes) -> {boxes, scores}}, a model {size, extension,
// faceBox, sharpest, run(RGB bytes) -> {points, spread}}, spread being null if not told.

import { faceBox, fromCrop, isBox, squareFromBox, suppress } from "./geometry.js";
import { resize, round } from "./resize.js";

const MIN_SCORE = Math.fround(0.3); // Of a detection.
const MIN_CONFIDENCE = 0.3; // Of the points.
const SAME_BOX = 0.4; // IoU of two detections of a face.
const SAME_FACE = 0.5; // IoU of two faces' boxes that are one.

/** Returns the size of a picture, shrunk or enlarged to fit a detector's square. */
export function fit({ width, height }, size) {
  const longest = Math.max(width, height);
  return [width, height].map((n) => Math.max(1, round((n * size) / longest)));
}

/** Returns [{box, score}] of what a detector gives for a frame, best first. */
export function choose(boxes, scores, frame, size) {
  const [width, height] = fit(frame, size);
  const sides = [width / size, height / size];
  const likely = [...scores.keys()].filter((i) => scores[i] >= MIN_SCORE);
  const shares = likely.map((i) => [0, 1, 2, 3].map((e) => boxes[4 * i + e] / sides[e % 2]));
  const sure = likely.map((i) => scores[i]);
  return suppress(shares, sure, SAME_BOX)
    .map((k) => {
      const box = shares[k].map((edge, e) => edge * [frame.width, frame.height][e % 2] - 0.5);
      return { box, score: sure[k] };
    })
    .filter(({ box }) => isBox(box, frame));
}

export class Landmarker {
  constructor(detector, model) {
    this.detector = detector;
    this.model = model;
    this.milliseconds = { detector: 0, landmarks: 0 };
  }

  async #time(name, work) {
    const start = performance.now();
    const result = await work();
    const spent = performance.now() - start;
    const before = this.milliseconds[name] || spent;
    this.milliseconds[name] = before + 0.1 * (spent - before);
    return result;
  }

  /** Returns [{box, score}], best first. */
  detect(frame) {
    return this.#time("detector", async () => {
      const { size } = this.detector;
      const [width, height] = fit(frame, size);
      const { data } = resize(frame.read(0, 0, frame.width, frame.height), width, height);
      const square = new Uint8Array(size * size * 3);
      for (let row = 0; row < height; row++) {
        const start = row * width * 3;
        square.set(data.subarray(start, start + width * 3), row * size * 3);
      }
      const { boxes, scores } = await this.detector.run(square);
      return choose(boxes, scores, frame, size);
    });
  }

  /** Returns {points, confidence} of the face in a box; confidence is NaN if not told. */
  find(frame, box) {
    return this.#time("landmarks", async () => {
      const square = squareFromBox(box, this.model.extension);
      const { left, top, side } = square;
      const patch = resize(frame.read(left, top, side, side), this.model.size, this.model.size);
      const { points, spread } = await this.model.run(patch.data);
      const mean = spread ? spread.reduce((sum, s) => sum + s, 0) / spread.length : NaN;
      const confidence = Math.min(1, this.model.sharpest / mean);
      return { points: fromCrop(points, square), confidence };
    });
  }

  /** Returns the box of the next frame of a face. */
  follow(points) {
    return faceBox(points, this.model.faceBox);
  }

  /** Of faces that are one, returns the one of the highest score; those unsure are dropped. */
  distinct(faces, scores) {
    const boxes = faces.map(({ points }) => this.follow(points));
    const kept = suppress(boxes, scores, SAME_FACE).sort((a, b) => a - b);
    return kept.map((k) => faces[k]).filter((face) => this.isFace(face));
  }

  isFace({ confidence }) {
    return !(confidence < MIN_CONFIDENCE);
  }

  /** Returns the faces of a photo: [{box, score, points, confidence}]. */
  async findFaces(frame) {
    const faces = [];
    for (const found of await this.detect(frame)) {
      faces.push({ ...found, ...(await this.find(frame, found.box)) });
    }
    const isTold = (confidence) => !Number.isNaN(confidence);
    const sure = faces.map((f) => (isTold(f.confidence) ? f.confidence : f.score));
    return this.distinct(faces, sure);
  }
}
