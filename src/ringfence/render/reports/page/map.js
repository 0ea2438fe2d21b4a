// The map: namespaces as lanes, workloads as boxes, arrows for what may pass; below it the same as a table.

import { counted, h, replace, svg } from "./elements.js";
import { askForMap } from "./live.js";
import { drawnMap } from "./picture.js";
import { link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").MapData} MapData */

const HOW = "A box opens its workload, and an arrow explains its connection. The arrows of a box stand out while it has the focus.";

/** @param {Report} report */
export function mapView(report) {
  const { map, difference, simulation } = report.data;
  const isEdited = Boolean(simulation?.edits.length);
  const change = isEdited ? editsMap(report) : changeMap(report, difference?.map);
  return h(
    "section",
    {},
    h("h1", {}, "Map"),
    change,
    change ? h("h2", {}, isEdited ? "The cluster without the edits" : "The cluster after the change") : null,
    map.by === "namespace" ? namespaces(report, map) : [change ? null : h("p", {}, HOW), drawnMap(report, map)],
  );
}

/** What changes, if it is known and anything does. @param {Report} report @param {MapData} [map] */
function changeMap(report, map) {
  if (!map?.boxes.length) return null;
  const more = map.leftOut ? h("p", { class: "quiet" }, `${counted(map.leftOut, "box", "boxes")} with the fewest changes are not drawn; `, h("a", { href: link("changes") }, "the list"), " has them all.") : null;
  return h("div", {}, h("h2", {}, "What changes"), h("p", {}, map.by === "namespace" ? "A box opens the map of its namespace." : HOW), legend(), drawnMap(report, map), more);
}

/** What the edits change, which the server draws. @param {Report} report */
function editsMap(report) {
  const place = h("div", { "aria-live": "polite" }, h("p", { class: "quiet" }, "Drawing what the edits change ..."));
  askForMap().then(
    (map) => replace(place, changeMap(report, map) ?? h("p", {}, "The edits change nothing between the workloads.")),
    (error) => replace(place, h("p", { class: "error" }, String(error))),
  );
  return place;
}

/** A map of namespaces, with a list of all of them. @param {Report} report @param {MapData} map */
function namespaces(report, map) {
  const sizes = report.data.namespaces.map(() => 0);
  for (const { namespace } of report.data.workloads) sizes[namespace] += 1;
  return [
    h("p", {}, `${counted(report.classes.length, "row")} that differ, with their arrows, are too many for one map, so its boxes are namespaces. A box opens the map of its namespace, with each of its workloads.`),
    drawnMap(report, map),
    h(
      "details",
      {},
      h("summary", {}, `All ${counted(sizes.length, "namespace")}`),
      h(
        "ul",
        { class: "many" },
        report.data.namespaces.map((name, number) => h("li", {}, h("a", { href: link("map", name) }, name), h("span", { class: "quiet" }, ` ${counted(sizes[number], "workload")}`))),
      ),
    ),
  ];
}

/** What the lines of a change mean. */
function legend() {
  return h(
    "ul",
    { class: "legend" },
    [
      ["opened", "+ opened"],
      ["closed", "- closed"],
      ["kept", "as before"],
    ].map(([kind, words]) => h("li", {}, svg("svg", { class: "map key-line", width: 36, height: 10, "aria-hidden": "true" }, svg("path", { class: `edge ${kind}`, d: "M0 5 H36" })), words)),
  );
}
