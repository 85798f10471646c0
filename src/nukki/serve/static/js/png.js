// PNG without a canvas in between: a canvas multiplies colours by alpha and forgets them below 0.

import { crc32 } from "./crc.js";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CHANNELS = { 0: 1, 2: 3, 4: 2, 6: 4 };
const KEPT = ["iCCP", "sRGB", "gAMA", "cHRM", "pHYs", "eXIf"]; // what a file says about its colours

/** A PNG as { width, height, data: RGBA bytes, chunks }; 16 bits become 8. */
export async function decode(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const view = new DataView(bytes.buffer);
  if (SIGNATURE.some((byte, n) => bytes[n] !== byte)) throw new Error("not a PNG");
  const packed = [];
  const chunks = [];
  let head = 0;
  for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + view.getUint32(at));
    if (type === "IHDR") head = at + 8;
    if (type === "IDAT") packed.push(body);
    if (KEPT.includes(type)) chunks.push([type, body]);
  }
  const [width, height] = [view.getUint32(head), view.getUint32(head + 4)];
  const [depth, colour, , , interlaced] = bytes.subarray(head + 8, head + 13);
  const channels = CHANNELS[colour];
  if (!channels || depth < 8 || interlaced) throw new Error("a PNG of another kind");
  const step = (channels * depth) / 8;
  const raw = await through(new DecompressionStream("deflate"), packed);
  unfilter(raw, width * step, height, step);
  return { width, height, data: spread(raw, width, height, channels, depth / 8), chunks };
}

/** RGBA bytes (or one grey byte a pixel) as a PNG. */
export async function encode({ width, height, data, chunks = [] }) {
  const channels = data.length / (width * height);
  const row = width * channels;
  const raw = new Uint8Array((row + 1) * height);
  for (let y = 0; y < height; y++) {
    const to = y * (row + 1);
    raw[to] = y ? 2 : 0; // differences to the row above
    for (let n = 0; n < row; n++) {
      raw[to + 1 + n] = data[y * row + n] - (y ? data[(y - 1) * row + n] : 0);
    }
  }
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head[8] = 8;
  head[9] = channels === 4 ? 6 : 0;
  const body = await through(new CompressionStream("deflate"), [raw]);
  const all = [["IHDR", head], ...chunks, ["IDAT", body], ["IEND", new Uint8Array(0)]];
  const parts = [new Uint8Array(SIGNATURE), ...all.map(([type, data]) => chunk(type, data))];
  return new Blob(parts, { type: "image/png" });
}

async function through(stream, parts) {
  const packed = new Blob(parts).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

function chunk(type, body) {
  const bytes = new Uint8Array(12 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length);
  for (let n = 0; n < 4; n++) bytes[4 + n] = type.charCodeAt(n);
  bytes.set(body, 8);
  view.setUint32(8 + body.length, crc32(bytes.subarray(4, 8 + body.length)));
  return bytes;
}

/** Undo the filter of each row (PNG, section 9) in place; rows keep their first byte. */
function unfilter(raw, row, height, step) {
  for (let y = 0; y < height; y++) {
    const at = y * (row + 1) + 1;
    const kind = raw[at - 1];
    const above = y ? at - row - 1 : -1;
    for (let n = 0; n < row; n++) {
      const left = n >= step ? raw[at + n - step] : 0;
      const up = above < 0 ? 0 : raw[above + n];
      if (kind === 1) raw[at + n] += left;
      else if (kind === 2) raw[at + n] += up;
      else if (kind === 3) raw[at + n] += (left + up) >> 1;
      else if (kind === 4) {
        const corner = above < 0 || n < step ? 0 : raw[above + n - step];
        raw[at + n] += paeth(left, up, corner);
      }
    }
  }
}

function paeth(left, up, corner) {
  const a = Math.abs(up - corner);
  const b = Math.abs(left - corner);
  const c = Math.abs(left + up - 2 * corner);
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

function spread(raw, width, height, channels, size) {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  const grey = channels < 3;
  const alpha = channels % 2 === 0;
  for (let y = 0, to = 0; y < height; y++) {
    let from = y * (width * channels * size + 1) + 1;
    for (let x = 0; x < width; x++, to += 4, from += channels * size) {
      data[to] = raw[from];
      data[to + 1] = raw[from + (grey ? 0 : size)];
      data[to + 2] = raw[from + (grey ? 0 : 2 * size)];
      if (alpha) data[to + 3] = raw[from + (channels - 1) * size];
    }
  }
  return data;
}
