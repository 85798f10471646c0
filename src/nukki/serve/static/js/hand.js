// What the pointer does: picking things, the brush, undo and redo.

import { $, complain, say } from "./dom.js";
import { usual, widen } from "./erase.js";
import { CutPainter, HolePainter, Stroke, union } from "./paint.js";
import { decode } from "./png.js";
import { refined, thingOf } from "./refine.js";
import { pick, thingAt } from "./shot.js";
import { stage } from "./stage.js";
import { bus, emit, on, shot, state } from "./state.js";
import { text } from "./texts.js";
import { nameOf, point } from "./things.js";

let stroke = null;
let painter = null;
let busy = false;

const keeps = () => (state.tool === "restore") === (state.tab === "cut");

function down(x, y) {
  const open = shot();
  if (busy || (state.tab === "cut" && !open.live)) return;
  if (state.tool === "pick") return void choose(open, x, y);
  if (state.tool === "hand") return;
  stroke = new Stroke(open.width, open.height, state.brush.size);
  Object.assign(stroke, { keep: keeps(), tab: state.tab, open });
  painter = state.tab === "cut" ? new CutPainter(open) : new HolePainter(open);
  move(x, y);
}

function move(x, y) {
  if (!stroke) return;
  const rect = stroke.to(x, y);
  if (rect) draw(rect);
}

function draw(rect) {
  painter.mix(rect, stroke.cover, stroke.keep);
  show(rect);
}

function show(rect) {
  if (shot() !== stroke.open || state.tab !== stroke.tab) return;
  if (state.tab === "cut") stage.after(stroke.open.live, rect);
  else emit("hole");
}

async function up(cancelled = false) {
  if (!stroke?.rect || cancelled) {
    if (stroke?.rect) painter.mix(stroke.rect, new Uint8Array(stroke.cover.length), true);
    stroke = null;
    if (cancelled) emit("painted");
    return;
  }
  const { open, tab } = stroke;
  busy = true;
  try {
    if (state.brush.snap) await snap(open);
  } catch (error) {
    complain(error.message, error.hint); // the stroke stays as it was drawn
  }
  open.did(tab, painter.finish(stroke.rect));
  stroke = painter = null;
  busy = false;
  emit("painted");
}

/** The stroke as the photo's edges have it; where there are none it stays as it was drawn. */
async function snap(open) {
  stage.busy(text("snapping"));
  try {
    const found = stroke.tab === "cut" ? await snapCut(open) : await snapHole(open);
    if (!found) say(text("no.edge"));
  } finally {
    stage.busy(null);
  }
}

async function snapCut(open) {
  const thing = await thingOf(open, stroke, painter.live);
  if (thing) {
    painter.mix(stroke.rect, stroke.cover, stroke.keep, thing);
    show(stroke.rect);
    return true;
  }
  const part = await refined(open, stroke, painter.live);
  if (!part) return false;
  stroke.rect = union(stroke.rect, part.rect);
  painter.take(part.rect, part.where, stroke.keep, part.rgba);
  show(stroke.rect);
  return true;
}

/** Marks reach as far around the thing as the hole of one that is chosen. */
async function snapHole(open) {
  const rgba = await thingOf(open, stroke);
  if (!rgba) return false;
  const inside = new Uint8Array(open.width * open.height);
  for (let n = 0; n < inside.length; n++) inside[n] = rgba[4 * n + 3] > 127 ? 1 : 0;
  if (stroke.keep) widen(inside, open.width, open.height, usual(open));
  painter.mix(stroke.rect, stroke.cover, stroke.keep, inside);
  show(stroke.rect);
  return true;
}

/** A click: what is listed is turned on or off, what is not is looked for. */
async function choose(open, x, y) {
  const thing = open.things ? thingAt(open, x, y) : null;
  if (thing) return void toggle(thing, state.tab === "erase" ? !open.gone.has(thing.key) : null);
  busy = true;
  stage.busy(text("picking"));
  try {
    const { rgba, ...record } = await pick(open, [[x, y]]);
    open.things ??= [];
    const count = open.things.filter((one) => one.picked).length;
    const fresh = { ...record, key: `p${count}`, picked: letter(count), kept: false, number: 0 };
    const step = {
      undo: () => void (open.things = open.things.filter((one) => one !== fresh)),
      redo: () => void open.things.push(fresh),
    };
    step.redo();
    if (state.tab === "erase") open.gone.add(fresh.key);
    else add(open, fresh, rgba, true, step);
    if (state.tab === "erase") open.did("erase", step);
    say(text("picked", { name: nameOf(fresh) }));
    complain(null);
  } catch (error) {
    complain(error.message, error.hint);
  } finally {
    busy = false;
    stage.busy(null);
    emit("painted");
    emit("things");
  }
}

const letter = (count) => String.fromCharCode(65 + (count % 26)) + (count >= 26 ? Math.floor(count / 26) : "");

