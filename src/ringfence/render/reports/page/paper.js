// A matrix on paper that is larger than a page: parts of it, each as large as a page, with the names of its rows and columns.

import { content } from "./cells.js";
import { counted, h, placed } from "./elements.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./matrix.js").Line} Line */
/**
 * How the matrix looks: the room for the names of rows and of columns in CSS pixels, whether cells have ports, and a name.
 * @typedef {{names: number, head: number, isWide: boolean, nameOf: (line: Line) => string}} Look
 */

/** The room of a page, A4 on its side, in CSS pixels at the scale of the parts. */
const SCALE = 0.75;
const [PAGE_WIDTH, PAGE_HEIGHT] = [1000 / SCALE, 640 / SCALE];
const MOST_PARTS = 80;

/**
 * The parts in which something may pass or has changed.
 * @param {Report} report
 * @param {Line[]} rows
 * @param {Line[]} columns
 * @param {Look} look
 */
export function parts(report, rows, columns, look) {
  const down = blocks(rows, PAGE_HEIGHT - look.head - CAPTION);
  const across = blocks(columns, PAGE_WIDTH - look.names - LEANING);
  const made = down.flatMap((some) => across.flatMap((others) => part(report, some, others, look) ?? []));
  const whole = down.length * across.length;
  return h(
    "div",
    { class: "paper" },
    h("p", {}, `On paper the matrix has ${counted(whole, "part")}. ${counted(Math.min(made.length, MOST_PARTS), "part")} follow${made.length === 1 ? "s" : ""}; in the others nothing may pass${made.length > MOST_PARTS ? `, or they are too many: ${made.length - MOST_PARTS} more are not printed` : ""}.`),
    made.slice(0, MOST_PARTS),
  );
}

/** The height of the line above a part, and the room for names that lean out at its right, in CSS pixels. */
const CAPTION = 40;
const LEANING = 110;

/** Lines in groups that fit, each with the name of its namespace at its beginning. @param {Line[]} lines @param {number} most */
function blocks(lines, most) {
  /** @type {Line[][]} */
  const made = [];
  /** @type {Line[]} */
  let block = [];
  let at = 0;
  /** @type {Line | null} */
  let space = null;
  const add = (/** @type {Line} */ line) => {
    block.push({ ...line, at });
    at += line.size;
  };
  lines.forEach((line, number) => {
    // The name of a namespace stays with its first line.
    const needed = line.place === null ? line.size + (lines[number + 1]?.size ?? 0) : line.size;
    if (block.length && at + needed > most) {
      made.push(block);
      [block, at] = [[], 0];
      if (line.place !== null && space) add(space);
    }
    if (line.place === null) space = line;
    add(line);
  });
  return [...made, block];
}

/** @param {Report} report @param {Line[]} rows @param {Line[]} columns @param {Look} look @returns {HTMLElement | null} */
function part(report, rows, columns, { names, head, isWide, nameOf }) {
  let isEmpty = true;
  const drawn = rows.map((row) => {
    if (row.place === null) return placed(h("div", { class: "band" }, h("span", {}, row.namespace || "cluster")), { top: row.at, height: row.size });
    const cells = columns.flatMap((column) => {
      if (column.place === null) return [];
      const { kind, short, sign } = content(report, row.place, column.place);
      if (kind === "none") return [];
      if (kind !== "itself") isEmpty = false;
      return [placed(h("span", { class: `cell ${kind}` }, isWide ? short : sign), { left: names + column.at, width: column.size - 2 })];
    });
    return placed(h("div", { class: "row" }, h("span", { class: "name" }, nameOf(row)), cells), { top: row.at, height: row.size });
  });
  if (isEmpty) return null;
  const heads = columns.map((column) => placed(h("span", { class: column.place === null ? "head space" : "head" }, h("span", {}, nameOf(column))), { left: names + column.at, width: column.size }));
  const last = rows[rows.length - 1];
  const made = h(
    "section",
    { class: "part" },
    h("p", { class: "quiet" }, `${span("From", rows, nameOf)}, ${span("to", columns, nameOf)}`),
    h("div", { class: "heads" }, h("span", { class: "corner" }, "from ↓ to →"), heads),
    placed(h("div", { class: "cells" }, drawn), { height: last.at + last.size }),
  );
  made.style.setProperty("zoom", String(SCALE));
  made.style.setProperty("--names", `${names}px`);
  made.style.setProperty("--head", `${head}px`);
  return made;
}

/** The first and the last of some lines. @param {string} word @param {Line[]} lines @param {(line: Line) => string} nameOf */
function span(word, lines, nameOf) {
  const named = lines.filter(({ place }) => place !== null);
  const ends = [named[0], named[named.length - 1]].map((line) => `${spaceOf(lines, line)}${nameOf(line)}`);
  return ends[0] === ends[1] ? `${word} ${ends[0]}` : `${word} ${ends[0]} … ${ends[1]}`;
}

/** The namespace of a line. @param {Line[]} lines @param {Line} line */
function spaceOf(lines, line) {
  const space = lines.filter(({ place, at }) => place === null && at <= line.at).pop()?.namespace;
  return typeof line.place === "number" && space ? `${space}/` : "";
}
