// The matrix: sources down, destinations across. Only the cells in view are elements, so thousands of rows scroll.

import { content, isChanged } from "./cells.js";
import { differenceSummary } from "./differences.js";
import { arrange, counted, h } from "./elements.js";
import { OUTSIDE } from "./report.js";
import { go, link, route } from "./route.js";

/** @typedef {import("./report.js").Report} Report */
/**
 * A row or a column: `index` is its number among those with cells, and `title` names all its members.
 * @typedef {{at: number, size: number, namespace?: string, place: number | typeof OUTSIDE | null, index: number, title: string}} Line
 */
/** @typedef {{element: HTMLElement, name: HTMLElement, cells: Map<Line, HTMLElement>}} DrawnRow */

const ROW = 26;
const BAND = 28;
const GAP = 24;
/** The height of the heads of the columns: of short names it is less than the most. */
const [LEAST_HEAD, MOST_HEAD] = [64, 150];
/** How much height a character takes that is turned by 50 degrees, in CSS pixels. */
const TURNED = 5.7;
/** The width of the names of the rows: on a phone, cells need the room more. */
const NAMES = matchMedia("(max-width: 600px)").matches ? 124 : 220;
const FEW = 30;
const OUTSIDE_NAME = "outside the cluster";
const MOST_PRINTED = 150;
/** The width of a printed page, A4 on its side, in CSS pixels. */
const PAGE = 1000;

/**
 * The matrix in a grid that scrolls: the rows and columns that the file is about, those in which something has changed, or all.
 * @param {Report} report
 * @param {string} view
 * @param {AbortSignal} signal ends what listens in the page
 */
