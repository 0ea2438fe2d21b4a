// The map: namespaces as lanes, workloads as boxes, arrows for what may pass; below it the same as a table.

import { counted, h, svg } from "./elements.js";
import { OUTSIDE } from "./report.js";
import { link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").MapBox} MapBox */
/** @typedef {import("./report.js").MapEdge} MapEdge */

/** The distance between two lines of text in a box, as the layout has it. */
const LINE = 17;
const MARGIN = 16;

/** @param {Report} report */
export function mapView(report) {
  const { map } = report.data;
  if (!map) return tooLarge(report);
  const edges = map.edges.map((edge) => drawnEdge(report, map.boxes, edge));
  const boxes = map.boxes.map((box, number) => drawnBox(report, box, (isLit) => light(number, isLit)));
  const picture = svg(
    "svg",
    { class: "map", viewBox: `0 0 ${map.width + MARGIN} ${map.height + MARGIN}`, width: map.width + MARGIN, height: map.height + MARGIN, role: "group", "aria-label": "Map of the allowed connections" },
    svg("defs", {}, svg("marker", { id: "arrow", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, svg("path", { d: "M0 0 L10 5 L0 10 z", class: "arrow" }))),
    map.lanes.map(({ name, x, y, width, height }) => svg("g", {}, svg("rect", { class: "lane", x, y, width, height, rx: 6 }), svg("text", { class: "lane-name", x: x + 10, y: y + LINE }, name || "namespaces"))),
    edges,
    boxes,
  );

  /** Show the arrows of one box, and the others faintly. @param {number} number @param {boolean} isLit */
  function light(number, isLit) {
    picture.classList.toggle("dimmed", isLit);
    map?.edges.forEach(({ from, to }, at) => edges[at].classList.toggle("lit", isLit && (from === number || to === number)));
  }

  return h(
    "section",
    {},
    h("h1", {}, "Map"),
    h("p", {}, "A box opens its workload, and an arrow explains its connection. The arrows of a box stand out while it has the focus.", report.data.simulation?.edits.length ? h("strong", {}, " It is the cluster without the edits.") : null),
    h("div", { class: "map-frame" }, picture),
    map.notes.map((note) => h("p", { class: "quiet" }, note)),
    h("details", {}, h("summary", {}, `All ${counted(map.edges.length, "arrow")} as a table`), h("div", { class: "wide" }, table(report, map.boxes, map.edges))),
  );
}

/** @param {Report} report */
function tooLarge(report) {
  return h(
    "section",
    {},
    h("h1", {}, "Map"),
    h("p", {}, `${counted(report.classes.length, "row")} that differ are more than one can look at as a map of at most 150 boxes. `, h("a", { href: link("") }, "The matrix"), " has them all, and the page of a workload shows who reaches it and what it reaches."),
    h("p", {}, "A map of namespaces, or of a part: ", h("code", {}, "ringfence connections -o svg --by namespace"), " or ", h("code", {}, "-n NAMESPACE"), "."),
  );
}

/** @param {Report} report @param {MapBox} box @param {(isLit: boolean) => void} light */
function drawnBox(report, { x, y, width, height, lines, style, title, workload }, light) {
  const top = y + (height - lines.length * LINE) / 2 + LINE - 4;
  const parts = [
    svg("title", {}, title),
    svg("rect", { class: `box ${style}`, x, y, width, height, rx: 4 }),
    ...lines.map((line, number) => svg("text", { class: number ? "more" : "", x: x + 10, y: top + number * LINE }, line)),
  ];
  const heard = { onmouseenter: () => light(true), onmouseleave: () => light(false), onfocus: () => light(true), onblur: () => light(false) };
  if (workload === undefined) return svg("g", heard, parts);
  return svg("a", { href: link("workload", report.name(workload)), "aria-label": title, ...heard }, parts);
}

/** @param {Report} report @param {MapBox[]} boxes @param {MapEdge} edge */
function drawnEdge(report, boxes, edge) {
  const { from, to, label, path, x, y, ends } = edge;
  const parts = [
    svg("title", {}, `${boxes[from].lines[0]} → ${boxes[to].lines[0]}: ${label}`),
    svg("path", { class: "reach", d: path }),
    svg("path", { class: "edge", d: path, "marker-end": "url(#arrow)" }),
    svg("text", { class: ends ? "port end" : "port", x, y }, label),
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

/** @param {Report} report @param {MapBox[]} boxes @param {MapEdge[]} edges */
function table(report, boxes, edges) {
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ["from", "to", "traffic"].map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      {},
      edges.map((edge) => {
        const href = cellOf(report, boxes, edge);
        return h("tr", {}, h("td", {}, boxes[edge.from].title), h("td", {}, boxes[edge.to].title), h("td", {}, href ? h("a", { href }, edge.label) : edge.label));
      }),
    ),
  );
}
