// The tab that takes things out of a photo.

import { fieldsOf, networksOf, post } from "./api.js";
import { $, complain, later, make, say } from "./dom.js";
import { IN, OUT } from "./paint.js";
import { encode } from "./png.js";
import { Shot, load, mask } from "./shot.js";
import { emit, on, shot, state } from "./state.js";
import { text } from "./texts.js";

let known = null; // fields that the server's /api/erase takes
let working = null; // AbortController of what is being asked for

/** 255 where something goes: the chosen things, a little wider, and what was painted. */
export function holeOf(open) {
  const hole = new Uint8Array(open.width * open.height);
  for (const thing of open.things ?? []) {
    if (!open.gone.has(thing.key)) continue;
    const inside = mask(thing);
    for (let n = 0; n < hole.length; n++) if (inside[n]) hole[n] = IN;
  }
  widen(hole, open.width, open.height, state.erase.grow);
  for (let n = 0; open.hole && n < hole.length; n++) {
    if (open.hole[n] === IN) hole[n] = IN;
    else if (open.hole[n] === OUT) hole[n] = 0;
  }
  return hole;
}

/** Distances by steps of 3 to the side and 4 across (Borgefors 1986), forth and back. */
function widen(hole, width, height, pixels) {
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

const show = later(60, () => {
  const open = shot();
  if (!open?.photo || state.tab !== "erase") return;
  open.shown = holeOf(open);
  const any = open.shown.includes(IN);
  $("erase").disabled = !any || working !== null;
  emit("marks");
});

async function erase() {
  const open = shot();
  const { item } = state;
  const hole = open.shown ?? holeOf(open);
  working = new AbortController();
  buttons();
  emit("erasing");
  try {
    const chart = await encode({ width: open.width, height: open.height, data: hole });
    const made = { image: open.file, mask: chart, fill: state.erase.fill };
    const answer = await post("erase", { ...made, format: "png" }, { signal: working.signal });
    const next = new Shot(await answer.blob(), made);
    next.file.name = item.name;
    await load(next);
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
  if (working) $("erase").disabled = true;
}

async function fillers() {
  const names = ["default", "patch", "telea", "ns"];
  const nets = await networksOf("inpainting").catch(() => []);
  known ??= await fieldsOf("erase").catch(() => new Set());
  $("hole-shadow").closest(".grid").classList.toggle("no-shadow", !known.has("shadow"));
  for (const element of [$("hole-shadow"), document.querySelector('[for="hole-shadow"]')]) {
    element.hidden = !known.has("shadow");
  }
  const all = [...new Set([...names, ...nets.map((one) => one.name)])];
  $("fill").replaceChildren(...all.map((name) => make("option", { value: name, textContent: name })));
  $("fill").value = state.erase.fill;
}

export function startErase() {
  $("erase").onclick = erase;
  $("erase-undo").onclick = () => {
    state.item.at -= 1;
    say(text("erase.undone"));
    emit("shot");
  };
  $("hole-grow").oninput = () => {
    state.erase.grow = Number($("hole-grow").value);
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