export function matrix(report, view, signal) {
  const only = view === "changed" && report.changedClasses.length > 0;
  const [sources, destinations] = only ? [report.changing("sources"), report.changing("destinations")] : view === "" ? [report.shown("sources"), report.shown("destinations")] : [null, null];
  const wide = (destinations?.size ?? report.classes.length) <= FEW;
  const rows = linesOf(report, ROW, BAND, sources);
  const columns = linesOf(report, wide ? (report.data.difference ? 84 : 66) : 26, GAP, destinations);
  const height = end(rows);
  const width = end(columns);
  const longest = Math.max(...columns.map(({ place, namespace }) => (place === null ? (namespace === OUTSIDE_NAME ? "" : namespace ?? "") : label(report, place)).length));
  const head = between(30 + longest * TURNED, LEAST_HEAD, MOST_HEAD);
  const cells = rows.filter((line) => line.place !== null);
  const across = columns.filter((line) => line.place !== null);
  let active = { row: 0, column: 0 };
  let printing = false;

  // What has been drawn and is still in view stays: scrolling makes only the cells that come into view.
  /** @type {Map<Line, DrawnRow>} */
  let drawn = new Map();
  /** @type {Map<Line, HTMLElement>} */
  let drawnHeads = new Map();
  /** @type {Element | null} */
  let marked = null;
  const corner = h("span", { class: "corner", role: "columnheader", "aria-colindex": 1 }, "from ↓ to →");
  const body = h("div", { class: "cells", role: "presentation" });
  const heads = h("div", { class: "heads", role: "row", "aria-rowindex": 1 });
  const grid = h(
    "div",
    {
      class: wide ? "matrix" : "matrix small",
      role: "grid",
      "aria-label": "Allowed connections, sources down and destinations across",
      "aria-rowcount": cells.length + 1,
      "aria-colcount": across.length + 1,
      onscroll: () => requestAnimationFrame(draw),
      onclick: click,
      onfocusin: goTo,
      onkeydown: key,
    },
    heads,
    body,
  );
  for (const element of [heads, body]) element.style.width = `${NAMES + width + 120}px`;
  body.style.height = `${height}px`;
  grid.style.setProperty("--names", `${NAMES}px`);
  grid.style.setProperty("--head", `${head}px`);

  /** Draw what is in view, and the active cell, which may have the focus. */
  function draw() {
    const top = grid.scrollTop;
    const left = grid.scrollLeft;
    const seenRows = printing ? [...rows] : visible(rows, top - head, top + grid.clientHeight);
    const seenColumns = printing ? [...columns] : visible(columns, left - NAMES, left + grid.clientWidth);
    include(seenRows, cells[active.row]);
    include(seenColumns, across[active.column]);
    const focused = grid.contains(document.activeElement) && document.activeElement !== grid;
    const seen = seenColumns.filter((line) => line.place !== null);
    drawnHeads = new Map(seenColumns.map((line) => [line, drawnHeads.get(line) ?? columnHead(report, line)]));
    arrange(heads, [corner, ...drawnHeads.values()]);
    drawn = new Map(seenRows.map((line) => [line, drawn.get(line) ?? emptyRow(line)]));
    for (const [line, made] of drawn) if (line.place !== null) fill(made, line, seen);
    arrange(body, [...drawn.values()].map(({ element }) => element));
    mark();
    if (focused) focus();
  }

  function drawAgain() {
    drawn = new Map();
    draw();
  }

  /** @param {Line} line @returns {DrawnRow} */
  function emptyRow(line) {
    if (line.place === null) {
      const name = h("span", {}, line.namespace || "cluster");
      const element = placed(h("div", { class: "band", role: "presentation" }, name), { top: line.at, height: line.size });
      return { element, name, cells: new Map() };
    }
    const name = h("span", { class: "name", role: "rowheader", "aria-colindex": 1, title: line.title }, label(report, line.place));
    const element = h("div", { class: "row", role: "row", "aria-rowindex": line.index + 2 });
    return { element: placed(element, { top: line.at, height: line.size }), name, cells: new Map() };
  }

  /** Have the cells of some columns in a row. @param {DrawnRow} made @param {Line} line @param {Line[]} seen */
  function fill(made, line, seen) {
    made.cells = new Map(seen.map((column) => [column, made.cells.get(column) ?? cell(line, column)]));
    arrange(made.element, [made.name, ...made.cells.values()]);
  }

  /** @param {Line} line @param {Line} column */
  function cell(line, column) {
    const shown = content(report, line.place, column.place);
    const made = h(
      "span",
      {
        class: `cell ${shown.kind}`,
        role: "gridcell",
        "aria-colindex": column.index + 2,
        "aria-label": `${line.title} to ${column.title}: ${shown.text}`,
        title: `${line.title} → ${column.title}: ${shown.text}`,
        tabindex: "-1",
        "data-cell": `${line.index},${column.index}`,
      },
      wide ? shown.short : shown.sign,
    );
    return placed(made, { left: NAMES + column.at, width: column.size - 2 });
  }

  /** The active cell is the one that Tab leads to. */
  function mark() {
    marked?.setAttribute("tabindex", "-1");
    marked = drawn.get(cells[active.row])?.cells.get(across[active.column]) ?? null;
    marked?.setAttribute("tabindex", "0");
  }

  /** Whether an event is about a cell, which is the active one then. @param {Event} event */
  function goTo({ target }) {
    const cell = target instanceof Element ? target.closest("[data-cell]") : null;
    if (!(cell instanceof HTMLElement) || !cell.dataset.cell) return false;
    const [row, column] = cell.dataset.cell.split(",").map(Number);
    active = { row, column };
    mark();
    return true;
  }

  /** @param {MouseEvent} event */
  function click(event) {
    if (goTo(event)) open();
  }

  function open() {
    go("cell", nameOf(report, cells[active.row].place), nameOf(report, across[active.column].place));
  }

  function focus() {
    if (marked instanceof HTMLElement) marked.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const page = Math.max(1, Math.floor((grid.clientHeight - head) / ROW) - 1);
    /** @type {Record<string, [number, number]>} */
    const moves = {
      ArrowDown: [1, 0],
      ArrowUp: [-1, 0],
      ArrowRight: [0, 1],
      ArrowLeft: [0, -1],
      PageDown: [page, 0],
      PageUp: [-page, 0],
      Home: [0, -across.length],
      End: [0, across.length],
    };
    const move = moves[event.key];
    if (event.key === "Enter" || event.key === " ") open();
    else if (!move) return;
    else {
      active = {
        row: clamped(active.row + move[0], cells.length),
        column: clamped(active.column + move[1], across.length),
      };
      reveal();
      draw();
      focus();
    }
    event.preventDefault();
  }

  /** Go to the next cell that changes, or the one before. An explanation that is open is of that cell then. @param {KeyboardEvent} event */
  function jump(event) {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if (!grid.isConnected || typing || (event.key !== "]" && event.key !== "[")) return;
    const [view, ...names] = route();
    if (view === "cell") {
      const [row, column] = [cells, across].map((lines, side) => lines.findIndex((line) => holds(report, line.place, names[side])));
      if (row >= 0 && column >= 0) active = { row, column };
    }
    const found = nextChanged(event.key === "]" ? 1 : -1);
    if (!found) return;
    active = found;
    reveal();
    draw();
    if (view === "cell") open();
    else focus();
    event.preventDefault();
  }

  /** @param {1 | -1} step */
  function nextChanged(step) {
    if (!report.changedClasses.length && !report.changes.size) return null;
    const count = cells.length * across.length;
    const start = active.row * across.length + active.column;
    for (let moved = 1; moved <= count; moved++) {
      const at = (start + step * moved + count) % count;
      const [row, column] = [Math.floor(at / across.length), at % across.length];
      if (isChanged(report, cells[row].place, across[column].place)) return { row, column };
    }
    return null;
  }

  /** Scroll so that the active cell is in view. */
  function reveal() {
    const line = cells[active.row];
    const column = across[active.column];
    grid.scrollTop = between(grid.scrollTop, line.at + line.size + head - grid.clientHeight, line.at);
    grid.scrollLeft = between(grid.scrollLeft, column.at + column.size + NAMES - grid.clientWidth, column.at);
  }

  /** On paper all of a small matrix is drawn, as large as a page is wide. @param {boolean} now */
  function print(now) {
    printing = now && report.classes.length <= MOST_PRINTED;
    const scale = printing ? Math.min(1, PAGE / (NAMES + width + 120)) : 1;
    grid.style.setProperty("zoom", String(scale));
    draw();
  }

  document.addEventListener("simulated", drawAgain, { signal });
  document.addEventListener("keydown", jump, { signal });
  addEventListener("beforeprint", () => print(true), { signal });
  addEventListener("afterprint", () => print(false), { signal });
  new ResizeObserver(draw).observe(grid);
  return h("section", {}, h("h1", {}, "Who may connect to whom"), summary(report), partSummary(report, view, cells.length, across.length), differenceSummary(report, only), legend(report, wide), grid);
}

