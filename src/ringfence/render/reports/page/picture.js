// Boxes in lanes and arrows between them, at the places that the data has; below them what the signs mean, and a table.

import { counted, h, svg } from "./elements.js";
import { OUTSIDE } from "./report.js";
import { link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").MapData} MapData */
/** @typedef {import("./report.js").MapBox} MapBox */
/** @typedef {import("./report.js").MapEdge} MapEdge */

/** The distance between two lines of text in a box, as the layout has it. */
export const LINE = 17;
const MARGIN = 16;
/** Classes of lines that begin with a sign, in the map of a change. @type {Record<string, string>} */
const SIGNS = { "+": "opened", "-": "closed", "!": "told" };
let drawn = 0;

/** @param {Report} report @param {MapData} map */
export function drawnMap(report, map) {
  const arrow = `arrow-${drawn++}-`; // a page may have two maps, and their names are of the whole page
  const kinds = [...new Set(map.edges.map(({ kind }) => kind ?? ""))];
  const edges = map.edges.map((edge) => drawnEdge(report, map.boxes, edge, arrow));
  const boxes = map.boxes.map((box, number) => drawnBox(report, box, (isLit) => light(number, isLit)));
  const picture = svg(
    "svg",
    { class: "map", viewBox: `0 0 ${map.width + MARGIN} ${map.height + MARGIN}`, width: map.width + MARGIN, height: map.height + MARGIN, role: "group", "aria-label": "Map of the allowed connections" },
    svg("defs", {}, kinds.map((kind) => svg("marker", { id: arrow + kind, viewBox: "0 0 10 10", refX: 9, refY: 5, markerUnits: "userSpaceOnUse", markerWidth: 9, markerHeight: 9, orient: "auto-start-reverse" }, svg("path", { d: "M0 0 L10 5 L0 10 z", class: `arrow ${kind}` })))),
    map.lanes.map((lane) => drawnLane(report, lane)),
    edges,
    boxes,
  );

  /** Show the arrows of one box, and the others faintly. @param {number} number @param {boolean} isLit */
  function light(number, isLit) {
    picture.classList.toggle("dimmed", isLit);
    map.edges.forEach(({ from, to }, at) => edges[at].classList.toggle("lit", isLit && (from === number || to === number)));
  }

  const frame = h("div", { class: "map-frame" }, picture);
  requestAnimationFrame(() => reveal(frame, map.boxes)); // when the frame has a size
  return h(
    "div",
    {},
    frame,
    map.notes.map((note) => h("p", { class: "quiet note" }, note)),
    map.edges.length ? h("details", {}, h("summary", {}, `${map.edges.length > 1 ? "All " : ""}${counted(map.edges.length, "arrow")} as a table`), h("div", { class: "wide" }, table(report, map))) : null,
  );
}

/** Scroll to the first box, if none would be in view: the upper lanes of a large map may begin far to the right. @param {HTMLElement} frame @param {MapBox[]} boxes */
function reveal(frame, boxes) {
  const isInView = boxes.some(({ x, y }) => x < frame.clientWidth && y < frame.clientHeight);
  if (isInView || !boxes.length || frame.scrollTop || frame.scrollLeft) return;
  const first = boxes.reduce((one, other) => (other.x < one.x ? other : one));
  frame.scrollTo(first.x - MARGIN, first.y - 2 * LINE);
}

/** @param {Report} report @param {MapData["lanes"][number]} lane */
function drawnLane(report, { name, x, y, width, height }) {
  const title = svg("text", { class: "lane-name", x: x + 10, y: y + LINE }, name || "namespaces");
  const isNamespace = report.data.namespaces.includes(name);
  return svg("g", {}, svg("rect", { class: "lane", x, y, width, height, rx: 6 }), isNamespace ? svg("a", { href: link("map", name), "aria-label": `Map of namespace ${name}` }, title) : title);
}

/** @param {Report} report @param {MapBox} box @param {(isLit: boolean) => void} light */
function drawnBox(report, box, light) {
  const { x, y, width, height, lines, style, title } = box;
  const top = y + (height - lines.length * LINE) / 2 + LINE - 4;
  const parts = [
    svg("title", {}, title),
    svg("rect", { class: `box ${style}`, x, y, width, height, rx: 4 }),
    ...lines.map((line, number) => svg("text", { class: number ? `more ${SIGNS[line[0]] ?? ""}` : "", x: x + 10, y: top + number * LINE }, line)),
  ];
  const heard = { onmouseenter: () => light(true), onmouseleave: () => light(false), onfocus: () => light(true), onblur: () => light(false) };
  const href = placeOf(report, box);
  return href ? svg("a", { href, "aria-label": title, ...heard }, parts) : svg("g", heard, parts);
}

/** What a box opens; null for all of a namespace, and for addresses. @param {Report} report @param {MapBox} box */
function placeOf(report, { workload, namespaces }) {
  if (workload !== undefined) return link("workload", report.name(workload));
  return namespaces ? link("map", report.data.namespaces[namespaces[0]]) : null;
}

/** @param {Report} report @param {MapBox[]} boxes @param {MapEdge} edge @param {string} arrow */
function drawnEdge(report, boxes, edge, arrow) {
  const { from, to, label, path, x, y, ends, kind = "" } = edge;
  const parts = [
    svg("title", {}, `${kind ? `${kind}: ` : ""}${boxes[from].lines[0]} → ${boxes[to].lines[0]}: ${label}`),
    svg("path", { class: "reach", d: path }),
    svg("path", { class: `edge ${kind}`, d: path, "marker-end": `url(#${arrow}${kind})` }),
    svg("text", { class: `port ${kind}${ends ? " end" : ""}`, x, y }, label),
  ];
  const href = cellOf(report, boxes, edge);
  // The table has the same links: 300 arrows would be as many stops of the Tab key.
  return href ? svg("a", { href, tabindex: "-1", "aria-hidden": "true" }, parts) : svg("g", { "aria-hidden": "true" }, parts);
}

/** The explanation of an arrow; null of one about all of a namespace. @param {Report} report @param {MapBox[]} boxes @param {MapEdge} edge */
function cellOf(report, boxes, { from, to }) {
  const ends = [boxes[from], boxes[to]].map(({ workload, outside }) => (outside ? OUTSIDE : workload === undefined ? "" : report.name(workload)));
  return ends.every(Boolean) ? link("cell", ...ends) : null;
}

/** @param {Report} report @param {MapData} map */
function table(report, { boxes, edges }) {
  const hasKinds = edges.some(({ kind }) => kind);
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, [...(hasKinds ? ["change"] : []), "from", "to", "traffic"].map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      {},
      edges.map((edge) => {
        const href = cellOf(report, boxes, edge);
        return h("tr", {}, hasKinds ? h("td", {}, edge.kind === "kept" ? "as before" : edge.kind) : null, h("td", {}, namesOf(boxes[edge.from])), h("td", {}, namesOf(boxes[edge.to])), h("td", {}, href ? h("a", { href }, edge.label) : edge.label));
      }),
    ),
  );
}

/** Whom a box stands for, without what else its title says. @param {MapBox} box */
function namesOf({ title, outside }) {
  return outside ? title : title.split("; ")[0];
}
