// The page: photos come in, one is open, and what changes is asked for anew.

import { post } from "./js/api.js";
import { $, complain, make, memory, save, say } from "./js/dom.js";
import { startErase } from "./js/erase.js";
import { add, startGrid, work } from "./js/grid.js";
import { startHand } from "./js/hand.js";
import { behind, finished, isPutTogether, nameOf, orderOf } from "./js/output.js";
import { startPanel } from "./js/panel.js";
import { cut, isByColour, isIn, load, look, unpack } from "./js/shot.js";
import { stage, startStage } from "./js/stage.js";
import { bus, emit, on, shot, state } from "./js/state.js";
import { startTexts, text } from "./js/texts.js";
import { startThings } from "./js/things.js";

const KEYS = [
  ["V", "tool.pick"], ["B", "tool.restore"], ["E", "tool.remove"], ["H", "tool.hand"],
  ["← ↑ → ↓", "keys.arrows"], ["Enter", "keys.enter"], ["+ − 0", "keys.zoom"], ["[ ]", "size"],
  ["Ctrl+Z", "undo"], ["Ctrl+Shift+Z", "redo"], ["Ctrl+V", "keys.paste"],
];
let asking = null; // AbortController of the requests for what is shown
let together = null; // { key, bitmap }: the server's picture with another background

/** Which of the three parts of the page is seen. */
function go(part) {
  for (const id of ["welcome", "photos", "editor"]) $(id).hidden = id !== part;
  if (part !== "editor") {
    asking?.abort();
    if (state.item?.status === "working") state.item.status = "waiting"; // the queue does it
    state.item = null;
    stage.busy(null);
  }
}

function take(files) {
  const photos = [...files].filter((file) => /^image\/|^$/.test(file.type));
  if (!photos.length) return void (files.length && complain(text("no.photo"), text("no.photo.hint")));
  complain(null);
  const items = add(photos);
  if (state.items.length > 1) {
    go("photos");
    work();
  } else {
    open(items[0]);
  }
}

/** Show one photo, and what there is of it. */
async function open(item) {
  state.item = item;
  item.status = item.status === "waiting" ? "working" : item.status; // the queue passes it over
  go("editor");
  $("editor-name").textContent = item.name;
  say("");
  nameTools();
  await show();
}

/** Show the shot that is on now: another photo was opened, or one was made by erasing. */
async function show() {
  const now = shot();
  complain(null);
  if (!now.photo) blank();
  stage.busy(text("loading"));
  try {
    await load(now);
  } catch (error) {
    if (shot() !== now) return;
    stage.busy(null);
    complain(error.message, error.hint);
    Object.assign(state.item, { status: "failed", error });
    emit("items things");
    return;
  }
  if (shot() !== now) return;
  stage.open(now.photo);
  emit("open");
  display();
  if (now.made && state.tab === "erase") stage.split(50);
  await refresh();
}

/** Nothing of the photo that was open before. */
function blank() {
  stage.open(null);
  for (const id of ["save", "copy", "erase"]) $(id).disabled = true;
  emit("things history");
}

