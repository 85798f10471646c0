// The brush that snaps to edges: a stroke says what is meant, the photo says where it ends.
//
// The thing that a stroke shows is asked for by points. Where there is none, a trimap is made of the
// stroke and of what the cut-out is already: white is in, black is out, and the grey rim of the
// stroke is decided by the server, along the edges of the part of the photo around it.

import { post } from "./api.js";
import { Stroke } from "./paint.js";
import { decode, encode } from "./png.js";
import { pick } from "./shot.js";

const CLICKS = 8; // points of a stroke that are sent
const LEAST = 0.08; // share of a stroke on a thing from which the stroke means the thing
const [CORE, BAND] = [0.75, 1.1]; // radii of the grey rim, in radii of the brush
const GRAIN = 3; // levels
const [OUT, OPEN, IN] = [0, 128, 255];
const [SURE_OUT, SURE_IN] = [8, 247]; // alphas

/**
 * The cut-out around a stroke, its rim along the photo's edges: { rect, where, rgba }. `rgba` is that
 * of the rectangle, `where` (of the photo's size) is above 0 where it counts; null where nothing
 * beside the stroke says what is out, or in.
 * @param before RGBA of the cut-out before the stroke.
 */
export async function refined(open, stroke, before) {
  const wide = around(stroke, stroke.radius * BAND + 1);
  const rect = padded(wide.rect, open, Math.round(stroke.radius + 16));
  const trimap = trimapOf(rect, stroke, wide, before);
  if (!trimap.includes(IN) || !trimap.includes(OUT)) return null;
  const size = { width: rect[2] - rect[0], height: rect[3] - rect[1] };
  const photo = part(rect, open.pixels(), open.width);
  const [image, drawn] = await Promise.all([
    encode({ ...size, data: grained(photo) }),
    encode({ ...size, data: trimap }),
  ]);
  const answer = await post("remove", { image, trimap: drawn, format: "png" });
  const { data } = await decode(await answer.blob());
  // What is solid is the photo's own.
  for (let n = 0; n < data.length; n += 4) if (data[n + 3] === 255) data.set(photo.subarray(n, n + 3), n);
  return { rect, where: wide.cover, rgba: data };
}

/** RGBA of the thing that a stroke shows; null where it shows none. */
export async function thingOf(open, stroke, before = null) {
  // Points where something would change say more than those where nothing does.
  const changes = ([x, y]) => {
    const alpha = before[4 * (Math.round(y) * open.width + Math.round(x)) + 3];
    return stroke.keep ? alpha < 128 : alpha > 127;
  };
  const inside = stroke.points.filter(
    ([x, y]) => x > -0.5 && y > -0.5 && x < open.width - 0.5 && y < open.height - 0.5,
  );
  const telling = before ? inside.filter(changes) : [];
  const points = some(telling.length ? telling : inside, CLICKS);
  if (!points.length) return null;
  try {
    const { rgba } = await pick(open, points, { record: false });
    return onThing(stroke, rgba) < LEAST ? null : rgba;
  } catch (error) {
    if (error.code === "nothing_found") return null;
    throw error;
  }
}

/** Some points of a list, along its whole length. */
function some(list, count) {
  const wanted = Math.min(count, list.length);
  const at = (n) => Math.round((n * (list.length - 1)) / Math.max(1, wanted - 1));
  return Array.from({ length: wanted }, (_, n) => list[at(n)]);
}

/** Share of a stroke that lies on a thing. */
function onThing(stroke, rgba) {
  let [all, both] = [0, 0];
  for (let n = 0; n < stroke.cover.length; n++) {
    if (stroke.cover[n] < 128) continue;
    all++;
    if (rgba[4 * n + 3] > 127) both++;
  }
  return all ? both / all : 0;
}

/** The same way of the hand with a brush of another size. */
function around(stroke, radius) {
  const other = new Stroke(stroke.width, stroke.height, radius);
  for (const [x, y] of stroke.points) other.to(x, y);
  return other;
}

function trimapOf([left, top, right, bottom], stroke, wide, before) {
  const { width, keep } = stroke;
  const core = around(stroke, stroke.radius * CORE);
  const trimap = new Uint8Array((right - left) * (bottom - top));
  for (let y = top, to = 0; y < bottom; y++) {
    for (let n = y * width + left; n < y * width + right; n++, to++) {
      const alpha = before[4 * n + 3];
      const was = alpha <= SURE_OUT ? OUT : alpha >= SURE_IN ? IN : OPEN;
      if (core.cover[n] > 127) trimap[to] = keep ? IN : OUT;
      else if (wide.cover[n] > 127 && was === (keep ? OUT : IN)) trimap[to] = OPEN;
      else trimap[to] = was;
    }
  }
  return trimap;
}

function padded(rect, { width, height }, margin) {
  const [left, top, right, bottom] = rect;
  const wider = [left - margin, top - margin, right + margin, bottom + margin];
  return [
    Math.max(0, wider[0]), Math.max(0, wider[1]), Math.min(width, wider[2]), Math.min(height, wider[3]),
  ];
}

function part([left, top, right, bottom], rgba, width) {
  const row = 4 * (right - left);
  const data = new Uint8Array(row * (bottom - top));
  for (let y = top; y < bottom; y++) {
    const from = 4 * (y * width + left);
    data.set(rgba.subarray(from, from + row), row * (y - top));
  }
  return data;
}

/** With a grain that hides steps of a level or two: the blocks of a JPEG are no edges. */
function grained(photo) {
  const data = new Uint8ClampedArray(photo);
  for (let n = 0, seed = 1; n < data.length; n++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    if (n % 4 < 3) data[n] += ((seed >>> 16) % (2 * GRAIN + 1)) - GRAIN;
  }
  return data;
}
