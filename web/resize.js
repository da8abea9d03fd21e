// Resizing as OpenCV does it on bytes: INTER_AREA if a picture shrinks, else INTER_LINEAR.
// Pictures are {data, width, height}: RGBA bytes go in, RGB bytes come out.

const UNITS = 2048; // Of a bilinear weight.
const LEAST = 1e-3; // Share of a pixel that counts.
const CLOSE = 2e-3; // To a half, for single precision to matter.

/** Rounds halves to even, as Python and OpenCV do. */
export function round(value) {
  const floor = Math.floor(value);
  const above = value - floor;
  return floor + (above > 0.5 || (above === 0.5 && floor % 2 !== 0) ? 1 : 0);
}

/** Returns a picture of another size. */
export function resize(picture, width, height) {
  const [x, y] = [picture.width / width, picture.height / height];
  let method = byShares;
  if (x < 1 || y < 1 || (x === 1 && y === 1)) method = bilinear;
  else if (Number.isInteger(x) && Number.isInteger(y)) method = byBlocks;
  return { data: method(picture, width, height), width, height };
}

// By area, where each new pixel covers whole old ones.
function byBlocks({ data, width: across, height: down }, width, height) {
  const [x, y] = [across / width, down / height];
  const share = Math.fround(1 / (x * y));
  const isQuarter = x === 2 && y === 2; // Which alone rounds halves up.
  const sums = new Int32Array(width * 3);
  const out = new Uint8Array(sums.length * height);
  for (let row = 0, from = 0; row < height; row++) {
    sums.fill(0);
    for (let line = 0; line < y; line++) {
      for (let to = 0; to < sums.length; to += 3) {
        let [red, green, blue] = [0, 0, 0];
        for (const end = from + 4 * x; from < end; from += 4) {
          red += data[from];
          green += data[from + 1];
          blue += data[from + 2];
        }
        sums[to] += red;
        sums[to + 1] += green;
        sums[to + 2] += blue;
      }
    }
    for (let i = 0, to = row * sums.length; i < sums.length; i++, to++) {
      out[to] = isQuarter ? (sums[i] + 2) >> 2 : round(Math.fround(sums[i] * share));
    }
  }
  return out;
}

// What each new pixel of a line takes: a share of the old one before `first`, as much of
// each of `count` old ones, and a share of the one that follows; `inner` is that of each.
function listCells(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, place) => {
    const [start, end] = [place * scale, (place + 1) * scale];
    const cell = Math.min(scale, from - start);
    const last = Math.min(Math.floor(end), from - 1);
    const first = Math.min(Math.ceil(start), last);
    const [before, after] = [first - start, Math.min(end - last, 1, cell)];
    return {
      first,
      count: last - first,
      inner: Math.fround(1 / cell),
      before: before > LEAST ? Math.fround(before / cell) : 0,
      after: after > LEAST ? Math.fround(after / cell) : 0,
    };
  });
}

// By area: along each line, then over the lines.
function byShares({ data, width: across, height: down }, width, height) {
  const columns = listCells(across, width);
  const pixels = new Uint32Array(data.buffer, data.byteOffset, data.length / 4);
  const line = new Float64Array(width * 3);
  const sums = new Float64Array(width * 3);
  const out = new Uint8Array(sums.length * height);
  let current = -1;
  const add = (row, share) => {
    if (!share) return;
    if (row !== current) shrinkLine(line, data, pixels, row * across * 4, columns);
    current = row;
    for (let i = 0; i < sums.length; i++) sums[i] += share * line[i];
  };
  const rows = listCells(down, height);
  rows.forEach(({ first, count, inner, before, after }, row) => {
    sums.fill(0);
    add(first - 1, before);
    for (let i = 0; i < count; i++) add(first + i, inner);
    add(first + count, after);
    for (let i = 0; i < sums.length; i++) {
      let sum = sums[i];
      if (Math.abs(sum - Math.floor(sum) - 0.5) < CLOSE) {
        sum = sumAsOpenCV(data, across, columns[Math.floor(i / 3)], rows[row], i % 3);
      }
      out[row * sums.length + i] = round(sum);
    }
  });
  return out;
}

// One value, in single precision and in OpenCV's order, which decides how halves round.
function sumAsOpenCV(data, across, column, row, color) {
  const { fround } = Math;
  const list = ({ first, count, inner, before, after }) => {
    const found = Array.from({ length: count }, (_, i) => [first + i, inner]);
    if (before) found.unshift([first - 1, before]);
    if (after) found.push([first + count, after]);
    return found;
  };
  const shares = list(column);
  return list(row).reduce((sum, [y, weight]) => {
    const add = (line, [x, share]) =>
      fround(line + fround(data[(y * across + x) * 4 + color] * share));
    return fround(sum + fround(weight * shares.reduce(add, 0)));
  }, 0);
}

// Whole pixels are summed two colours at a time, of which fewer than 257 fit.
function shrinkLine(line, data, pixels, start, columns) {
  let to = 0;
  for (const { first, count, inner, before, after } of columns) {
    let from = start + first * 4;
    let [red, green, blue] = [0, 0, 0];
    if (before) {
      red = before * data[from - 4];
      green = before * data[from - 3];
      blue = before * data[from - 2];
    }
    let [outer, middle] = [0, 0]; // Sums of red and blue, and of green.
    const end = from / 4 + count;
    for (let i = from / 4; i < end; i++) {
      outer += pixels[i] & 0xff00ff;
      middle += pixels[i] & 0xff00;
    }
    from = end * 4;
    line[to++] = red + inner * (outer & 0xffff) + after * data[from];
    line[to++] = green + inner * (middle >>> 8) + after * data[from + 1];
    line[to++] = blue + inner * (outer >>> 16) + after * data[from + 2];
  }
}

// The two old pixels of each new one of a line, and their weights. OpenCV rounds either's
// part, so it matters that only along a row what lies outside has no weight.
function listNeighbours(from, to, isRow) {
  return Array.from({ length: to }, (_, place) => {
    const centre = Math.fround((place + 0.5) * (1 / (to / from)) - 0.5);
    const first = Math.floor(centre);
    const isOutside = first < 0 || first >= from - 1;
    const share = isRow && isOutside ? 0 : Math.fround(centre - first);
    const [left, right] = [first, first + 1].map((p) => Math.max(0, Math.min(p, from - 1)));
    return [left, right, round(Math.fround(1 - share) * UNITS), round(share * UNITS)];
  });
}

function bilinear({ data, width: across, height: down }, width, height) {
  const out = new Uint8Array(width * height * 3);
  const columns = listNeighbours(across, width, true);
  let i = 0;
  for (const [top, bottom, above, below] of listNeighbours(down, height, false)) {
    const [upper, lower] = [top * across * 4, bottom * across * 4];
    for (const [left, right, before, after] of columns) {
      for (let l = left * 4, r = right * 4, end = l + 3; l < end; l++, r++) {
        const high = (data[upper + l] * before + data[upper + r] * after) >> 4;
        const low = (data[lower + l] * before + data[lower + r] * after) >> 4;
        out[i++] = (((above * high) >> 16) + ((below * low) >> 16) + 2) >> 2;
      }
    }
  }
  return out;
}
