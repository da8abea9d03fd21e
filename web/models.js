// The detector and the landmark model, run by LiteRT.js.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

const EXTENSION = 0.1; // Of models that do not tell theirs.
const FACE_BOX = [0, 0, 0];

/** Loads the runtime and what the server describes: {detector, model}. */
export async function openModels(about) {
  await loadLiteRt("/runtime/wasm");
  const options = { accelerator: "wasm" };
  const open = (url) => loadAndCompile(url, options);
  const [detector, model] = await Promise.all([open(about.detector.url), open(about.model.url)]);
  return { detector: openDetector(detector), model: openModel(model, about.model.note) };
}

function openDetector(compiled) {
  const { size, run } = prepare(compiled, (bytes) => new Float32Array(bytes));
  return {
    size,
    async run(bytes) {
      const outputs = await run(bytes);
      const [boxes, scores] = outputs.sort((a, b) => b.length - a.length);
      return { boxes, scores };
    },
  };
}

function openModel(compiled, note) {
  const isGray = note.colors === "gray";
  const isOfBytes = compiled.getInputDetails()[0].dtype === "uint8";
  const scale = (levels) => new Float32Array(levels).map((x) => x * note.scale + note.offset);
  const { size, run } = prepare(compiled, (bytes) => {
    if (!isGray) return isOfBytes ? bytes : scale(bytes);
    return isOfBytes ? Uint8Array.from(toGray(bytes), Math.round) : scale(toGray(bytes));
  });
  const grown = note.scheme.definition.match(/^face_box\s+(.*)$/m);
  return {
    size,
    extension: note.extension ?? EXTENSION,
    sharpest: note.confidence?.sharpest_spread,
    faceBox: grown ? grown[1].split(/\s+/).map(Number) : FACE_BOX,
    async run(bytes) {
      const outputs = await run(bytes);
      const find = (length) => outputs.find((output) => output.length === length) ?? null;
      return { points: find(2 * note.scheme.points), spread: find(note.scheme.points) };
    },
  };
}

// Returns the side of a model's input, and a function of RGB bytes to its outputs' values.
function prepare(compiled, convert) {
  const [{ shape }] = compiled.getInputDetails();
  const run = async (bytes) => {
    const input = new Tensor(convert(bytes), shape);
    const outputs = await compiled.run([input]);
    input.delete();
    return outputs.map((output) => {
      const values = output.toTypedArray();
      output.delete();
      return values;
    });
  };
  return { size: shape[1], run };
}

function toGray(bytes) {
  return Float32Array.from({ length: bytes.length / 3 }, (_, i) =>
    0.299 * bytes[3 * i] + 0.587 * bytes[3 * i + 1] + 0.114 * bytes[3 * i + 2]);
}

/** Returns how far a model's points of reference.png are from those expected. */
export async function measureDistance(model, expected) {
  const file = await (await fetch("/reference.png")).blob();
  const patch = await createImageBitmap(file, { colorSpaceConversion: "none" });
  const context = new OffscreenCanvas(patch.width, patch.height).getContext("2d");
  context.drawImage(patch, 0, 0);
  const { data } = context.getImageData(0, 0, patch.width, patch.height);
  const { points } = await model.run(Uint8Array.from(data.filter((_, i) => i % 4 < 3)));
  return points.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
}