/** Ask for whatever is not as it should be; what was asked for before is given up. */
async function refresh() {
  const now = shot();
  if (!now?.photo) return;
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  stage.busy(text(state.tab === "cut" ? "cutting" : "looking"));
  try {
    if (state.tab === "cut") await cutOut(now, signal);
    if (!now.things) {
      stage.busy(text("looking"));
      await look(now);
      if (shot() === now) emit("things");
    }
    if (!signal.aborted && shot() === now) {
      stage.busy(null);
      complain(null);
      ready();
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    stage.busy(null);
    complain(error.message, error.hint);
    if (!now.cut && state.item) Object.assign(state.item, { status: "failed", error });
    emit("items");
  }
}

async function cutOut(now, signal) {
  const { shadow: _, ...options } = state.options;
  const fresh = await cut(now, options, signal);
  if (signal.aborted) return;
  if (fresh || !now.base) {
    await unpack(now);
    if (signal.aborted) return;
    emit("cut");
    if (!now.cut.found && now.choice === null) say(text("none"));
    else if (fresh) say(text("cut.done"));
  }
  if (state.item) Object.assign(state.item, { status: "done", found: now.cut.found, error: null });
  display();
  if (isPutTogether(now) && !now.edited) {
    const { task, fields } = orderOf(now, "png");
    const key = { now, said: JSON.stringify(fields), picture: fields.background };
    if (together && together.key.now === now && together.key.said === key.said && together.key.picture === key.picture) return;
    stage.busy(text("putting"));
    const answer = await post(task, { image: now.file, ...fields, format: "png" }, { signal });
    together?.bitmap.close();
    together = { key, bitmap: await createImageBitmap(await answer.blob()) };
    if (shot() === now) display();
  }
}

/** Whether there is something to save. */
function ready() {
  const now = shot();
  const any = state.tab === "cut" ? Boolean(now.live) : Boolean(now.made);
  for (const id of ["save", "copy"]) $(id).disabled = !any;
  emit("items");
}

/** Everything that is there, on the screen; asks for nothing. */
function display() {
  const now = shot();
  if (!now?.photo) return;
  if (state.tab === "erase") {
    const past = state.item.shots[state.item.at - 1];
    stage.before(past?.photo ?? now.photo);
    stage.after(now.photo);
    stage.backdrop(null);
  } else {
    stage.before(now.photo);
    const served = together?.key.now === now && isPutTogether(now) && !now.edited;
    stage.after(served ? together.bitmap : (now.live ?? null));
    const hand = now.edited ? behind(now) : state.background.kind === "colour" ? state.background.colour : null;
    stage.backdrop(hand);
    if (!now.live) stage.split(100);
    else if (Number($("slider").value) === 100) stage.split(0);
  }
  ready();
}

function setTab(tab) {
  if (tab !== state.tab) $("tool-pick").click(); // a brush means something else on the other one
  state.tab = tab;
  for (const name of ["cut", "erase"]) {
    $(`tab-${name}`).setAttribute("aria-selected", String(name === tab));
    $(`tab-${name}`).tabIndex = name === tab ? 0 : -1;
    $(`for-${name}`).hidden = name !== tab;
  }
  $("panel").setAttribute("aria-labelledby", `tab-${tab}`);
  nameTools();
  stage.split(0);
  say("");
  complain(null);
  emit("tab");
  display();
  if (shot()) refresh();
}

function nameTools() {
  const [restore, remove] = state.tab === "cut" ? ["restore", "remove"] : ["unmark", "mark"];
  $("tool-restore").textContent = text(`tool.${restore}`);
  $("tool-remove").textContent = text(`tool.${remove}`);
  $("back").textContent = text(state.items.length > 1 ? "back" : "another");
}

/** A thing of the list is to be kept or not: the server cuts out anew. */
function keep({ detail: { thing, wanted } }) {
  const now = shot();
  if (isByColour(state.options)) return void say(text("key.note"));
  const before = now.choice;
  const listed = now.things.filter((one) => !one.picked);
  const kept = new Set(listed.filter((one) => isIn(now, one)).map((one) => one.number));
  if (wanted ?? !kept.has(thing.number)) kept.add(thing.number);
  else kept.delete(thing.number);
  choose(now, before, kept);
}

function choose(now, before, after) {
  const step = (choice) => () => {
    now.choice = choice;
  };
  step(after)();
  now.did("cut", { undo: step(before), redo: step(after), asks: true });
  emit("things");
  emit("painted");
  refresh();
}

async function download() {
  const { item } = state;
  const name = nameOf(item);
  await whileBusy(async () => {
    save(await finished(shot()), name);
    say(text("saved", { name }));
  });
}

async function copy() {
  await whileBusy(async () => {
    const format = state.format;
    state.format = "png"; // clipboards take no other
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": finished(shot()) })]);
    } finally {
      state.format = format;
    }
    say(text("copied"));
  });
}

async function whileBusy(run) {
  stage.busy(text("saving"));
  try {
    await run();
    complain(null);
  } catch (error) {
    if (error.name !== "AbortError") complain(error.message, error.hint);
  } finally {
    stage.busy(null);
  }
}

function startTheme() {
  const set = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
  };
  set(memory.get("theme"));
  $("theme").onclick = () => {
    const now = document.documentElement.dataset.theme;
    const dark = now ? now === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    set(dark ? "light" : "dark");
    memory.set("theme", dark ? "light" : "dark");
  };
}

function startFiles() {
  $("files").onchange = () => {
    take($("files").files);
    $("files").value = "";
  };
  $("photos-add").onclick = () => $("files").click();
  addEventListener("paste", (event) => take(event.clipboardData?.files ?? []));
  for (const name of ["dragenter", "dragover"]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      document.body.classList.add("dragging");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      document.body.classList.remove("dragging");
      if (name === "drop") take(event.dataTransfer.files);
    });
  }
}

function startButtons() {
  const back = () => {
    if (state.items.length <= 1) {
      for (const item of state.items) item.card.remove();
      state.items = [];
    }
    setTab("cut");
    go(state.items.length ? "photos" : "welcome");
    emit("items");
    work();
  };
  $("back").onclick = back;
  $("home").onclick = back;
  $("save").onclick = download;
  $("copy").onclick = copy;
  $("error-close").onclick = () => complain(null);
  const tabs = ["cut", "erase"];
  for (const name of tabs) {
    $(`tab-${name}`).onclick = () => setTab(name);
    $(`tab-${name}`).onkeydown = (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const other = tabs.find((one) => one !== name);
      setTab(other);
      $(`tab-${other}`).focus();
    };
  }
  $("help").onclick = () => $("help-dialog").showModal();
  const keys = () => {
    const rows = KEYS.flatMap(([key, said]) => [
      make("dt", { textContent: key }), make("dd", { textContent: text(said) }),
    ]);
    $("help-keys").replaceChildren(...rows);
  };
  keys();
  document.addEventListener("language", keys);
}

function startEvents() {
  on("chosen", () => open(state.item));
  on("shot", show);
  on("wish", refresh);
  on("background painted", display);
  on("painted", () => {
    // What was put together by the server is shown again once nothing is painted any more.
    if (state.tab === "cut" && shot()?.live && isPutTogether(shot()) && !shot().edited) refresh();
  });
  document.addEventListener("language", nameTools);
  on("erasing", () => stage.busy(text("erasing")));
  on("erased", () => stage.busy(null));
  on("auto", () => choose(shot(), shot().choice, null));
  on("items", () => {
    if (!state.items.length && $("editor").hidden) go("welcome");
  });
  bus.addEventListener("keep", keep);
}

await startTexts();
startTheme();
startStage();
startPanel();
startThings();
startHand();
startErase();
startGrid();
startFiles();
startButtons();
startEvents();
go("welcome");
document.documentElement.dataset.ready = "true";
