// The tab that takes things out of a photo.

import { fieldsOf, networksOf, post } from "./api.js";
import { $, complain, later, make, say } from "./dom.js";
import { IN, OUT } from "./paint.js";
import { encode } from "./png.js";
import { maskOf } from "./runs.js";
import { Shot, load, mask } from "./shot.js";
import { emit, on, shot, state } from "./state.js";
import { text } from "./texts.js";

const LOTS = ["default", "patch"]; // who fills by drawing lots
let known = null; // fields that the server's /api/erase takes
let working = null; // AbortController of the erasing
let looking = null; // that of the hole that is shown before

/** 255 where something goes: the chosen things, a little wider, and what was painted. */
export function holeOf(open) {
  const hole = new Uint8Array(open.width * open.height);
  for (const thing of open.things ?? []) {
    if (!open.gone.has(thing.key)) continue;
    const inside = mask(thing);
    for (let n = 0; n < hole.length; n++) if (inside[n]) hole[n] = IN;
  }
  widen(hole, open.width, open.height, state.erase.grow === "" ? usual(open) : Number(state.erase.grow));
  for (const thing of open.things ?? []) {
    if (!open.safe.has(thing.key) || open.gone.has(thing.key)) continue;
    const inside = mask(thing);
    for (let n = 0; n < hole.length; n++) if (inside[n]) hole[n] = 0;
  }
  for (let n = 0; open.hole && n < hole.length; n++) {
    if (open.hole[n] === IN) hole[n] = IN;
    else if (open.hole[n] === OUT) hole[n] = 0;
  }
  return hole;
}

/** Pixels that go around a thing: its edge is soft. */
export const usual = (open) => 2 + Math.max(open.width, open.height) / 250;

/** Distances by steps of 3 to the side and 4 across (Borgefors 1986), forth and back. */
export function widen(hole, width, height, pixels) {
  if (!pixels) return;
  const far = new Uint16Array(hole.length);
  for (let n = 0; n < hole.length; n++) far[n] = hole[n] ? 0 : 65000;
  const pass = (from, to, step) => {
    for (let n = from; n !== to; n += step) {
      const x = n % width;
      const [back, fore] = step > 0 ? [x > 0, x < width - 1] : [x < width - 1, x > 0];
      const above = n - step * width;
      let least = far[n];
      if (back) least = Math.min(least, far[n - step] + 3);
      if (above >= 0 && above < far.length) {
        least = Math.min(least, far[above] + 3);
        if (back) least = Math.min(least, far[above - step] + 4);
        if (fore) least = Math.min(least, far[above + step] + 4);
      }
      far[n] = least;
    }
  };
  pass(0, far.length, 1);
  pass(far.length - 1, -1, -1);
  for (let n = 0; n < hole.length; n++) if (far[n] <= 3 * pixels) hole[n] = IN;
}

/**
 * What goes, as fields of /api/erase: by numbers where only listed things are chosen, so that the
 * server looks for what they hold and for their shadows; else as a mask.
 */
async function wishOf(open) {
  const { fill, grow, shadow, shape } = state.erase;
  const chosen = (open.things ?? []).filter((one) => open.gone.has(one.key));
  const listed = chosen.length > 0 && chosen.every((one) => !one.picked) && !open.hole?.some(Boolean);
  if (listed && known?.has("what")) {
    const what = chosen.map((one) => one.number).join(",");
    return { image: open.file, what, ...excepted(open), grow, shadow, shape, fill };
  }
  const { width, height } = open;
  const mask = await encode({ width, height, data: holeOf(open) });
  // The mask is as wide as it is shown; only the shadow is the server's.
  const exact = known?.has("grow") ? 0 : "";
  return { image: open.file, mask, ...excepted(open), grow: exact, shadow: known?.has("shadow") ? shadow : "", fill };
}

/** Who keeps every pixel, as a field. */
function excepted(open) {
  const safe = (open.things ?? []).filter((one) => open.safe.has(one.key) && !open.gone.has(one.key));
  return { except: safe.map((one) => one.number).join(",") };
}