/** @param {Report} report */
function summary(report) {
  const { data } = report;
  const allowed = report.passing.reduce((sum, row) => sum + row.size, 0);
  const folded =
    report.classes.length < data.workloads.length
      ? ` Equal workloads of a namespace are one row: ${counted(report.classes.length, "row")}.`
      : "";
  return h(
    "p",
    {},
    `${counted(data.workloads.length, "workload")} in ${counted(data.namespaces.length, "namespace")}, ${counted(data.policies.length, "policy", "policies")}.`,
    folded,
    allowed === 0 ? " Nothing may pass between them." : "",
    " Move with the arrow keys; Enter or a click explains a cell.",
  );
}

/** Which part of the matrix is shown, if the file is about a part. @param {Report} report @param {string} view @param {number} rows @param {number} columns */
function partSummary(report, view, rows, columns) {
  if (!report.data.shown || view === "changed") return null;
  return view === "all"
    ? h("p", { class: "compared" }, "All rows and columns. ", h("a", { href: link("") }, "Only those that were asked for"))
    : h("p", { class: "compared" }, `Those that were asked for: ${counted(rows, "row")} and ${counted(columns, "column")}. `, h("a", { href: link("all") }, "All rows and columns"));
}

/** What cells mean; `hasPorts` are wide enough for ports, and others have a sign. @param {Report} report @param {boolean} hasPorts */
function legend(report, hasPorts) {
  const meanings = [
    ["all", hasPorts ? "all" : "●", "all traffic"],
    ["some", hasPorts ? "443" : "◐", hasPorts ? "these ports, or some addresses" : "some ports, or some addresses"],
    ["open", hasPorts ? "any" : "!", "any address, or most of them, may open it"],
    ["none", "", "nothing"],
    ["itself", "", "one pod, which reaches itself"],
    ...(report.data.difference ? [["some opened", "▲", "opened"], ["closed", "▼", "closed"], ["some changed", "◆", "both"]] : []),
  ];
  return h(
    "ul",
    { class: "legend", "aria-label": "Legend" },
    meanings.map(([kind, text, meaning]) =>
      h("li", {}, h("span", { class: `cell ${kind}`, "aria-hidden": "true" }, text), meaning),
    ),
  );
}

