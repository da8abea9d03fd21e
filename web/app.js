// The page: where pictures come from, and what is shown of them.

import { drawFaces, listChains } from "./draw.js";
import { Landmarker } from "./landmarker.js";
import { FaceTracker } from "./tracking.js";

const CAMERA = { width: { ideal: 640 }, height: { ideal: 480 }, resizeMode: "none" };
const LARGEST = 4096; // Pixels of a photo's longer side; phones have no larger canvas.
const COUNTED = 1000; // Milliseconds over which frames are counted.
const PACE = 250; // Milliseconds between figures, so that they can be read.

const find = (id) => document.getElementById(id);
const [video, frame, marks] = ["video", "frame", "marks"].map(find);
// In memory that a program reads, as each frame is.
const context = frame.getContext("2d", { alpha: false, willReadFrequently: true });

/** What is known at the moment; `run` changes with each source of pictures. */
export const state = { facing: "user", run: 0, faces: [], chains: [], times: [] };

const picture = {
  get width() {
    return frame.width;
  },
  get height() {
    return frame.height;
  },
  read: (...area) => context.getImageData(...area), // Black outside, as crops are.
};

function say(text) {
  find("message").textContent = text;
}

/** Copies what is to be looked at, a frame or a photo. */
export function take(image, width, height) {
  if (frame.width !== width || frame.height !== height) {
    [frame.width, frame.height] = [width, height];
    arrange();
  }
  context.drawImage(image, 0, 0, width, height);
}

/** Finds the faces of the frame that was taken, and shows them; time is in seconds. */
export async function look(tracker, time) {
  const { run } = state;
  const faces = await tracker.follow(picture, time);
  if (run !== state.run) return;
  state.faces = faces;
  state.times.push(performance.now());
  show();
  say("");
}

// The picture is as large as the stage lets it.
function arrange() {
  const { clientWidth, clientHeight } = find("stage");
  const scale = Math.min(clientWidth / frame.width, clientHeight / frame.height);
  const [width, height] = [frame.width * scale, frame.height * scale];
  Object.assign(find("picture").style, { width: `${width}px`, height: `${height}px` });
  const ratio = window.devicePixelRatio;
  Object.assign(marks, { width: width * ratio, height: height * ratio });
  show();
}

function show() {
  drawFaces(marks, state.faces, state.chains, frame.width);
}

function tellFigures() {
  const now = performance.now();
  state.times = state.times.filter((time) => now - time < COUNTED);
  const { detector, landmarks } = state.landmarker?.milliseconds ?? {};
  const tell = (id, value, digits) => {
    find(id).textContent = value ? value.toFixed(digits) : "–";
  };
  tell("fps", state.times.length > 1 && state.times.length, 0);
  tell("detector", detector, 1);
  tell("landmarks", landmarks, 1);
}

// Ends what is shown, and returns the number of what comes next.
function stop() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  if (video.src) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.removeAttribute("src");
  state.times = [];
  if (state.landmarker) state.landmarker.milliseconds = {};
  document.body.classList.remove("live");
  return ++state.run;
}

// Follows faces through the camera's picture, or a video, until another source comes.
async function play(run) {
  const next = (done) =>
    video.requestVideoFrameCallback?.(done) ?? requestAnimationFrame(done);
  let [tracker, last] = [null, 0];
  state.faces = [];
  for (let now = await new Promise(next); run === state.run; now = await new Promise(next)) {
    const time = video.srcObject ? now / 1000 : video.currentTime;
    take(video, video.videoWidth, video.videoHeight);
    if (!state.landmarker) continue;
    if (!tracker || time < last) tracker = new FaceTracker(state.landmarker);
    last = time;
    await look(tracker, time);
  }
}

async function startCamera(run) {
  if (!navigator.mediaDevices) {
    throw new Error("The camera wants https: start with --host=auto. Photos and videos work.");
  }
  say("Waiting for the camera");
  let stream;
  try {
    const constraints = { audio: false, video: { ...CAMERA, facingMode: state.facing } };
    stream = await navigator.mediaDevices.getUserMedia(constraints);
  } catch (error) {
    throw new Error(`No camera (${error.name}). Choose a photo or a video.`);
  }
  if (run !== state.run) {
    stream.getTracks().forEach((track) => track.stop());
    return;
  }
  video.srcObject = stream;
  await video.play();
  if (run !== state.run) return;
  const { facingMode } = stream.getVideoTracks()[0].getSettings();
  find("picture").classList.toggle("mirrored", (facingMode ?? state.facing) === "user");
  document.body.classList.add("live");
  navigator.wakeLock?.request("screen").catch(() => {}); // It may be refused.
  await play(run);
}

async function openFile(run, file) {
  const refuse = () => {
    throw new Error(`${file.name}: expected a photo or a video, found another file`);
  };
  say("Looking");
  find("picture").classList.remove("mirrored");
  if (file.type.startsWith("video/")) {
    video.src = URL.createObjectURL(file);
    await video.play().catch(refuse);
    await play(run);
  } else {
    // The numbers in the file, as Python reads them, whatever colours they mean.
    const options = { colorSpaceConversion: "none" };
    await showPhoto(await createImageBitmap(file, options).catch(refuse), run);
  }
}

async function showPhoto(photo, run) {
  const scale = Math.min(1, LARGEST / Math.max(photo.width, photo.height));
  state.faces = [];
  take(photo, Math.round(photo.width * scale), Math.round(photo.height * scale));
  const landmarker = await state.ready;
  const faces = await landmarker.findFaces(picture);
  if (run !== state.run) return;
  state.faces = faces;
  say(faces.length ? "" : "No face found");
  show();
}

async function load() {
  const about = await (await fetch("/about.json")).json();
  const { name, note, expected } = about.model;
  find("name").textContent = name;
  const { measureDistance, openModels } = await import("./models.js");
  const { detector, model } = await openModels(about);
  const points = `${note.scheme.points} points of ${note.scheme.name}`;
  find("about").textContent = `${model.size} px · ${points} · ${about.detector.name}`;
  state.chains = listChains(note.scheme);
  state.distance = expected && (await measureDistance(model, expected));
  find("distance").textContent = state.distance?.toExponential(1) ?? "none";
  state.landmarker = new Landmarker(detector, model);
  return state.landmarker;
}

// Opens another source of pictures, and says what is wrong with it.
function start(open, ...parameters) {
  const run = stop();
  open(run, ...parameters).catch((error) => {
    if (run === state.run) say(error.message);
  });
}

find("camera").onclick = () => {
  if (document.body.classList.contains("live")) stop();
  else start(startCamera);
};
find("flip").onclick = () => {
  state.facing = state.facing === "user" ? "environment" : "user";
  start(startCamera);
};
find("file").onchange = ({ target }) => {
  if (target.files.length) start(openFile, target.files[0]);
  target.value = "";
};
window.onresize = arrange;
setInterval(tellFigures, PACE);
start(startCamera);
state.ready = load();
state.ready.catch(({ message }) => say(`The models do not run in this browser: ${message}`));