/** Put a picked thing into the cut-out, or take it out. `more` is undone with it. */
function add(open, thing, rgba, keep, more = null) {
  const brush = new CutPainter(open);
  const rect = [0, 0, open.width, open.height];
  const [left, top, right, bottom] = thing.box;
  const margin = 8; // of a soft edge
  rect[0] = Math.max(0, left - margin);
  rect[1] = Math.max(0, top - margin);
  rect[2] = Math.min(open.width, right + margin);
  rect[3] = Math.min(open.height, bottom + margin);
  brush.mix(rect, null, keep, rgba);
  const paints = brush.finish(rect);
  thing.kept = keep;
  open.did("cut", {
    ...paints,
    undo() {
      paints.undo();
      more?.undo();
      thing.kept = !keep;
    },
    redo() {
      paints.redo();
      more?.redo();
      thing.kept = keep;
    },
  });
}

async function toggle(thing, wanted = null) {
  const open = shot();
  if (state.tab === "erase") {
    const step = (on) => () => void (on ? open.gone.add(thing.key) : open.gone.delete(thing.key));
    step(wanted)();
    open.did("erase", { undo: step(!wanted), redo: step(wanted) });
    emit("things");
    emit("history");
    return;
  }
  if (thing.picked) {
    const { data } = await decode(thing.blob);
    add(open, thing, data, wanted ?? !thing.kept);
    emit("painted");
    emit("things");
    return;
  }
  bus.dispatchEvent(new CustomEvent("keep", { detail: { thing, wanted } }));
}

/** A thing that stays keeps every pixel of its own, or does no more. */
function protect(thing) {
  const open = shot();
  const wanted = !open.safe.has(thing.key);
  const step = (on) => () => void (on ? open.safe.add(thing.key) : open.safe.delete(thing.key));
  step(wanted)();
  open.did("erase", { undo: step(!wanted), redo: step(wanted) });
  emit("things");
  emit("history");
}

function over(x, y) {
  const open = shot();
  const picking = state.tool === "pick" && x >= 0 && open?.things;
  point(picking ? thingAt(open, x, y) : null);
}

/** The next step back, or forth; erasing itself is the step before all others of the new photo. */
function undo(forth) {
  const open = shot();
  if (!open || busy) return;
  const { past, future } = open.steps[state.tab];
  const [from, to] = forth ? [future, past] : [past, future];
  const step = from.at(-1);
  if (!step) {
    if (state.tab === "erase") emit(forth ? "erase-again" : "bring-back");
    return;
  }
  const run = forth ? step.redo : step.undo;
  if (!run) return;
  run();
  to.push(from.pop());
  say(text(forth ? "redone" : "undone"));
  emit("painted");
  emit("things");
  if (step.asks) emit("wish");
}

function buttons() {
  const open = shot();
  const { past = [], future = [] } = open?.steps[state.tab] ?? {};
  const erasing = state.tab === "erase" && state.item;
  $("undo").disabled = !(past.at(-1)?.undo || (erasing && !past.length && state.item.at > 0));
  $("redo").disabled = !(future.length || (erasing && state.item.at < state.item.shots.length - 1));
}

function setTool(tool) {
  state.tool = tool;
  for (const name of ["pick", "restore", "remove", "hand"]) {
    $(`tool-${name}`).setAttribute("aria-pressed", String(name === tool));
  }
  $("brush").hidden = tool !== "restore" && tool !== "remove";
  point(null);
  emit("tool");
}

function setSize(size) {
  state.brush.size = Math.min(300, Math.max(2, Math.round(size)));
  $("size").value = state.brush.size;
  emit("brush");
}

const TOOLS = { v: "pick", b: "restore", e: "remove", h: "hand" };

function key(event) {
  const command = event.ctrlKey || event.metaKey;
  const writes = event.target.matches?.("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea");
  if (command && event.key.toLowerCase() === "z" && !writes && !$("editor").hidden) {
    event.preventDefault();
    undo(event.shiftKey);
  }
  if (command && event.key.toLowerCase() === "y" && !writes && !$("editor").hidden) {
    event.preventDefault();
    undo(true);
  }
  // Keys without Ctrl only where the photo has the focus: elsewhere they belong to the browser.
  if (command || event.altKey || document.activeElement !== $("stage")) return;
  const name = event.key.toLowerCase();
  if (name in TOOLS) setTool(TOOLS[name]);
  if (name === "[") setSize(state.brush.size / 1.25 - 1);
  if (name === "]") setSize(state.brush.size * 1.25 + 1);
}

export function startHand() {
  stage.listen({ down, move, up, over });
  for (const name of ["pick", "restore", "remove", "hand"]) {
    $(`tool-${name}`).onclick = () => setTool(name);
  }
  $("size").oninput = () => setSize(Number($("size").value));
  $("snap").onchange = () => (state.brush.snap = $("snap").checked);
  $("undo").onclick = () => undo(false);
  $("redo").onclick = () => undo(true);
  document.addEventListener("keydown", key);
  bus.addEventListener("toggle", ({ detail }) => toggle(detail.thing, detail.checked));
  bus.addEventListener("protect", ({ detail }) => protect(detail));
  on("painted history open cut tab", buttons);
}