/**
 * Rows or columns: a band or a gap before each namespace, and last the outside of the cluster.
 * @param {Report} report
 * @param {number} size
 * @param {number} gap
 * @param {Set<number | typeof OUTSIDE> | null} kept
 * @returns {Line[]}
 */
function linesOf(report, size, gap, kept) {
  /** @type {Line[]} */
  const lines = [];
  let at = 0;
  let index = 0;
  /** @type {string | null} */
  let last = null;
  const begin = (/** @type {string} */ namespace) => {
    lines.push({ at, size: gap, namespace, place: null, index: -1, title: "" });
    at += gap;
    last = namespace;
  };
  report.classes.forEach((members, place) => {
    if (kept && !kept.has(place)) return;
    const namespace = report.namespace(members[0]);
    if (namespace !== last) begin(namespace);
    lines.push({ at, size, place, index: index++, title: title(report, place) });
    at += size;
  });
  if (kept && !kept.has(OUTSIDE)) return lines;
  begin(OUTSIDE_NAME);
  lines.push({ at, size, place: OUTSIDE, index, title: title(report, OUTSIDE) });
  return lines;
}

/** Whether a row or column has an end by its name. @param {Report} report @param {number | typeof OUTSIDE | null} place @param {string} name */
function holds(report, place, name) {
  return typeof place === "number" ? report.classes[place].some((number) => report.name(number) === name) : place === name;
}

/** Put a line among others, in its place, if it is not there. @param {Line[]} lines @param {Line} line */
function include(lines, line) {
  if (lines.includes(line)) return;
  const after = lines.findIndex(({ at }) => at > line.at);
  lines.splice(after < 0 ? lines.length : after, 0, line);
}

/** @param {Report} report @param {Line} line */
function columnHead(report, line) {
  const place = { left: NAMES + line.at, width: line.size };
  if (line.place === null) return placed(h("span", { class: "head space", "aria-hidden": "true" }, h("span", {}, line.namespace === OUTSIDE_NAME ? "" : line.namespace)), place);
  const made = h(
    "span",
    { class: "head", role: "columnheader", "aria-colindex": line.index + 2, title: line.title },
    h("span", {}, label(report, line.place)),
  );
  return placed(made, place);
}

/** The short name of a row. @param {Report} report @param {number | typeof OUTSIDE | null} place */
function label(report, place) {
  return typeof place === "number" ? report.className(place) : "other addresses";
}

/** All members of a row. @param {Report} report @param {number | typeof OUTSIDE | null} place */
function title(report, place) {
  if (typeof place !== "number") return OUTSIDE_NAME;
  const members = report.classes[place];
  const names = members.slice(0, 5).map((number) => report.name(number));
  return names.join(", ") + (members.length > 5 ? ` and ${members.length - 5} more` : "");
}

/** @param {Report} report @param {number | typeof OUTSIDE | null} place */
function nameOf(report, place) {
  return typeof place === "number" ? report.name(report.classes[place][0]) : OUTSIDE;
}

/** @param {Line[]} lines @param {number} from @param {number} to */
function visible(lines, from, to) {
  return lines.filter(({ at, size }) => at + size > from && at < to);
}

/** @param {Line[]} lines */
function end(lines) {
  const last = lines[lines.length - 1];
  return last.at + last.size;
}

/** @param {number} value @param {number} count */
function clamped(value, count) {
  return Math.min(Math.max(value, 0), count - 1);
}

/** @param {number} value @param {number} least @param {number} most */
function between(value, least, most) {
  return Math.max(least, Math.min(value, most));
}

/** @param {HTMLElement} element @param {Record<string, number>} place */
function placed(element, place) {
  for (const [name, value] of Object.entries(place)) element.style.setProperty(name, `${value}px`);
  return element;
}
