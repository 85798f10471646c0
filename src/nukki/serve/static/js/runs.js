// Masks as the server sends them: COCO's runs in their short form, column after column.

/** { size: [height, width], counts } as a Uint8Array of 0 and 1, row after row. */
export function maskOf({ size: [height, width], counts }) {
  const mask = new Uint8Array(height * width);
  let at = 0;
  let inside = false;
  for (const run of runsOf(counts)) {
    if (inside) {
      for (let n = at; n < at + run; n++) mask[(n % height) * width + Math.floor(n / height)] = 1;
    }
    at += run;
    inside = !inside;
  }
  return mask;
}

/** Five bits a character, lowest first; each run from the third on as the difference to the last but one. */
function runsOf(counts) {
  const runs = [];
  for (let at = 0; at < counts.length; ) {
    let value = 0;
    let shift = 0;
    let code;
    do {
      code = counts.charCodeAt(at++) - 48;
      value |= (code & 31) << shift;
      shift += 5;
    } while (code & 32);
    if (code & 16) value |= -1 << shift;
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}
