// A photo, what was found in it, its cut-out, and what was changed by hand.

import { post } from "./api.js";
import { decode } from "./png.js";
import { maskOf } from "./runs.js";

const MOST_BYTES = 300e6; // of what can be undone

export class Shot {
  /** @param made The fields of the request that made this photo by erasing; null of one that was chosen. */
  constructor(file, made = null) {
    this.file = file;
    this.made = made;
    this.photo = null; // canvas
    this.cut = null; // { key, blob, found, confidence }: the server's PNG
    this.base = null; // its RGBA
    this.live = null; // RGBA as it is shown: `base`, and what was painted
    this.touched = null; // 1 where something was painted
    this.chunks = []; // what the server's PNG says about colours
    this.things = null; // what was found
    this.choice = null; // numbers of the things that are kept; null leaves it to the server
    this.gone = new Set(); // things that are to be erased
    this.safe = new Set(); // things that keep every pixel then
    this.hole = null; // what was painted to be erased, 0 to 255
    this.steps = { cut: { past: [], future: [] }, erase: { past: [], future: [] } }; // { undo, redo }
  }

  /** Whether something was painted on the cut-out. */
  get edited() {
    return this.steps.cut.past.some((step) => step.paints);
  }

  get width() {
    return this.photo.width;
  }

  get height() {
    return this.photo.height;
  }

  /** RGBA of the photo. */
  pixels() {
    this.colours ??= this.photo
      .getContext("2d")
      .getImageData(0, 0, this.width, this.height, { colorSpace: "srgb" }).data;
    return this.colours;
  }

  /** Something was done that can be undone. */
  did(tab, step) {
    this.steps[tab].past.push(step);
    this.steps[tab].future = [];
    // What is long ago can be undone no more; that it was done is still known.
    let bytes = 0;
    for (const old of [...this.steps[tab].past].reverse()) {
      bytes += old.bytes ?? 0;
      if (bytes > MOST_BYTES) Object.assign(old, { undo: null, redo: null, bytes: 0 });
    }
  }
}

/** Decode the photo; formats that the browser does not know (TIFF, HEIC) come from the server. */
export async function load(shot) {
  if (shot.photo) return;
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  try {
    // As the file has them, not for this screen: they go into files again.
    const how = { imageOrientation: "from-image", colorSpaceConversion: "none" };
    const bitmap = await createImageBitmap(shot.file, how);
    Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
  } catch {
    const asked = { image: shot.file, colours: "keep", hidden: "keep", format: "png" };
    const { width, height, data } = await decode(await (await post("remove", asked)).blob());
    for (let n = 3; n < data.length; n += 4) data[n] = 255;
    Object.assign(canvas, { width, height });
    context.putImageData(new ImageData(data, width, height), 0, 0);
  }
  shot.photo = canvas;
}

/** Whether a colour alone decides: no network is asked then, and nothing is chosen. */
export const isByColour = ({ key, flood }) => Boolean(flood || (key && key !== "auto"));

/** The fields of a cut-out of the shot: those of `nukki remove`. */
export function fieldsOfCut(shot, options) {
  const free = shot.choice === null || isByColour(options);
  const subject = free ? "" : [...shot.choice].sort((a, b) => a - b).join(",");
  return { ...options, subject };
}

/** Ask the server for the cut-out unless it is there. Gives whether it is a new one. */
export async function cut(shot, options, signal) {
  const fields = fieldsOfCut(shot, options);
  const none = shot.choice?.size === 0 && !isByColour(options);
  const key = JSON.stringify([fields, none]); // none is not the server's choice
  if (shot.cut?.key === key) return false;
  if (none) {
    shot.cut = { key, blob: null, found: false, confidence: 0 };
    return true;
  }
  const response = await post("remove", { image: shot.file, ...fields, format: "png" }, { signal });
  const header = (name) => response.headers.get(name);
  shot.cut = {
    key,
    blob: await response.blob(),
    found: header("X-Found") !== "false",
    confidence: Number(header("X-Confidence")),
  };
  return true;
}

/** Decode the cut-out under what was painted. */
export async function unpack(shot) {
  if (shot.cut.blob) {
    const { data, chunks, width, height } = await decode(shot.cut.blob);
    if (width !== shot.width || height !== shot.height) throw new Error("a cut-out of another size");
    Object.assign(shot, { base: data, chunks });
  } else {
    shot.base = new Uint8ClampedArray(4 * shot.width * shot.height);
  }
  if (!shot.touched) {
    shot.live = shot.base;
    return;
  }
  const [from, to] = [words(shot.base), words(shot.live)];
  for (let n = 0; n < to.length; n++) if (!shot.touched[n]) to[n] = from[n];
}

/** Four bytes at a time. */
export const words = (rgba) => new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4);

/** Ask for the people and things of the shot. */
export async function look(shot) {
  if (shot.things) return;
  const answer = await post("segment", { image: shot.file, format: "json" });
  const { instances } = await answer.json();
  shot.things = instances.map((one) => ({ ...one, key: `n${one.number}`, picked: null }));
}

/** The thing's mask, one byte a pixel. */
export function mask(thing) {
  thing.inside ??= maskOf(thing.mask);
  return thing.inside;
}

/** Whether at least half of a thing is in the cut-out. */
export function isIn(shot, thing, byColour = false) {
  if (thing.picked) return thing.kept;
  if (shot.choice && !byColour) return shot.choice.has(thing.number);
  if (!shot.base) return false;
  if (thing.judged?.base !== shot.base) {
    const inside = mask(thing);
    let both = 0;
    for (let n = 0; n < inside.length; n++) if (inside[n] && shot.base[4 * n + 3] > 127) both++;
    thing.judged = { base: shot.base, kept: 2 * both >= thing.area && both > 0 };
  }
  return thing.judged.kept;
}

/** The smallest thing that has a pixel. */
export function thingAt(shot, x, y) {
  const [column, row] = [Math.round(x), Math.round(y)];
  const here = (shot.things ?? []).filter((one) => mask(one)[row * shot.width + column]);
  return here.sort((a, b) => a.area - b.area)[0] ?? null;
}

/** Ask for the thing at points, [[x, y], …]: a record, and its RGBA. */
export async function pick(shot, points, { record = true } = {}) {
  const at = points.map(([x, y]) => `${Math.round(x)},${Math.round(y)}`);
  const asked = { image: shot.file, at };
  const picture = post("pick", { ...asked, format: "png" }).then((answer) => answer.blob());
  const said = record ? post("pick", { ...asked, format: "json" }) : null;
  const { data } = await decode(await picture);
  return { rgba: data, blob: await picture, ...(said ? await (await said).json() : {}) };
}
