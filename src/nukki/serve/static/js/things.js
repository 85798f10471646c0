// People and things as numbered chips, and what is drawn of them over the photo.

import { $, make } from "./dom.js";
import { isByColour, isIn, mask } from "./shot.js";
import { stage } from "./stage.js";
import { bus, emit, on, shot, state } from "./state.js";
import { label, text } from "./texts.js";

const THUMB = 88;
let over = null; // the thing that the pointer or the focus is on

/** Show which thing is meant; null is none. */
export function point(thing) {
  if (over === thing) return;
  over = thing;
  for (const chip of $("things").children) chip.classList.toggle("over", chip.dataset.key === thing?.key);
  emit("marks");
}

/** "1 person 98 %"; what was picked by a click has a letter. */
export function nameOf(thing) {
  if (thing.picked) return text("things.picked", { letter: thing.picked });
  return `${thing.number} ${label(thing.label)}`;
}

function list() {
  const open = shot();
  const erasing = state.tab === "erase";
  $("things-title").textContent = text(erasing ? "things.erase" : "things.keep");
  const things = open?.things ?? [];
  $("things-none").hidden = things.length > 0 || Boolean(state.item?.error && !open?.photo);
  $("things-none").textContent = text(open?.things ? "things.none" : "things.looking");
  $("things-auto").hidden = erasing || !open || open.choice === null;
  const focused = document.activeElement?.closest?.(".thing")?.dataset.key;
  const inner = document.activeElement?.matches?.(".shield") ? "button" : "input";
  $("things").replaceChildren(...things.map((thing) => chip(open, thing, erasing)));
  if (focused) $("things").querySelector(`[data-key="${focused}"] ${inner}`)?.focus();
  emit("marks");
}

function chip(open, thing, erasing) {
  const byColour = !erasing && isByColour(state.options);
  const checked = erasing ? open.gone.has(thing.key) : isIn(open, thing, byColour);
  const box = make("input", { type: "checkbox", checked, disabled: byColour && !thing.picked });
  box.onchange = () => {
    bus.dispatchEvent(new CustomEvent("toggle", { detail: { thing, checked: box.checked } }));
  };
  box.onfocus = () => point(thing);
  box.onblur = () => point(null);
  const words = make("span", {}, nameOf(thing), " ", make("small", {}, `${Math.round(100 * thing.score)}%`));
  const element = make("li", { className: "thing" }, make("label", {}, box, thumb(open, thing), words));
  if (erasing && !thing.picked && !checked) element.append(shield(open, thing));
  element.dataset.key = thing.key;
  element.onpointerenter = () => point(thing);
  element.onpointerleave = () => point(null);
  return element;
}

/** The button that lets a thing keep every pixel when others are erased. */
function shield(open, thing) {
  const button = make("button", { type: "button", className: "shield", textContent: text("protect") });
  button.setAttribute("aria-pressed", String(open.safe.has(thing.key)));
  button.setAttribute("aria-label", text("protect.this", { name: nameOf(thing) }));
  button.title = text("protect.note");
  button.onclick = () => bus.dispatchEvent(new CustomEvent("protect", { detail: thing }));
  return button;
}

/** The thing's box of the photo; what is beside the thing is faint. */
function thumb(open, thing) {
  if (thing.thumb) return thing.thumb;
  const canvas = make("canvas", { width: THUMB, height: THUMB });
  canvas.setAttribute("aria-hidden", "true");
  const [left, top, right, bottom] = thing.box;
  const [width, height] = [right - left, bottom - top];
  const scale = THUMB / Math.max(width, height);
  const [x, y] = [(THUMB - width * scale) / 2, (THUMB - height * scale) / 2];
  const context = canvas.getContext("2d");
  const place = [left, top, width, height, x, y, width * scale, height * scale];
  const shape = stencil(open, thing);
  const smaller = shape.width / open.width;
  context.drawImage(shape, ...place.map((value, n) => (n < 4 ? value * smaller : value)));
  context.globalCompositeOperation = "source-in";
  context.drawImage(open.photo, ...place);
  context.globalCompositeOperation = "destination-over";
  context.globalAlpha = 0.25;
  context.drawImage(open.photo, ...place);
  thing.thumb = canvas;
  return canvas;
}

/** The thing's mask in blue, no larger than what is drawn over the photo. */
function stencil(open, thing) {
  const { width, height } = $("marks");
  thing.stencil ??= stencilOf(mask(thing), open.width, open.height, width, height, [20, 110, 255]);
  return thing.stencil;
}

function stencilOf(inside, fromWidth, fromHeight, width, height, colour) {
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  for (let y = 0; y < height; y++) {
    const row = Math.min(fromHeight - 1, Math.floor(((y + 0.5) * fromHeight) / height)) * fromWidth;
    for (let x = 0; x < width; x++) {
      if (!inside[row + Math.min(fromWidth - 1, Math.floor(((x + 0.5) * fromWidth) / width))]) continue;
      picture.data.set([...colour, 255], 4 * (y * width + x));
    }
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}

/** The mask of what goes, red; the thing under the pointer, blue; numbers. */
function draw(context, scale) {
  const open = shot();
  if (!open?.photo) return;
  if (state.tab === "erase") {
    const hole = open.shown ?? open.hole;
    if (hole) {
      const { width, height } = context.canvas;
      context.globalAlpha = 0.55;
      context.drawImage(stencilOf(hole, open.width, open.height, width, height, [230, 30, 60]), 0, 0);
    }
  }
  for (const thing of open.things ?? []) {
    if (state.tab !== "erase" || !open.safe.has(thing.key)) continue;
    context.globalAlpha = 0.45;
    context.drawImage(stencilOf(mask(thing), open.width, open.height, context.canvas.width, context.canvas.height, [20, 140, 60]), 0, 0);
  }
  if (over?.mask) {
    context.globalAlpha = 0.5;
    context.drawImage(stencil(open, over), 0, 0);
  }
  context.globalAlpha = 1;
  const asked = state.tab === "erase" && (open.gone.size > 0 || !open.made);
  if (over || asked) for (const thing of open.things ?? []) number(context, scale, thing);
}

function number(context, scale, thing) {
  const [left, top, right, bottom] = thing.box;
  const said = thing.picked || String(thing.number);
  const size = Math.max(14, Math.min(context.canvas.width, context.canvas.height) / 28);
  const [x, y] = [((left + right) / 2) * scale, ((top + bottom) / 2) * scale];
  context.font = `600 ${size}px sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = thing === over ? "#0b57d0" : "#111c";
  context.beginPath();
  context.arc(x, y, size * 0.85, 0, 7);
  context.fill();
  context.fillStyle = "#fff";
  context.fillText(said, x, y);
}

export function startThings() {
  on("open things cut tab options", list);
  on("marks", () => stage.mark(draw));
  on("open", () => (over = null));
  document.addEventListener("language", list);
  $("things-auto").onclick = () => emit("auto");
}
