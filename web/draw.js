// What was found, drawn over the picture.

const LINE = "#5fe0c1";
const POINT = "#ffffff";
const BOLD = 0.007; // Radius of a point, over the face's size.

/** Draws faces on a canvas that covers a picture of a width, in image pixels. */
export function drawFaces(canvas, faces, chains, width) {
  const scale = canvas.width / width;
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, scale / 2, scale / 2);
  for (const { points, box } of faces) {
    const size = Math.max(BOLD * (box[2] - box[0]), 1 / scale);
    const move = (path, i, way) => path[way](points[2 * i], points[2 * i + 1]);
    const lines = new Path2D();
    for (const { indices, isClosed } of chains) {
      indices.forEach((i, k) => move(lines, i, k ? "lineTo" : "moveTo"));
      if (isClosed) lines.closePath();
    }
    const dots = new Path2D();
    for (let i = 0; i < points.length; i += 2) {
      dots.moveTo(points[i] + size, points[i + 1]);
      dots.arc(points[i], points[i + 1], size, 0, 7);
    }
    context.lineWidth = size / 2;
    context.strokeStyle = LINE;
    context.fillStyle = POINT;
    context.stroke(lines);
    context.fill(dots);
  }
}

/** Returns the lines of a scheme, as landmark.json has it. */
export function listChains({ chains, closed }) {
  return Object.entries(chains).map(([name, indices]) => {
    return { indices, isClosed: closed.includes(name) };
  });
}
