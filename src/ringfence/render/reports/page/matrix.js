// The matrix: sources down, destinations across. Only the cells in view are elements, so thousands of rows scroll.

import { content, isChanged } from "./cells.js";
import { differenceSummary } from "./differences.js";
import { arrange, counted, h, placed, replace } from "./elements.js";
import { parts } from "./paper.js";
import { OUTSIDE } from "./report.js";
import { go, link, route } from "./route.js";

/** @typedef {import("./report.js").Report} Report */
/**
 * A row or a column: `index` is its number among those with cells, and `title` names all its members.
 * @typedef {{at: number, size: number, namespace?: string, place: number | typeof OUTSIDE | null, index: number, title: string}} Line
 */
/** @typedef {{element: HTMLElement, name: HTMLElement, cells: Map<Line, HTMLElement>}} DrawnRow */
/**
 * A matrix that was drawn. `resume` goes on where one was when it is shown again, with the cell that is explained, if one is.
 * @typedef {{element: HTMLElement, resume: (asked: string[] | null) => void, focus: () => void}} DrawnMatrix
 */

const ROW = 26;
const BAND = 28;
const GAP = 24;
/** The height of the heads of the columns: of short names it is less than the most. */
const [LEAST_HEAD, MOST_HEAD] = [64, 150];
/** How much height and width a character takes that is turned by 50 degrees, in CSS pixels. */
const TURNED = 5.7;
const TURNED_WIDTH = 4.8;
/** The most of the name of a column that is shown, in CSS pixels along its line. */
const MOST_TURNED = 185;
/** The width of a character of the names of the rows, and of what surrounds a name, in CSS pixels. */
const [CHARACTER, AROUND] = [7.3, 22];
/** The width of the names of the rows: on a phone, cells need the room more. */
const LEAST_NAMES = 90;
const MOST_NAMES = 220;
const MOST_NAMES_ON_PHONE = 134;
const FEW = 30;
const OUTSIDE_NAME = "outside the cluster";
const TITLE = "Who may connect to whom";
/** What is shown around a cell that is scrolled to, in CSS pixels. */
const SURROUNDING = 100;
/** A matrix is made smaller to fit the width of a page, but not more than its text can be read. */
const LEAST_SCALE = 0.6;
/** Rows of a matrix that is printed whole. */
const MOST_PRINTED = 600;
/** The width of a printed page, A4 on its side, in CSS pixels. */
const PAGE = 1000;

/**
 * The matrix in a grid that scrolls: the rows and columns that the file is about, those in which something has changed, or all.
 * @param {Report} report
 * @param {string} view
 * @param {AbortSignal} signal ends what listens in the page
 * @returns {DrawnMatrix}
 */
