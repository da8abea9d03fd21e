// Faces followed through a video, and their points smoothed.

import { iou, isBox, squareFromBox } from "./geometry.js";

const DETECT_EVERY = 10; // Frames, while all faces are followed well.
const SAME_FACE = 0.3; // IoU of a detection and a track of one face.
const STEADY = 0.5; // Confidence below which the detector looks at every frame.
const WELL_FRAMED = 0.5; // IoU with the detection of a track that keeps its own box.
const LARGEST = 2; // Height of a box over the picture's longer side.
const MOST_MISSES = 3; // Detections in a row that a sure track may go without.
const [MIN_CUTOFF, BETA, SPEED_CUTOFF] = [1, 20, 1]; // In hertz.

/** The one-euro filter (Casiez, Roussel and Vogel, CHI 2012). */
export class OneEuroFilter {
  /** Returns smoothed values; speed is measured in units a second. */
  smooth(values, time, unit) {
    if (this.time === undefined) {
      this.smoothed = Float64Array.from(values);
      this.speed = new Float64Array(values.length);
    } else {
      const seconds = Math.max(time - this.time, 1e-3);
      const shareOfNew = (cutoff) => 1 - 1 / (2 * Math.PI * cutoff * seconds + 1);
      const shareOfSpeed = shareOfNew(SPEED_CUTOFF);
      this.smoothed = this.smoothed.map((old, i) => {
        const speed = (values[i] - this.last[i]) / seconds;
        this.speed[i] += shareOfSpeed * (speed - this.speed[i]);
        const cutoff = MIN_CUTOFF + (BETA * Math.abs(this.speed[i])) / unit;
        return old + shareOfNew(cutoff) * (values[i] - old);
      });
    }
    [this.time, this.last] = [time, Float64Array.from(values)];
    return this.smoothed;
  }
}

export class FaceTracker {
  #tracks = [];
  #number = 0;
  #sinceDetection = 0;

  constructor(landmarker) {
    this.landmarker = landmarker;
  }

  /** Returns the faces of the next frame, at a time in seconds, the oldest first. */
  async follow(frame, time) {
    this.#sinceDetection++;
    const isSteady = this.#tracks.every((track) => !(track.confidence < STEADY));
    if (!this.#tracks.length || !isSteady || this.#sinceDetection >= DETECT_EVERY) {
      await this.#detect(frame);
      this.#sinceDetection = 0;
    }
    for (const track of this.#tracks) {
      Object.assign(track, await this.landmarker.find(frame, track.box));
    }
    const found = this.#tracks.filter((track) => this.landmarker.isFace(track));
    this.#tracks = this.landmarker.distinct(found, found.map(({ number }) => -number));
    const faces = this.#tracks.map(({ filter, ...track }) => {
      const unit = squareFromBox(track.box, 0).side;
      return { ...track, points: filter.smooth(track.points, time, unit) };
    });
    for (const track of this.#tracks) track.box = this.landmarker.follow(track.points);
    const most = LARGEST * Math.max(frame.width, frame.height);
    this.#tracks = this.#tracks.filter(
      ({ box }) => box[3] - box[1] <= most && isBox(box, frame),
    );
    return faces;
  }

  // Gives detections to the tracks that they belong to, or makes new ones.
  async #detect(frame) {
    const free = await this.landmarker.detect(frame);
    for (const track of this.#tracks) {
      const overlaps = free.map(({ box }) => iou(box, track.box));
      const most = Math.max(0, ...overlaps);
      if (most < SAME_FACE) {
        track.misses++;
        continue;
      }
      const [{ box, score }] = free.splice(overlaps.indexOf(most), 1);
      const keepsBox = track.confidence >= STEADY && most >= WELL_FRAMED;
      Object.assign(track, { misses: 0, score }, keepsBox ? {} : { box });
    }
    this.#tracks = this.#tracks.filter(
      (t) => !t.misses || (t.confidence >= STEADY && t.misses <= MOST_MISSES),
    );
    for (const { box, score } of free) {
      const number = ++this.#number;
      const filter = new OneEuroFilter();
      this.#tracks.push({ number, box, score, filter, misses: 0, confidence: NaN });
    }
  }
}
