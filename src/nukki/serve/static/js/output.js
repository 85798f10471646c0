// The finished picture: the server's bytes, or, where something was painted, a file made here.

import { post } from "./api.js";
import { make } from "./dom.js";
import { encode } from "./png.js";
import { cut, fieldsOfCut, load, unpack } from "./shot.js";
import { state } from "./state.js";

const ENDS = { png: "png", webp: "webp", jpeg: "jpg", avif: "avif", tiff: "tiff" };
export const HERE = ["png", "webp", "jpeg"]; // formats that a browser writes
const USUAL_BLUR = 20; // thousandths of the longer side

/** What the server is asked for besides the cut-out itself: { task, fields }. */
export function orderOf(shot, format) {
  const { kind, colour, picture, blur } = state.background;
  const { shadow, ...options } = state.options;
  const fields = fieldsOfCut(shot, options);
  const own = kind === "picture" && picture;
  if (own || kind === "blur" || shadow) {
    const plain = kind === "colour" ? colour : format === "jpeg" ? "white" : "transparent";
    const background = own ? picture : kind === "blur" ? "blur" : plain;
    const radius = kind === "blur" && Number(blur) !== USUAL_BLUR ? radiusOf(shot) : "";
    return { task: "replace", fields: { ...fields, shadow, background, blur: radius } };
  }
  // JPEG has no transparency; the page says so beside the format.
  const behind = kind === "colour" ? colour : format === "jpeg" ? "white" : "";
  return { task: "remove", fields: { ...fields, background: behind, crop: state.crop ? 0 : "" } };
}

const radiusOf = (shot) =>
  Math.max(1, Math.round((Math.max(shot.width, shot.height) * state.background.blur) / 1000));

/** Whether the server has to put something behind that a colour on the screen cannot show. */
export const isPutTogether = (shot) => orderOf(shot, "png").task === "replace";

/** The finished file. */
export async function finished(shot, signal) {
  const format = state.format;
  if (state.tab === "erase" && shot.made) {
    if (format === "png") return shot.file;
    return (await post("erase", { ...shot.made, format }, { signal })).blob();
  }
  const { shadow: _, ...options } = state.options;
  await load(shot);
  await cut(shot, options, signal);
  if (shot.edited || !shot.cut.blob) return painted(shot, format);
  const { task, fields } = orderOf(shot, format);
  if (task === "remove" && format === "png" && !fields.background && !state.crop) return shot.cut.blob;
  return (await post(task, { image: shot.file, ...fields, format }, { signal })).blob();
}

/** The name of the finished file; never that of the photo. */
export function nameOf(item, format = state.format) {
  const stem = item.name.replace(/\.[^.]*$/, "") || "photo";
  const name = `${stem}.${ENDS[format]}`;
  if (state.tab === "erase") return `${stem}-erased.${ENDS[format]}`;
  return name.toLowerCase() === item.name.toLowerCase() ? `${stem}-cut.${ENDS[format]}` : name;
}

/** What lies behind a cut-out that was painted: null, a colour, or a canvas. */
export function behind(shot) {
  const { kind, colour, picture, bitmap } = state.background;
  if (kind === "colour") return colour;
  const canvas = make("canvas", { width: shot.width, height: shot.height });
  const context = canvas.getContext("2d");
  if (kind === "blur") {
    context.filter = `blur(${radiusOf(shot)}px)`;
    context.drawImage(shot.photo, 0, 0);
    return canvas;
  }
  if (kind !== "picture" || !picture || !bitmap) return null;
  const scale = Math.max(shot.width / bitmap.width, shot.height / bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, (shot.width - width) / 2, (shot.height - height) / 2, width, height);
  return canvas;
}

async function painted(shot, format) {
  if (!shot.base) await unpack(shot);
  let picture = { width: shot.width, height: shot.height, data: shot.live, chunks: shot.chunks };
  if (state.crop) picture = cropped(picture);
  const back = behind(shot) ?? (format === "jpeg" ? "#ffffff" : null);
  if (format === "png" && back === null) return encode(picture);
  const canvas = make("canvas", { width: picture.width, height: picture.height });
  const context = canvas.getContext("2d");
  if (typeof back === "string") {
    context.fillStyle = back;
    context.fillRect(0, 0, canvas.width, canvas.height);
  } else if (back) {
    context.drawImage(back, -(picture.left ?? 0), -(picture.top ?? 0));
  }
  const over = make("canvas", { width: picture.width, height: picture.height });
  over.getContext("2d").putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
  context.drawImage(over, 0, 0);
  if (format === "png") {
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return encode({ ...picture, data });
  }
  return new Promise((resolve) => canvas.toBlob(resolve, `image/${format}`, 0.92));
}

/** The part that is not empty; all of it where everything is. */
function cropped({ width, height, data, chunks }) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0, n = 3; y < height; y++) {
    for (let x = 0; x < width; x++, n += 4) {
      if (!data[n]) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = y + 1;
    }
  }
  if (left >= right) return { width, height, data, chunks };
  const part = new Uint8ClampedArray(4 * (right - left) * (bottom - top));
  for (let y = top; y < bottom; y++) {
    part.set(data.subarray(4 * (y * width + left), 4 * (y * width + right)), 4 * (y - top) * (right - left));
  }
  return { width: right - left, height: bottom - top, data: part, chunks, left, top };
}