export function matrix(report, view, signal) {
  if (!report.classes.length) return { element: empty(report), resume: () => {}, focus: () => {} };
  const only = view === "changed" && report.changedClasses.length > 0;
  const [sources, destinations] = only ? [report.changing("sources"), report.changing("destinations")] : view === "" ? [report.shown("sources"), report.shown("destinations")] : [null, null];
  const wide = (destinations?.size ?? report.classes.length) <= FEW;
  const rows = linesOf(report, ROW, BAND, sources);
  const columns = linesOf(report, wide ? (report.data.difference ? 84 : 66) : 26, GAP, destinations);
  const height = end(rows);
  const width = end(columns);
  const headLength = (/** @type {Line} */ line) => headOf(report, line).length;
  const head = between(30 + Math.max(...columns.map(headLength)) * TURNED, LEAST_HEAD, MOST_HEAD);
  const mostNames = matchMedia("(max-width: 600px)").matches ? MOST_NAMES_ON_PHONE : MOST_NAMES;
  const names = between(AROUND + Math.max(...rows.map(({ place }) => (place === null ? 0 : label(report, place).length))) * CHARACTER, LEAST_NAMES, mostNames);
  // The names of the last columns lean out to the right.
  const leaning = Math.max(...columns.map((line) => line.at + line.size / 2 + Math.min(headLength(line) * TURNED_WIDTH, MOST_TURNED)));
  const whole = names + Math.max(width, leaning) + GAP / 2;
  const cells = rows.filter((line) => line.place !== null);
  const across = columns.filter((line) => line.place !== null);
  let active = { row: 0, column: 0 };
  let isAsked = false;
  let printing = false;
  let scrolled = { top: 0, left: 0 };

  // What has been drawn and is still in view stays: scrolling makes only the cells that come into view.
  /** @type {Map<Line, DrawnRow>} */
  let drawn = new Map();
  /** @type {Map<Line, HTMLElement>} */
  let drawnHeads = new Map();
  /** @type {Element | null} */
  let marked = null;
  /** The explained cell, its row, and the names of its row and its column. @type {Element[]} */
  let explained = [];
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
      "aria-describedby": "hint",
      onscroll: () => {
        scrolled = { top: grid.scrollTop, left: grid.scrollLeft };
        requestAnimationFrame(draw);
      },
      onclick: click,
      onfocusin: goTo,
      onpointerover: tell,
      onkeydown: key,
    },
    heads,
    body,
  );
  const paper = h("div", { class: "on-paper" });
  for (const element of [heads, body]) element.style.width = `${whole}px`;
  body.style.height = `${height}px`;
  grid.style.setProperty("--names", `${names}px`);
  grid.style.setProperty("--head", `${head}px`);

  /** Draw what is in view, and the active cell, which may have the focus. */
  function draw() {
    const top = grid.scrollTop;
    const left = grid.scrollLeft;
    const seenRows = printing ? [...rows] : visible(rows, top - head, top + grid.clientHeight);
    const seenColumns = printing ? [...columns] : visible(columns, left - names, left + grid.clientWidth);
    include(seenRows, cells[active.row]);
    include(seenColumns, across[active.column]);
    const focused = grid.contains(document.activeElement) && document.activeElement !== grid;
    const seen = seenColumns.filter((line) => line.place !== null);
    drawnHeads = new Map(seenColumns.map((line) => [line, drawnHeads.get(line) ?? columnHead(report, line, names)]));
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
        tabindex: "-1",
        "data-cell": `${line.index},${column.index}`,
      },
      wide ? shown.short : shown.sign,
    );
    return placed(made, { left: names + column.at, width: column.size - 2 });
  }

  /** The active cell is the one that Tab leads to. One that is explained stands out, with the names of its ends. */
  function mark() {
    const row = drawn.get(cells[active.row]);
    marked?.setAttribute("tabindex", "-1");
    marked = row?.cells.get(across[active.column]) ?? null;
    marked?.setAttribute("tabindex", "0");
    for (const one of explained) {
      one.classList.remove("asked");
      one.removeAttribute("aria-selected");
    }
    explained = isAsked ? [marked, row?.element, row?.name, drawnHeads.get(across[active.column])].filter((one) => one instanceof Element) : [];
    for (const one of explained) one.classList.add("asked");
    if (isAsked) marked?.setAttribute("aria-selected", "true");
  }

  /** @param {string[] | null} asked */
  function resume(asked) {
    grid.scrollTop = scrolled.top;
    grid.scrollLeft = scrolled.left;
    isAsked = asked !== null && goToEnds(asked);
    if (isAsked) reveal(SURROUNDING);
    draw();
  }

  /** Have the cell between two ends be the active one. @param {string[]} ends */
  function goToEnds(ends) {
    const [row, column] = [cells, across].map((lines, side) => lines.findIndex((line) => holds(report, line.place, ends[side])));
    if (row < 0 || column < 0) return false;
    active = { row, column };
    return true;
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

  /** Have the cell under the pointer say what it means: only few of all cells ever are. @param {Event} event */
  function tell({ target }) {
    if (target instanceof HTMLElement && target.dataset.cell && !target.title) target.title = target.getAttribute("aria-label") ?? "";
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
    const [view, ...ends] = route();
    if (view === "cell") goToEnds(ends);
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

  /** Scroll so that the active cell is in view; if it was not, with what is so many pixels around it. */
  function reveal(around = 0) {
    const line = cells[active.row];
    const column = across[active.column];
    grid.scrollTop = scrolledTo(grid.scrollTop, line.at + line.size + head - grid.clientHeight, line.at, around);
    grid.scrollLeft = scrolledTo(grid.scrollLeft, column.at + column.size + names - grid.clientWidth, column.at, around);
  }

  /** On paper all of a matrix is drawn: as large as a page is wide, or in parts on several pages. @param {boolean} now */
  function print(now) {
    const isWhole = now && grid.isConnected && cells.length <= MOST_PRINTED;
    const scale = Math.min(1, PAGE / whole);
    const inParts = isWhole && scale < LEAST_SCALE;
    printing = isWhole && !inParts;
    grid.style.setProperty("zoom", printing ? String(scale) : "1");
    grid.classList.toggle("in-parts", inParts);
    replace(paper, inParts ? inPages() : now && !isWhole ? h("p", {}, `Of ${counted(cells.length, "row")} these are printed:`) : null);
    if (!now) resume(isAsked ? route().slice(1) : null);
    else draw();
  }

  function inPages() {
    if (isAsked) return h("p", {}, "The matrix is larger than a page: it is printed from its own view.");
    return [legend(report, wide), parts(report, rows, columns, { names, head, isWide: wide, nameOf: (line) => headOf(report, line) })].flat();
  }

  document.addEventListener("simulated", drawAgain, { signal });
  document.addEventListener("keydown", jump, { signal });
  addEventListener("beforeprint", () => print(true), { signal });
  addEventListener("afterprint", () => print(false), { signal });
  new ResizeObserver(draw).observe(grid);
  const element = h(
    "section",
    {},
    h("h1", {}, TITLE),
    summary(report),
    partSummary(report, view, cells.length, across.length),
    differenceSummary(report, only),
    paper,
    grid,
    legend(report, wide),
    h("p", { id: "hint", class: "quiet hint" }, "A cell opens its explanation.", h("span", { class: "keys" }, " Arrow keys move, and Enter opens.")),
  );
  return { element, resume, focus };
}

/** What is shown if there are no workloads. @param {Report} report */
function empty(report) {
  const hasProblems = report.data.problems.length > 0;
  return h(
    "section",
    {},
    h("h1", {}, TITLE),
    h("p", {}, "The input has no pods and no workloads, so there is nothing that could connect."),
    hasProblems ? h("p", {}, "It has problems: see ", h("a", { href: link("findings") }, "Findings"), ".") : null,
  );
}

/** @param {Report} report */
function summary(report) {
  const { data } = report;
  const allowed = report.passing.reduce((sum, row) => sum + row.size, 0);
  const shared = report.classes.flatMap((members, place) => (members.length > 1 ? [report.className(place)] : []));
  const example = shared.find((name) => name.includes(" +"));
  const meaning = example ? `: ${example} is ${example.replace("+", "and ")} more` : "";
  const folded = shared.length ? ` Workloads of a namespace with the same connections share one of ${counted(report.classes.length, "row")}${meaning}.` : "";
  return h(
    "p",
    {},
    `${counted(data.workloads.length, "workload")} in ${counted(data.namespaces.length, "namespace")}, ${counted(data.policies.length, "policy", "policies")}.`,
    folded,
    allowed === 0 ? " Nothing may pass between them." : "",
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
    ["open", hasPorts ? "all" : "!", "open to any address, or to most of them"],
    ["none", "", "nothing"],
    ["itself", "", "one pod and itself"],
  ];
  const changes = [["some opened", "▲", "opened"], ["closed", "▼", "closed"], ["some changed", "◆", "both"]];
  const item = (/** @type {string[]} */ [kind, text, meaning], style = "") => h("li", { class: style }, h("span", { class: `cell ${kind}`, "aria-hidden": "true" }, text), meaning);
  return h(
    "ul",
    { class: "legend", "aria-label": "Legend" },
    meanings.map((one) => item(one)),
    report.data.difference || report.data.simulation ? changes.map((one) => item(one, report.data.difference ? "" : "of-edits")) : null,
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

/** @param {Report} report @param {Line} line @param {number} names the width of the names of the rows */
function columnHead(report, line, names) {
  const place = { left: names + line.at, width: line.size };
  if (line.place === null) return placed(h("span", { class: "head space", "aria-hidden": "true" }, h("span", {}, headOf(report, line))), place);
  const made = h(
    "span",
    { class: "head", role: "columnheader", "aria-colindex": line.index + 2, title: line.title },
    h("span", {}, headOf(report, line)),
  );
  return placed(made, place);
}

/** What is at the head of a column: its name, or that of its namespace. @param {Report} report @param {Line} line */
function headOf(report, { place, namespace }) {
  return place === null ? (namespace === OUTSIDE_NAME ? "" : (namespace ?? "")) : label(report, place);
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

/** The place to scroll to for a line that is in view from `least` to `most`. @param {number} now @param {number} least @param {number} most @param {number} around */
function scrolledTo(now, least, most, around) {
  if (now < least) return Math.min(least + around, most);
  return now > most ? Math.max(most - around, least) : now;
}

/** @param {number} value @param {number} least @param {number} most */
function between(value, least, most) {
  return Math.max(least, Math.min(value, most));
}
