// Elements by id, small helpers, and what screen readers are told.

export const $ = (id) => document.getElementById(id);

/** A new element: make("li", { className: "card" }, child, "text"). */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

let clearing = 0;

/** Say something in the line at the bottom, which screen readers read out. */
export function say(text, { lasting = false } = {}) {
  clearTimeout(clearing);
  $("status").textContent = text;
  if (!lasting) clearing = setTimeout(() => ($("status").textContent = ""), 8000);
}

/** Show an error with its hint; null takes it away. */
export function complain(message, hint = "") {
  $("error").hidden = message === null;
  $("error-text").textContent = message ?? "";
  $("error-hint").textContent = hint ?? "";
}

/** Call a function once nobody has asked for it for a while. */
export function later(milliseconds, run) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), milliseconds);
  };
}

/** Give a file to whoever looks at the page. */
export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** What is remembered between visits; a browser that remembers nothing is fine, too. */
export const memory = {
  get(name) {
    try {
      return localStorage.getItem(`nukki-${name}`);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`nukki-${name}`, value);
    } catch {
      // Private windows may forbid it: the choice then lasts as long as the page.
    }
  },
};
