// Several photos: cards, a queue that works through them, and a zip of the results.

import { $, complain, make, save, say } from "./dom.js";
import { finished, nameOf } from "./output.js";
import { Shot, cut } from "./shot.js";
import { emit, on, state } from "./state.js";
import { text } from "./texts.js";
import { distinct, zip } from "./zip.js";

const AT_ONCE = 2;
let running = 0;

/** Take photos in; gives their items. */
export function add(files) {
  const items = files.map((file) => ({
    name: file.name || "photo.png",
    shots: [new Shot(file)],
    at: 0,
    status: "waiting", // "working", "done", "failed"
    picture: URL.createObjectURL(file),
  }));
  state.items.push(...items);
  for (const item of items) $("cards").append(card(item));
  emit("items");
  return items;
}

/** Cut out what has not been, two at a time: one is sent while the other is worked on. */
export async function work() {
  while (running < AT_ONCE) {
    const item = state.items.find((one) => one.status === "waiting");
    if (!item) return;
    running++;
    one(item).finally(() => {
      running--;
      work();
    });
  }
}

async function one(item) {
  item.status = "working";
  emit("items");
  try {
    const { shadow: _, ...options } = state.options;
    await cut(item.shots[0], options);
    done(item);
  } catch (error) {
    item.status = "failed";
    item.error = error;
  }
  emit("items");
}

function done(item) {
  item.status = "done";
  const { blob, found } = item.shots[0].cut;
  item.found = found;
  if (!blob) return;
  URL.revokeObjectURL(item.picture);
  item.picture = URL.createObjectURL(blob);
}

function card(item) {
  const image = make("img", { alt: "", className: "checks" });
  image.onerror = () => (image.style.visibility = "hidden"); // the browser does not know the format
  image.onload = () => (image.style.visibility = "");
  const name = make("span", { className: "name", textContent: item.name });
  const how = make("span", { className: "how" });
  const open = make("button", { type: "button" }, image, name, how);
  const close = make("button", { type: "button", className: "close", textContent: "×" });
  open.onclick = () => {
    state.item = item;
    emit("chosen");
  };
  close.onclick = () => {
    state.items = state.items.filter((other) => other !== item);
    URL.revokeObjectURL(item.picture);
    item.card.remove();
    emit("items");
  };
  item.card = make("li", { className: "card" }, open, close);
  item.show = () => {
    image.src = item.picture;
    item.card.classList.toggle("failed", item.status === "failed");
    close.setAttribute("aria-label", text("take.out", { name: item.name }));
    const none = item.status === "done" && item.found === false;
    how.textContent = item.error ? [item.error.message, item.error.hint].filter(Boolean).join(". ") : text(none ? "none" : item.status);
  };
  return item.card;
}

function show() {
  for (const item of state.items) item.show();
  const ended = state.items.filter((item) => item.status === "done" || item.status === "failed");
  const failed = ended.filter((item) => item.status === "failed").length;
  $("photos-bar").value = state.items.length ? ended.length / state.items.length : 0;
  const said = { done: ended.length - failed, all: state.items.length, failed };
  const words = text(failed ? "count.failed" : "count", said);
  $("photos-count").textContent = words;
  if (!$("photos").hidden && state.items.length) say(words, { lasting: ended.length < state.items.length });
  $("photos-zip").disabled = ended.length < state.items.length || failed === ended.length;
}

async function pack() {
  const items = state.items.filter((item) => item.status === "done");
  const names = distinct(items.map((item) => nameOf(item)));
  const files = [];
  $("photos-zip").disabled = true;
  try {
    for (const [n, item] of items.entries()) {
      say(text("packing", { done: n + 1, all: items.length }), { lasting: true });
      files.push([names[n], await finished(item.shots[item.at])]);
    }
    save(await zip(files), "nukki.zip");
    say(text("saved", { name: "nukki.zip" }));
  } catch (error) {
    complain(error.message, error.hint);
  } finally {
    $("photos-zip").disabled = false;
  }
}

export function startGrid() {
  on("items", show);
  document.addEventListener("language", show);
  $("photos-zip").onclick = pack;
}
