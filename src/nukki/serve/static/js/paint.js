// Painting on the cut-out or on the hole: strokes, and patches that undo them.

import { words } from "./shot.js";

// So that no line of a thing that goes is left: how much more goes where it is soft, and the alpha
// below which nothing stays of it.
const [RIM, FAINT] = [1.25, 64];

/** A stroke of a round brush: how much of each pixel it covers, 0 to 255. */
export class Stroke {
  constructor(width, height, radius) {
    Object.assign(this, { width, height, radius });
    this.cover = new Uint8Array(width * height);
    this.points = [];
    this.rect = null; // everything that was painted: [left, top, right, bottom], half open
  }

  /** Draw on to a point; gives the rectangle that changed, or null. */
  to(x, y) {
    const [fromX, fromY] = this.points.at(-1) ?? [x, y];
    this.points.push([x, y]);
    const steps = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) / (this.radius / 3 + 0.5)));
    let changed = null;
    for (let n = 1; n <= steps; n++) {
      const part = this.#dab(fromX + ((x - fromX) * n) / steps, fromY + ((y - fromY) * n) / steps);
      changed = union(changed, part);
    }
    this.rect = union(this.rect, changed);
    return changed;
  }

  #dab(x, y) {
    const soft = Math.max(1, this.radius / 6);
    const reach = this.radius + 1;
    const left = Math.max(0, Math.floor(x - reach));
    const top = Math.max(0, Math.floor(y - reach));
    const right = Math.min(this.width, Math.ceil(x + reach) + 1);
    const bottom = Math.min(this.height, Math.ceil(y + reach) + 1);
    if (left >= right || top >= bottom) return null;
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const inside = (this.radius + 0.5 - Math.hypot(column - x, row - y)) / soft;
        if (inside <= 0) continue;
        const at = row * this.width + column;
        const value = Math.min(255, Math.round(255 * inside));
        if (value > this.cover[at]) this.cover[at] = value;
      }
    }
    return [left, top, right, bottom];
  }
}

export function union(a, b) {
  if (!a || !b) return a ?? b;
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}

/**
 * Changes the cut-out of a shot from what it was when this was made; as often as you like, of which
 * the last one counts. `finish` makes a step of it that can be undone.
 */
export class CutPainter {
  constructor(shot) {
    this.shot = shot;
    if (shot.live === shot.base) shot.live = shot.base.slice();
    shot.touched ??= new Uint8Array(shot.width * shot.height);
    this.live = shot.live.slice();
    this.touched = shot.touched.slice();
  }

  /**
   * Mix in a rectangle.
   * @param cover Share of each pixel, 0 to 255.
   * @param keep Whether pixels come back (true) or go (false).
   * @param own RGBA of a cut-out whose colours and alpha are taken; else the photo's, solid.
   */
  mix([left, top, right, bottom], cover, keep, own = null) {
    const { live, touched, width } = this.shot;
    const colours = own ?? this.shot.pixels();
    const [now, before, fresh] = [words(live), words(this.live), words(colours)];
    for (let row = top; row < bottom; row++) {
      for (let n = row * width + left; n < row * width + right; n++) {
        now[n] = before[n];
        touched[n] = this.touched[n];
        const share = (cover ? cover[n] : 255) / 255;
        const strength = share * (own ? own[4 * n + 3] / 255 : 1);
        if (!strength) continue;
        const alpha = this.live[4 * n + 3];
        touched[n] = 1;
        if (keep) {
          const raised = Math.round(alpha + (255 - alpha) * strength);
          const wanted = own ? Math.max(alpha, Math.round(255 * strength)) : raised;
          if (wanted > alpha) now[n] = fresh[n];
          live[4 * n + 3] = wanted;
        } else {
          // Shares of a pixel add up: on a common rim what goes is all that was there.
          const left = own ? alpha - 255 * Math.min(1, RIM * strength) : alpha * (1 - strength);
          live[4 * n + 3] = own && strength > 0.1 && left < FAINT * share ? 0 : Math.round(left);
          if (!live[4 * n + 3]) now[n] = 0; // nothing of what is gone stays in the file
        }
      }
    }
  }

  /**
   * Take the refined cut-out of a rectangle: alpha only rises (keep), or only falls.
   * @param where Above 0 where it counts; of the photo's size.
   * @param own RGBA of the rectangle alone.
   */
  take([left, top, right, bottom], where, keep, own) {
    const { live, touched, width } = this.shot;
    const [now, before, fresh] = [words(live), words(this.live), words(own)];
    for (let row = top, from = 0; row < bottom; row++) {
      for (let n = row * width + left; n < row * width + right; n++, from++) {
        now[n] = before[n];
        touched[n] = this.touched[n];
        const [was, wanted] = [this.live[4 * n + 3], own[4 * from + 3]];
        if (!where[n] || (keep ? wanted <= was : wanted >= was)) continue;
        now[n] = fresh[from];
        touched[n] = 1;
      }
    }
  }

  /** What undoes and redoes it, for `shot.did`. */
  finish(rect) {
    const { shot } = this;
    const before = patch(rect, shot.width, this.live, this.touched);
    const after = patch(rect, shot.width, shot.live, shot.touched);
    const step = (wanted) => () => {
      restore(rect, shot, wanted);
      return rect;
    };
    return { undo: step(before), redo: step(after), paints: true, bytes: 2 * before.bytes };
  }
}

export const IN = 255; // painted on a hole
export const OUT = 1; // painted off it, whatever things are there

/** The same for the hole of a shot. */
export class HolePainter {
  constructor(shot) {
    this.shot = shot;
    shot.hole ??= new Uint8Array(shot.width * shot.height);
    this.before = shot.hole.slice();
  }

  mix([left, top, right, bottom], cover, keep, inside = null) {
    const { hole, width } = this.shot;
    for (let row = top; row < bottom; row++) {
      for (let n = row * width + left; n < row * width + right; n++) {
        const meant = cover[n] > 127 && (!inside || inside[n]);
        hole[n] = meant ? (keep ? IN : OUT) : this.before[n];
      }
    }
  }

  finish() {
    const { shot, before } = this;
    const after = shot.hole.slice();
    const step = (wanted) => () => void shot.hole.set(wanted);
    return { undo: step(before), redo: step(after), bytes: 2 * after.length };
  }
}

function patch([left, top, right, bottom], width, live, touched) {
  const rows = [];
  for (let row = top; row < bottom; row++) {
    const [from, to] = [row * width + left, row * width + right];
    rows.push([live.slice(4 * from, 4 * to), touched.slice(from, to)]);
  }
  return { rows, bytes: 5 * (right - left) * (bottom - top) };
}

/** Put a patch back; where nothing was painted then, the cut-out of today comes back. */
function restore([left, top, right], shot, { rows }) {
  rows.forEach(([live, touched], n) => {
    const from = (top + n) * shot.width + left;
    shot.touched.set(touched, from);
    for (let x = 0; x < right - left; x++) {
      const source = touched[x] ? live.subarray(4 * x, 4 * x + 4) : shot.base.subarray(4 * (from + x), 4 * (from + x) + 4);
      shot.live.set(source, 4 * (from + x));
    }
  });
}
