// The panel of nukki.notebook.Cutter: shows what Python tells, and tells Python what is done.
// State comes as the trait `_told`, pictures as messages; nothing is worked out here but what is
// drawn over the photo.

const PART = 1 << 20; // bytes of a message: servers of notebooks refuse large ones
const MARKS = [["cut", "Cut out", "✂"], ["erase", "Erase", "✕"], ["keep", "Keep", "✓"]];
const BRUSHES = [["restore", "Restore"], ["remove", "Remove"], ["mark", "Mark to erase"], ["unmark", "Unmark"]];
const VIEWS = [["photo", "Photo"], ["preview", "What goes"], ["cutout", "Cut-out"], ["erased", "Erased"]];
const TINTS = { cut: [20, 150, 80, 80], erase: [225, 30, 45, 125], keep: [40, 90, 240, 80] };
const PAINTS = [null, [20, 170, 80, 150], [120, 60, 20, 150], [225, 30, 45, 150], [40, 90, 240, 130]];
const COLOURS = { restore: "#14aa50", remove: "#783c14", mark: "#e11e2d", unmark: "#285af0" };
let requests = Date.now(); // numbers of requests, over all panels of this page
let panels = 0;

function make(tag, properties = {}, ...children) {
  const { attributes = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const bytesOf = (buffer) =>
  buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);

/** Radio buttons that look like buttons: one of several, with the arrow keys of all radio buttons. */
function choice(legend, name, options, chosen) {
  const box = make("fieldset", { className: "nukki-choice" }, make("legend", { textContent: legend }));
  const inputs = new Map();
  for (const [value, words] of options) {
    const input = make("input", { type: "radio", name, value });
    input.onchange = () => chosen(value);
    inputs.set(value, input);
    box.append(make("label", {}, input, make("span", { textContent: words })));
  }
  return { box, inputs };
}

function render({ model, el }) {
  const panel = ++panels;
  const urls = {}; // of the pictures, by view
  let tool = { kind: "check", value: "cut" };
  let things = null; // { pixels, middles }: the number of the thing at each pixel of the screen
  let paint = null; // what was painted at each of them
  let over = 0; // number of the thing that is pointed at
  let spot = null; // of the pointer or the keyboard, in pixels of the photo
  let way = null; // points of the stroke that is being painted
  let waiting = 0; // number of the last request
  const told = () => model.get("_told") ?? {};

  function ask(content, buffers = []) {
    waiting = ++requests;
    root.setAttribute("aria-busy", "true");
    busy.hidden = false;
    model.send({ ...content, id: waiting }, undefined, buffers);
  }

  // --- the parts

  const file = make("input", { type: "file", accept: "image/*,.heic,.heif,.avif,.tif,.tiff" });
  const choose = make("label", { className: "nukki-button" }, "Choose a photo", file);
  const button = (words, act, className = "") => {
    const one = make("button", { type: "button", textContent: words, className });
    one.onclick = act;
    return one;
  };
  const undo = button("Undo", () => ask({ do: "undo" }));
  const redo = button("Redo", () => ask({ do: "redo" }));
  const views = choice("Show", `nukki-view-${panel}`, VIEWS, (view) => ask({ do: "look", view }));
  const setTool = (kind) => (value) => {
    tool = { kind, value };
    point(0);
    place();
  };
  const group = `nukki-tool-${panel}`;
  const clicks = choice("A click checks", group, MARKS, setTool("check"));
  const brushes = choice("Brush", group, BRUSHES, setTool("brush"));
  clicks.inputs.get("cut").checked = true;
  const size = make("input", { type: "range", min: 2, max: 200, value: 20 });
  size.oninput = place;
  const snap = make("input", { type: "checkbox", checked: true });
  const cut = button("Cut out", () => ask({ do: "look", view: "cutout" }), "nukki-main");
  const erase = button("Erase and fill", () => ask({ do: "look", view: "erased" }), "nukki-main");
  const onward = button("Go on with this", () => ask({ do: "go-on" }));
  const save = button("Download PNG", () => ask({ do: "download" }));

  const picture = make("img", { className: "nukki-checks", alt: "", draggable: false });
  const canvas = make("canvas", { attributes: { "aria-hidden": "true" } });
  const ring = make("div", { className: "nukki-spot", hidden: true });
  const helpName = `nukki-help-${panel}`;
  const help = make("p", { id: helpName, className: "nukki-unseen" },
    "Arrow keys move the pointer, with Shift farther. Enter checks or paints what is under it. Square brackets change the brush.");
  const stage = make("div", { className: "nukki-stage", tabIndex: 0, hidden: true,
    attributes: { role: "application", "aria-label": "Photo", "aria-describedby": helpName } }, picture, canvas, ring);
  const list = make("ul", { className: "nukki-things" });
  const empty = make("p", { textContent: "Nothing is listed. A click on the photo adds what is there." });
  const listed = make("fieldset", { className: "nukki-list" }, make("legend", { textContent: "People and things" }), empty, list);
  const busy = make("span", { className: "nukki-wheel", hidden: true });
  const status = make("span", { attributes: { role: "status", "aria-live": "polite" } });
  const error = make("div", { className: "nukki-error", hidden: true, attributes: { role: "alert" } });
  const tools = make("div", { className: "nukki-row" }, clicks.box, brushes.box,
    make("span", { className: "nukki-row" }, make("label", {}, "Size ", size), make("label", {}, snap, " Snap to edges")));
  const actions = make("div", { className: "nukki-row" }, cut, erase, onward, save);
  const work = make("div", { className: "nukki-work" }, make("div", { className: "nukki-seat" }, stage, help), listed);
  const root = make("div", { className: "nukki", attributes: { role: "group", "aria-label": "nukki: cut out and erase", "data-lm-suppress-shortcuts": "true" } },
    make("div", { className: "nukki-row" }, choose, undo, redo, views.box), tools,
    make("div", { className: "nukki-row" }, actions, make("span", { className: "nukki-status" }, busy, status)), error, work);
  el.append(root);

  // --- what Python tells

  function refresh() {
    const now = told();
    const open = Boolean(now.size);
    if (now.answered >= waiting) {
      root.setAttribute("aria-busy", "false");
      busy.hidden = true;
      way = null;
    }
    status.textContent = now.status ?? "";
    error.hidden = !now.error;
    error.replaceChildren(...(now.error ? [make("strong", { textContent: now.error.message }), make("span", { textContent: now.error.hint && ` · ${now.error.hint}` })] : []));
    for (const part of [tools, actions, work, views.box]) part.hidden = !open;
    stage.hidden = !open;
    undo.disabled = !now.undo;
    redo.disabled = !now.redo;
    if (!open) return;
    views.inputs.get(now.view).checked = true;
    for (const view of ["preview", "erased"]) views.inputs.get(view).disabled = !now.erases;
    erase.disabled = !now.erases;
    onward.hidden = now.view !== "erased";
    save.disabled = !now.made;
    [canvas.width, canvas.height] = now.screen;
    picture.width = now.screen[0];
    picture.height = now.screen[1];
    const side = Math.max(...now.size);
    const most = Math.max(20, Math.ceil(side / 6));
    if (Number(size.max) !== most) {
      size.max = most;
      size.value = Math.ceil(side / 40);
    }
    rows(now.things);
    show();
  }

  /** The list; boxes stay the same elements as long as the things do, so that the focus stays. */
  function rows(found) {
    empty.hidden = found.length > 0;
    const key = found.map((one) => `${one.number} ${one.label}`).join();
    if (list.dataset.key !== key) {
      list.dataset.key = key;
      list.replaceChildren(...found.map(row));
    }
    found.forEach((one, place) => {
      for (const box of list.children[place].querySelectorAll("input")) box.checked = one.marks.includes(box.value);
    });
  }

  function row(one) {
    const name = `${one.number} ${one.label}`;
    const boxes = MARKS.map(([mark, words]) => {
      const box = make("input", { type: "checkbox", value: mark, attributes: { "aria-label": `${words}: ${name}` } });
      box.onchange = () => ask({ do: "check", number: one.number, mark, on: box.checked });
      return make("label", {}, box, ` ${words}`);
    });
    const plate = make("span", { className: "nukki-plate", textContent: one.number });
    plate.style.borderColor = one.colour;
    const item = make("li", {}, make("span", { className: "nukki-name" }, plate, ` ${one.label} `,
      make("small", { textContent: `${Math.round(100 * one.score)} %` })), make("span", { className: "nukki-boxes" }, ...boxes));
    item.dataset.number = one.number;
    item.onpointerenter = () => point(one.number);
    item.onpointerleave = () => point(0);
    item.onfocusin = () => point(one.number);
    item.onfocusout = () => point(0);
    return item;
  }

  function hear(content, buffers) {
    const data = buffers.length ? bytesOf(buffers[0]) : null;
    if (content.file) return download(content.file, data);
    if (content.show === "map") things = found(content.bits === 16 ? new Uint16Array(data.slice().buffer) : data.slice());
    else if (content.show === "paint") paint = data?.slice() ?? null;
    else {
      if (urls[content.show]) URL.revokeObjectURL(urls[content.show]);
      urls[content.show] = URL.createObjectURL(new Blob([data]));
      if (content.show === "photo") spot = way = null;
    }
    if (told().size) show();
  }

  /** Where the middle of each thing is: the pixel of it that is nearest to the mean of all. */
  function found(pixels) {
    return { pixels, middles: null };
  }

  function middlesOf({ pixels }, width) {
    const sums = new Map();
    for (let n = 0; n < pixels.length; n++) {
      if (!pixels[n]) continue;
      const sum = sums.get(pixels[n]) ?? [0, 0, 0];
      sum[0] += n % width;
      sum[1] += Math.floor(n / width);
      sum[2]++;
      sums.set(pixels[n], sum);
    }
    const middles = new Map();
    const best = new Map();
    for (let n = 0; n < pixels.length; n++) {
      const number = pixels[n];
      if (!number) continue;
      const [x, y, count] = sums.get(number);
      const away = (n % width - x / count) ** 2 + (Math.floor(n / width) - y / count) ** 2;
      if (away < (best.get(number) ?? Infinity)) {
        best.set(number, away);
        middles.set(number, [n % width, Math.floor(n / width)]);
      }
    }
    return middles;
  }

  function download(name, data) {
    const url = URL.createObjectURL(new Blob([data], { type: "image/png" }));
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  // --- what is drawn

  function show() {
    const { view } = told();
    const url = urls[view] ?? urls.photo;
    if (url && picture.src !== url) picture.src = url;
    picture.alt = VIEWS.find(([name]) => name === view)?.[1] ?? "";
    draw();
    place();
  }

  function draw() {
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    context.clearRect(0, 0, width, height);
    if (told().view === "photo") {
      if (things?.pixels.length === width * height) outlines(context, width, height);
    }
    if (way) stroke(context, width / told().size[0]);
  }

  function outlines(context, width, height) {
    const all = new Map(told().things.map((one) => [one.number, one]));
    const sheet = context.createImageData(width, height);
    const { pixels } = things;
    const line = Math.max(1, Math.round(Math.min(width, height) / 300));
    for (let y = 0, n = 0; y < height; y++) {
      for (let x = 0; x < width; x++, n++) {
        const painted = paint?.length === pixels.length ? PAINTS[paint[n]] : null;
        const one = all.get(pixels[n]);
        if (painted) sheet.data.set(painted, 4 * n);
        if (!one) continue;
        const rim = x < line || y < line || x >= width - line || y >= height - line ||
          pixels[n - line] !== one.number || pixels[n + line] !== one.number ||
          pixels[n - line * width] !== one.number || pixels[n + line * width] !== one.number;
        if (rim) sheet.data.set([...rgb(one.colour), 255], 4 * n);
        else if (!painted) tint(sheet.data, 4 * n, one, x + y);
      }
    }
    context.putImageData(sheet, 0, 0);
    things.middles ??= middlesOf(things, width);
    for (const one of all.values()) number(context, one, things.middles.get(one.number));
  }

  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

  /** What is checked is tinted, erasing in stripes; what is pointed at is lighter. */
  function tint(data, at, one, diagonal) {
    const mark = ["erase", "cut", "keep"].find((name) => one.marks.includes(name));
    if (mark && !(mark === "erase" && diagonal % 12 < 4)) data.set(TINTS[mark], at);
    else if (one.number === over) data.set([255, 255, 255, 90], at);
  }

  function number(context, one, middle) {
    if (!middle) return;
    const said = [one.number, ...MARKS.filter(([mark]) => one.marks.includes(mark)).map(([, , sign]) => sign)].join(" ");
    const letters = Math.max(13, Math.min(canvas.width, canvas.height) / 26);
    context.font = `600 ${letters}px sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const wide = Math.max(letters * 1.5, context.measureText(said).width + letters * 0.8);
    const x = Math.min(Math.max(middle[0], wide / 2), canvas.width - wide / 2);
    const y = Math.min(Math.max(middle[1], letters), canvas.height - letters);
    context.fillStyle = one.number === over ? "#0b57d0" : "#141414e0";
    context.strokeStyle = one.colour;
    context.lineWidth = letters / 8;
    context.beginPath();
    context.roundRect(x - wide / 2, y - letters * 0.75, wide, letters * 1.5, letters * 0.4);
    context.fill();
    context.stroke();
    context.fillStyle = "#fff";
    context.fillText(said, x, y + letters * 0.06);
  }

  function stroke(context, scale) {
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 2 * size.value * scale;
    context.strokeStyle = `${COLOURS[way.kind]}99`;
    context.beginPath();
    way.points.forEach(([x, y], place) => context[place ? "lineTo" : "moveTo"]((x + 0.5) * scale, (y + 0.5) * scale));
    const [x, y] = way.points.at(-1);
    context.lineTo((x + 0.5) * scale + 0.01, (y + 0.5) * scale);
    context.stroke();
  }

  function point(number) {
    if (over === number) return;
    over = number;
    for (const item of list.children) item.classList.toggle("nukki-over", Number(item.dataset.number) === over);
    draw();
  }

  /** The brush, or where the keyboard is. */
  function place() {
    const painting = tool.kind === "brush";
    stage.classList.toggle("nukki-painting", painting);
    ring.hidden = !spot || !(painting || (spot.keys && stage.contains(document.activeElement)));
    if (ring.hidden) return;
    const scale = canvas.clientWidth / told().size[0];
    const across = painting ? Math.max(6, 2 * size.value * scale) : 14;
    Object.assign(ring.style, { left: `${(spot.x + 0.5) * scale}px`, top: `${(spot.y + 0.5) * scale}px`, width: `${across}px`, height: `${across}px` });
  }

  // --- pointer and keys

  /** Of a pointer, in pixels of the photo; the middle of the first one is (0, 0). */
  function spotOf(event) {
    const box = canvas.getBoundingClientRect();
    const [width, height] = told().size;
    const within = (value, last) => Math.min(Math.max(value, 0), last);
    const x = ((event.clientX - box.left) * width) / box.width - 0.5;
    const y = ((event.clientY - box.top) * height) / box.height - 0.5;
    return { x: within(x, width - 1), y: within(y, height - 1), keys: false };
  }

  function thingAt({ x, y }) {
    const [width, height] = told().size;
    const column = Math.floor(((x + 0.5) * canvas.width) / width);
    const row = Math.floor(((y + 0.5) * canvas.height) / height);
    return things?.pixels[Math.min(row, canvas.height - 1) * canvas.width + Math.min(column, canvas.width - 1)] ?? 0;
  }

  function add({ x, y }) {
    const last = way.points.at(-1);
    if (!last || Math.hypot(x - last[0], y - last[1]) >= Math.max(1, size.value / 4)) way.points.push([x, y]);
  }

  function act() {
    if (tool.kind === "check") ask({ do: "click", x: spot.x, y: spot.y, mark: tool.value });
    else {
      way = { kind: tool.value, points: [[spot.x, spot.y]] };
      send();
    }
  }

  function send() {
    ask({ do: "brush", kind: way.kind, points: way.points, size: Number(size.value), snap: snap.checked });
    draw();
  }

  stage.onpointerdown = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    stage.focus({ preventScroll: true });
    spot = spotOf(event);
    if (tool.kind === "check") return act();
    stage.setPointerCapture(event.pointerId);
    way = { kind: tool.value, points: [], on: true };
    add(spot);
    draw();
  };
  stage.onpointermove = (event) => {
    spot = spotOf(event);
    if (way?.on) {
      for (const one of event.getCoalescedEvents?.() ?? [event]) add(spotOf(one));
      draw();
    } else if (told().view === "photo") point(tool.kind === "check" ? thingAt(spot) : 0);
    place();
  };
  stage.onpointerup = () => {
    if (!way?.on) return;
    way.on = false;
    send();
  };
  stage.onpointercancel = () => {
    way = null;
    draw();
  };
  stage.onpointerleave = () => {
    if (!way?.on) spot = null;
    point(0);
    place();
  };
  stage.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [width, height] = told().size;
    const step = (Math.max(width, height) / 100) * (event.shiftKey ? 8 : 1);
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const by = ways[event.key];
    if (by) {
      const from = spot ?? { x: width / 2, y: height / 2 };
      const within = (value, last) => Math.min(Math.max(value, 0), last);
      spot = { x: within(from.x + by[0], width - 1), y: within(from.y + by[1], height - 1), keys: true };
      if (told().view === "photo") point(tool.kind === "check" ? thingAt(spot) : 0);
    } else if (event.key === "Enter" || event.key === " ") {
      spot ??= { x: width / 2, y: height / 2, keys: true };
      act();
    } else if (event.key === "[" || event.key === "]") {
      size.value = Math.round(size.value * (event.key === "]" ? 1.25 : 0.8)) + (event.key === "]" ? 1 : -1);
    } else return;
    event.preventDefault();
    place();
  };
  root.onkeydown = (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      ask({ do: event.shiftKey ? "redo" : "undo" });
    }
    event.stopPropagation(); // the notebook has keys of its own
  };

  // --- photos

  async function upload(photo) {
    const bytes = await photo.arrayBuffer();
    const parts = Math.max(1, Math.ceil(bytes.byteLength / PART));
    for (let part = 0; part < parts; part++) {
      ask({ do: "upload", name: photo.name, part, parts }, [bytes.slice(part * PART, (part + 1) * PART)]);
    }
  }

  file.onchange = () => {
    if (file.files.length) upload(file.files[0]);
    file.value = "";
  };
  root.ondragover = (event) => event.preventDefault();
  root.ondrop = (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) upload(event.dataTransfer.files[0]);
  };

  const resized = new ResizeObserver(place);
  resized.observe(stage);
  model.on("change:_told", refresh);
  model.on("msg:custom", hear);
  refresh();
  ask({ do: "ready" });
  return () => {
    resized.disconnect();
    model.off("change:_told", refresh);
    model.off("msg:custom", hear);
    for (const url of Object.values(urls)) URL.revokeObjectURL(url);
  };
}

export default { render };
