// The server: requests, its errors, and patience while it is busy.

import { $, say } from "./dom.js";
import { text } from "./texts.js";

const MOST_TRIES = 30;
let key = "";

/** An error as the server tells it. */
export class ServerError extends Error {
  constructor(message, { hint = "", code = "", status = 0 } = {}) {
    super(message);
    Object.assign(this, { hint, code, status });
  }
}

/**
 * Ask for something: post("remove", { image: file, edges: "best" }).
 * Fields that are null or "" are left out, an array is a field that comes more than once.
 */
export async function post(task, fields, { signal } = {}) {
  for (let tries = 1; ; tries++) {
    const response = await reach(`api/${task}`, fields, signal);
    if (response?.ok) return response;
    if (response?.status === 401) {
      await askForKey(await errorOf(response), signal);
      continue;
    }
    const busy = response === null || response.status === 429 || response.status === 503;
    // No answer at all is tried twice more: a proxy restarts, a connection is reset.
    if (!busy || tries >= (response === null ? 3 : MOST_TRIES)) throw await errorOf(response);
    const asked = Number(response?.headers.get("Retry-After")) || Math.min(tries, 5);
    if (response?.status === 429) say(text("busy", { seconds: Math.ceil(asked) }));
    // Not all at the same moment: several photos, or several people, wait.
    await pause(1000 * asked * (1 + Math.random() / 3), signal);
  }
}

/** The networks of a task that are on the server. */
export async function networksOf(task) {
  const response = await fetch("api/models", { headers: key ? { "X-Api-Key": key } : {} });
  if (!response.ok) return [];
  return (await response.json()).models.filter((one) => one.task === task && one.here);
}

/** The form fields that a task takes on this server: a set of names. */
export async function fieldsOf(task) {
  const response = await fetch("openapi.json");
  if (!response.ok) throw await errorOf(response);
  const schema = (await response.json()).paths[`/api/${task}`].post.requestBody.content;
  return new Set(Object.keys(schema["multipart/form-data"].schema.properties));
}

async function reach(address, fields, signal) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one instanceof Blob) body.append(name, one, one.name || name);
      else if (one !== null && one !== undefined && one !== "") body.append(name, String(one));
    }
  }
  try {
    const headers = key ? { "X-Api-Key": key } : {};
    return await fetch(address, { method: "POST", body, headers, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

async function errorOf(response) {
  if (!response) return new ServerError(text("unreachable"), { hint: text("unreachable.hint") });
  const status = response.status;
  try {
    const { error, hint, code } = await response.json();
    return new ServerError(error, { hint, code, status });
  } catch {
    // A proxy before the server answers in its own words.
    return new ServerError(text("odd", { status }), { hint: text("unreachable.hint"), status });
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    });
  });
}

let asking = null; // several requests may need the key at the same moment

function askForKey(error) {
  asking ??= new Promise((resolve, reject) => {
    const dialog = $("key-dialog");
    $("key-error").textContent = key ? error.message : "";
    dialog.returnValue = "";
    dialog.onclose = () => {
      asking = null;
      key = $("key").value.trim();
      if (dialog.returnValue === "ok" && key) resolve();
      else reject(error);
    };
    dialog.showModal();
  });
  return asking;
}
