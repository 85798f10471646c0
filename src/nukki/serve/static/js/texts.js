// The words of the page in four languages.
// In the HTML: data-text="key" is the element's text, data-label its accessible name and tooltip,
// data-placeholder="key" what stands in an empty field.

import { $, memory } from "./dom.js";

const LANGUAGES = ["en", "ko", "ja", "zh"];
let words = {};
let english = null; // its labels are the names that networks use
let labels = new Map();

/** The text of a key; {name} in it is replaced. */
export function text(key, values = {}) {
  const said = words[key] ?? key;
  return said.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The word for what a network calls "person", "dog", …; its own name where there is none. */
export const label = (name) => labels.get(name) ?? name;

const load = async (language) => (await fetch(`texts/${language}.json`)).json();

export async function setLanguage(language) {
  english ??= await load("en");
  words = language === "en" ? english : await load(language);
  const said = words.labels.split("|");
  labels = new Map(english.labels.split("|").map((name, n) => [name, said[n]]));
  document.documentElement.lang = language;
  document.title = text("title");
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
    element.title = text(element.dataset.label);
  }
  for (const element of document.querySelectorAll("[data-placeholder]")) {
    element.placeholder = text(element.dataset.placeholder);
  }
  document.dispatchEvent(new Event("language"));
}

/** The language chosen before, else the browser's, else English. */
export async function startTexts() {
  const wanted = [memory.get("language"), ...navigator.languages].filter(Boolean);
  const first = wanted.map((name) => name.slice(0, 2)).find((name) => LANGUAGES.includes(name));
  const select = $("language");
  select.value = first ?? "en";
  select.addEventListener("change", () => {
    memory.set("language", select.value);
    setLanguage(select.value);
  });
  await setLanguage(select.value);
}
