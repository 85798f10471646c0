// The photo on the screen: zoom, pan, before and after, the pointer and the keyboard.

import { $ } from "./dom.js";
import { emit, on, shot, state } from "./state.js";

const MARKS = 1400; // pixels of the longer side of what is drawn over the photo
const view = { scale: 1, x: 0, y: 0, fitted: true, split: 0 };
const pointers = new Map();
let spot = null; // where the keyboard or the mouse is, in pixels of the photo
let doing = null; // "pan", "act", "pinch" or "split"
let actions = {}; // down(x, y), move(x, y), up(), over(x, y): what the tool does

export const stage = {
  /** What the tool does with the pointer; set once. */
  listen(given) {
    actions = given;
  },

  /** Show another photo; null shows none. */
  open(photo) {
    for (const id of ["sheet", "backdrop"]) $(id).hidden = !photo;
    if (!photo) return void stage.split(0);
    for (const id of ["before", "after"]) {
      $(id).width = photo.width;
      $(id).height = photo.height;
    }
    $("before").getContext("2d").drawImage(photo, 0, 0);
    const small = Math.min(1, MARKS / Math.max(photo.width, photo.height));
    const marks = $("marks");
    marks.width = Math.max(1, Math.round(photo.width * small));
    marks.height = Math.max(1, Math.round(photo.height * small));
    marks.style.transformOrigin = "0 0";
    marks.style.transform = `scale(${photo.width / marks.width}, ${photo.height / marks.height})`;
    spot = null;
    stage.split(0);
    fit();
  },

  /** What the compare slider shows on its left. */
  before(photo) {
    $("before").getContext("2d").clearRect(0, 0, $("before").width, $("before").height);
    $("before").getContext("2d").drawImage(photo, 0, 0, $("before").width, $("before").height);
  },

  /** Show a result: RGBA of the photo's size, or a picture; `rect` where only a part is new. */
  after(result, rect = null) {
    const context = $("after").getContext("2d");
    if (result instanceof Uint8ClampedArray) {
      const { width, height } = $("after");
      const [left, top, right, bottom] = rect ?? [0, 0, width, height];
      context.putImageData(new ImageData(result, width, height), 0, 0, left, top, right - left, bottom - top);
    } else {
      context.clearRect(0, 0, $("after").width, $("after").height);
      if (result) context.drawImage(result, 0, 0, $("after").width, $("after").height);
    }
  },

  /** What shines through: nothing (null: checks), a colour, or a canvas. */
  backdrop(behind) {
    const element = $("backdrop");
    element.replaceChildren();
    element.className = behind ? "" : "checks";
    element.style.background = typeof behind === "string" ? behind : "";
    if (behind instanceof HTMLCanvasElement) element.append(behind);
  },

  /** Draw over the photo: draw(context, scale). */
  mark(draw) {
    const canvas = $("marks");
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    draw?.(context, canvas.width / $("before").width);
  },

  /** How much of the photo before is shown, 0 to 100. */
  split(value) {
    view.split = value;
    $("slider").value = value;
    place();
  },

  busy(words) {
    $("busy").hidden = !words;
    $("busy-text").textContent = words ?? "";
    $("stage").setAttribute("aria-busy", String(Boolean(words)));
  },

  refresh: place,
};

function fit() {
  const { clientWidth, clientHeight } = $("stage");
  const { width, height } = $("before");
  if (!clientWidth || !width) return;
  view.scale = Math.min(clientWidth / width, clientHeight / height);
  view.x = (clientWidth - width * view.scale) / 2;
  view.y = (clientHeight - height * view.scale) / 2;
  view.fitted = true;
  place();
}

function zoom(factor, x = $("stage").clientWidth / 2, y = $("stage").clientHeight / 2) {
  const scale = Math.min(32, Math.max(0.02, view.scale * factor));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  view.fitted = false;
  place();
}

function pan(right, down) {
  view.x += right;
  view.y += down;
  view.fitted = false;
  place();
}

/** Everything where it belongs. */
function place() {
  const { width, height } = $("before");
  const { x, y, scale, split } = view;
  $("sheet").style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  $("sheet").classList.toggle("sharp", scale >= 3);
  Object.assign($("backdrop").style, {
    // A little smaller, so that no edge of it looks out.
    left: `${x + 0.5}px`, top: `${y + 0.5}px`, width: `${width * scale - 1}px`, height: `${height * scale - 1}px`,
  });
  $("before").style.clipPath = `inset(0 ${100 - split}% 0 0)`;
  $("split").hidden = split === 0 || split === 100;
  $("split").style.left = `${x + (width * scale * split) / 100}px`;
  const percent = `${Math.round(100 * scale)}%`;
  $("zoom-now").textContent = percent;
  $("zoom-fit").setAttribute("aria-label", `${percent} ${$("zoom-fit").title}`);
  placeSpot();
}

