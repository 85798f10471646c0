// A zip of files that are packed already: stored, with names in UTF-8.

import { crc32 } from "./crc.js";

/** [["a.png", blob], …] as a zip. */
export async function zip(files) {
  const parts = [];
  const list = [];
  let at = 0;
  for (const [name, blob] of files) {
    const body = new Uint8Array(await blob.arrayBuffer());
    const path = new TextEncoder().encode(name);
    const common = fields([
      [2, 20], [2, 0x0800], [2, 0], [2, 0], [2, 0x21], // version, UTF-8, stored, 1980-01-01
      [4, crc32(body)], [4, body.length], [4, body.length], [2, path.length], [2, 0],
    ]);
    const head = [fields([[4, 0x04034b50]]), common, path];
    parts.push(...head, body);
    const rest = fields([[2, 0], [2, 0], [2, 0], [4, 0], [4, at]]);
    list.push(fields([[4, 0x02014b50], [2, 20]]), common, rest, path);
    at += length(head) + body.length;
  }
  const count = files.length;
  const end = fields([
    [4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, length(list)], [4, at], [2, 0],
  ]);
  return new Blob([...parts, ...list, end], { type: "application/zip" });
}

/** Names of which none comes twice: "a.png", "a (2).png". */
export function distinct(names) {
  const taken = new Set();
  return names.map((name) => {
    const [, stem, end] = name.match(/^(.*?)(\.[^.]*)?$/s);
    let free = name;
    for (let n = 2; taken.has(free.toLowerCase()); n++) free = `${stem} (${n})${end ?? ""}`;
    taken.add(free.toLowerCase());
    return free;
  });
}

const length = (parts) => parts.reduce((sum, part) => sum + part.length, 0);

/** Whole numbers of 2 or 4 bytes, the lowest byte first. */
function fields(pairs) {
  const bytes = new Uint8Array(pairs.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of pairs) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}
