// The controls beside the photo: background, edges, format. They are for all photos.

import { $, later, make } from "./dom.js";
import { HERE } from "./output.js";
import { emit, on, shot, state } from "./state.js";
import { text } from "./texts.js";

const SWATCHES = ["#ffffff", "#000000", "#808080", "#e53935", "#1e88e5", "#43a047"];
const wish = later(350, () => emit("wish")); // the server is asked once the hand rests

function readOptions() {
  const options = colourOptions();
  for (const element of document.querySelectorAll("[data-option]")) {
    const { type, value, checked, disabled } = element;
    if (disabled) continue;
    if (type === "checkbox") options[element.dataset.option] = checked ? "true" : "";
    else options[element.dataset.option] = type === "number" && Number(value) === 0 ? "" : value;
  }
  const [low, high] = [Number($("low").value), Number($("high").value)];
  options.threshold = low === 0 && high === 1 ? "" : `${low},${high}`;
  state.options = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== ""));
  emit("options");
  wish();
}

/** What of cutting by a colour is wished: { key }, { flood } or nothing. */
function colourOptions() {
  const by = $("key-by").value;
  const flood = by === "border" || by === "all";
  for (const one of document.querySelectorAll(".for-own")) one.hidden = by !== "own";
  $("for-keep-shadow").hidden = !by || flood;
  $("keep_shadow").disabled = !by || flood || $("invert").checked;
  $("key-note").hidden = !by || by === "auto";
  if (flood) return { flood: by };
  return { key: by === "own" ? $("key-colour").value : by };
}

/** The lower end stays below the upper one. */
function keepApart(moved) {
  const [low, high] = [Number($("low").value), Number($("high").value)];
  if (high - low >= 0.05) return;
  if (moved === "low") $("high").value = low + 0.05;
  else $("low").value = high - 0.05;
}

function readBackground() {
  state.background.kind = document.querySelector("[name=background]:checked").value;
  state.background.colour = $("colour").value;
  state.background.blur = $("blur").value;
  for (const kind of ["colour", "picture", "blur"]) {
    $(`for-${kind}`).hidden = state.background.kind !== kind;
  }
  for (const one of $("swatches").children) {
    one.setAttribute("aria-pressed", String(one.dataset.colour === $("colour").value));
  }
  notes();
  emit("background");
  wish();
}

async function readPicture() {
  const [file] = $("picture").files;
  state.background.picture = file ?? null;
  $("picture-name").textContent = file?.name ?? "";
  state.background.bitmap?.close();
  // What the browser cannot show, the server can still put behind.
  state.background.bitmap = file ? await createImageBitmap(file).catch(() => null) : null;
  readBackground();
}

function notes() {
  const open = shot();
  const painted = Boolean(open?.edited) && state.tab === "cut";
  for (const one of $("format").options) one.disabled = painted && !HERE.includes(one.value);
  if (painted && !HERE.includes($("format").value)) $("format").value = state.format = "png";
  const white = state.format === "jpeg" && state.background.kind === "none" && state.tab === "cut";
  const said = [white && text("format.white"), painted && text("format.painted")].filter(Boolean);
  $("format-note").hidden = said.length === 0;
  $("format-note").textContent = said.join(" ");
  $("for-crop").hidden = state.tab === "erase";
  $("shadow").disabled = painted;
}

function swatches() {
  $("swatches").replaceChildren(
    ...SWATCHES.map((colour) => {
      const button = make("button", { type: "button", className: "swatch" });
      button.dataset.colour = colour;
      button.style.background = colour;
      button.setAttribute("aria-label", text("background.this", { colour }));
      button.onclick = () => {
        $("colour").value = colour;
        readBackground();
      };
      return button;
    }),
  );
}

function reset() {
  for (const element of document.querySelectorAll("details [data-option]")) {
    if (element.type === "checkbox") element.checked = false;
    else element.value = element.type === "number" ? 0 : "";
  }
  $("low").value = 0;
  $("high").value = 1;
  $("key-by").value = "";
  readOptions();
}

export function startPanel() {
  for (const element of document.querySelectorAll("[data-option]")) element.oninput = readOptions;
  $("key-by").oninput = $("key-colour").oninput = readOptions;
  for (const id of ["low", "high"]) {
    $(id).oninput = () => {
      keepApart(id);
      readOptions();
    };
  }
  for (const one of document.querySelectorAll("[name=background]")) one.onchange = readBackground;
  $("colour").oninput = readBackground;
  $("blur").oninput = readBackground;
  $("picture").onchange = readPicture;
  $("reset").onclick = reset;
  $("format").onchange = () => {
    state.format = $("format").value;
    notes();
  };
  $("crop").onchange = () => (state.crop = $("crop").checked);
  on("open tab painted cut", notes);
  swatches();
  document.addEventListener("language", () => {
    swatches();
    notes();
  });
}