function placeSpot() {
  const painting = state.tool === "restore" || state.tool === "remove";
  const focused = document.activeElement === $("stage") && spot?.keys;
  $("stage").classList.toggle("painting", painting);
  $("stage").classList.toggle("panning", state.tool === "hand");
  $("spot").hidden = !spot || state.tool === "hand" || !(painting || focused);
  if (!spot) return;
  const size = painting ? Math.max(4, 2 * state.brush.size * view.scale) : 14;
  Object.assign($("spot").style, {
    left: `${view.x + (spot.x + 0.5) * view.scale}px`, top: `${view.y + (spot.y + 0.5) * view.scale}px`,
    width: `${size}px`, height: `${size}px`,
  });
}

/** Of a pointer, in pixels of the photo; the middle of the first pixel is (0, 0). */
function spotOf(event) {
  const box = $("stage").getBoundingClientRect();
  const x = (event.clientX - box.left - $("stage").clientLeft - view.x) / view.scale - 0.5;
  const y = (event.clientY - box.top - $("stage").clientTop - view.y) / view.scale - 0.5;
  return { x, y, keys: false };
}

const isInside = ({ x, y }) => x > -0.5 && y > -0.5 && x < $("before").width - 0.5 && y < $("before").height - 0.5;

function down(event) {
  if (!shot()?.photo) return;
  $("stage").focus({ preventScroll: true });
  $("stage").setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, event);
  spot = spotOf(event);
  if (event.target === $("split")) {
    doing = "split";
  } else if (pointers.size === 2) {
    if (doing === "act") actions.up(true);
    doing = "pinch";
  } else if (pointers.size === 1) {
    const pans = state.tool === "hand" || event.button === 1 || event.shiftKey;
    doing = pans ? "pan" : event.button === 0 && (isInside(spot) || state.tool !== "pick") ? "act" : null;
    if (doing === "act") actions.down(spot.x, spot.y);
  }
  placeSpot();
}

function move(event) {
  const last = pointers.get(event.pointerId);
  spot = spotOf(event);
  if (doing === "pan" && last) pan(event.clientX - last.clientX, event.clientY - last.clientY);
  if (doing === "pinch" && last) pinch(event, last);
  if (doing === "split") {
    stage.split(Math.min(100, Math.max(0, (100 * (spot.x + 0.5)) / $("before").width)));
  }
  if (doing === "act") {
    for (const one of event.getCoalescedEvents?.() ?? [event]) actions.move(spotOf(one).x, spotOf(one).y);
  }
  if (!doing && shot()?.photo) actions.over(...(isInside(spot) ? [spot.x, spot.y] : [-1, -1]));
  if (last) pointers.set(event.pointerId, event);
  placeSpot();
}

function pinch(event, last) {
  const other = [...pointers.values()].find((one) => one.pointerId !== event.pointerId);
  if (!other) return;
  const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
  const box = $("stage").getBoundingClientRect();
  zoom(apart(event) / Math.max(1, apart(last)), (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
  pan((event.clientX - last.clientX) / 2, (event.clientY - last.clientY) / 2);
}

function up(event) {
  pointers.delete(event.pointerId);
  if (doing === "act") actions.up(event.type === "pointercancel");
  if (!pointers.size || doing !== "pinch") doing = null;
}

/** Keys while the photo has the focus; with the arrows everything can be done without a mouse. */
function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !shot()?.photo) return;
  const far = event.shiftKey ? 60 : 12;
  const arrows = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
  if (event.key in arrows) {
    const [right, below] = arrows[event.key];
    if (state.tool === "hand") pan(-right, -below);
    else walk(right / view.scale, below / view.scale);
  } else if (event.key === "Enter" || event.key === " ") {
    spot ??= { x: $("before").width / 2, y: $("before").height / 2, keys: true };
    actions.down(spot.x, spot.y);
    actions.up();
  } else if (event.key === "+" || event.key === "=") zoom(1.25);
  else if (event.key === "-") zoom(0.8);
  else if (event.key === "0") fit();
  else return;
  event.preventDefault();
}

function walk(right, below) {
  const { width, height } = $("before");
  const from = spot ?? { x: width / 2, y: height / 2 };
  const x = Math.min(width - 1, Math.max(0, from.x + right));
  const y = Math.min(height - 1, Math.max(0, from.y + below));
  spot = { x, y, keys: true };
  actions.over(x, y);
  placeSpot();
}

export function startStage() {
  const element = $("stage");
  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", move);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("pointerleave", () => {
    if (doing) return;
    spot = null;
    placeSpot();
    actions.over(-1, -1);
  });
  element.addEventListener("keydown", key);
  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = element.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  $("zoom-in").onclick = () => zoom(1.25);
  $("zoom-out").onclick = () => zoom(0.8);
  $("zoom-fit").onclick = fit;
  $("slider").oninput = () => stage.split(Number($("slider").value));
  new ResizeObserver(() => (view.fitted ? fit() : place())).observe(element);
  on("tool brush", placeSpot);
  on("open", () => emit("marks"));
}