const show = later(60, () => {
  const open = shot();
  if (!open?.photo || state.tab !== "erase") return;
  open.shown = holeOf(open);
  const any = open.shown.includes(IN);
  $("erase").disabled = !any || working !== null;
  emit("marks");
  if (any && known?.has("preview")) ahead(open);
});

/** The hole as the server would take it, with shadows. */
const ahead = later(300, async (open) => {
  looking?.abort();
  looking = new AbortController();
  const { signal } = looking;
  try {
    const asked = { ...(await wishOf(open)), preview: "true", format: "json" };
    const { hole } = await (await post("erase", asked, { signal })).json();
    if (!hole || signal.aborted || shot() !== open) return;
    open.shown = maskOf(hole);
    emit("marks");
  } catch (error) {
    if (error.name !== "AbortError") complain(error.message, error.hint);
  }
});

/** Erase what is chosen, or (with `made`) once more what was, with other lots. */
async function erase(made = null) {
  const open = shot();
  const { item } = state;
  looking?.abort();
  working = new AbortController();
  buttons();
  emit("erasing");
  try {
    const wish = made ?? (await wishOf(open));
    const answer = await post("erase", { ...wish, format: "png" }, { signal: working.signal });
    const next = new Shot(await answer.blob(), wish);
    next.file.name = item.name;
    await load(next);
    if (made) item.at -= 1;
    item.shots.splice(item.at + 1, Infinity, next);
    item.at += 1;
    complain(null);
    say(text("erase.done"));
    if (state.item === item) emit("shot");
  } catch (error) {
    if (error.name !== "AbortError") complain(error.message, error.hint);
  } finally {
    working = null;
    emit("erased");
    buttons();
    show();
  }
}

function buttons() {
  $("erase-undo").disabled = working !== null || !state.item?.at;
  $("erase-other").disabled = working !== null || !LOTS.includes(shot()?.made?.fill);
  if (working) $("erase").disabled = true;
}

async function fillers() {
  const names = [...LOTS, "telea", "ns"];
  const nets = await networksOf("inpainting").catch(() => []);
  known ??= await fieldsOf("erase").catch(() => new Set());
  for (const element of [$("hole-shadow"), document.querySelector('[for="hole-shadow"]')]) {
    element.hidden = !known.has("shadow");
  }
  const all = [...new Set([...names, ...nets.map((one) => one.name)])];
  $("fill").replaceChildren(...all.map((value) => make("option", { value })));
  $("fill").value = state.erase.fill;
  nameFillers();
  show();
}

function nameFillers() {
  const said = { default: text("edges.auto"), patch: text("fill.patch"), telea: "Telea", ns: "Navier-Stokes" };
  for (const one of $("fill").options) one.textContent = said[one.value] ?? one.value;
}

export function startErase() {
  $("erase").onclick = () => erase();
  $("erase-other").onclick = () => {
    const { made } = shot();
    erase({ ...made, seed: (made.seed ?? 0) + 1 });
  };
  $("hole-shape").onchange = () => {
    state.erase.shape = $("hole-shape").value;
    show();
  };
  document.addEventListener("language", nameFillers);
  const turn = (by) => () => {
    if (working || !state.item?.shots[state.item.at + by]) return;
    state.item.at += by;
    say(text(by < 0 ? "erase.undone" : "erase.done"));
    emit("shot");
  };
  $("erase-undo").onclick = turn(-1);
  on("bring-back", turn(-1));
  on("erase-again", turn(1));
  $("hole-grow").oninput = () => {
    state.erase.grow = $("hole-grow").value;
    show();
  };
  $("hole-shadow").onchange = () => {
    state.erase.shadow = $("hole-shadow").value;
    show();
  };
  $("fill").onchange = () => (state.erase.fill = $("fill").value);
  on("open things hole tab", () => {
    buttons();
    show();
  });
  let filled = false;
  on("tab", () => {
    if (state.tab !== "erase" || filled) return;
    filled = true;
    fillers();
  });
}
