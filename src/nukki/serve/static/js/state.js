// What the page knows: photos, the one that is open, and the settings, which are for all of them.

export const state = {
  items: [], // photos: { name, shots, at, status, error }
  item: null, // the one that is open
  tab: "cut", // "cut" or "erase"
  tool: "pick", // "pick", "restore", "remove" or "hand"
  brush: { size: 40, snap: true },
  options: {}, // of the server's option table, where they are not as usual
  background: { kind: "none", colour: "#ffffff", picture: null, blur: "" },
  format: "png",
  erase: { fill: "default", grow: "", shadow: "", shape: "" }, // "" leaves it to the server
};

/** The photo that is open, as it is now: the last one of those that erasing made. */
export const shot = () => state.item?.shots[state.item.at] ?? null;

/** Tells the parts of the page what changed: "open", "cut", "things", "marks", "tab", "items", … */
export const bus = new EventTarget();
export const emit = (names) => names.split(" ").forEach((name) => bus.dispatchEvent(new Event(name)));
export const on = (names, run) => names.split(" ").forEach((name) => bus.addEventListener(name, run));
