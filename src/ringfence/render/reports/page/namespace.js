// The map of one namespace: who may reach its workloads on the left, whom they may reach on the right.

import { counted, h } from "./elements.js";
import { drawnMap, LINE } from "./picture.js";
import { pairs } from "./report.js";
import { link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").Traffic} Traffic */
/** @typedef {import("./report.js").MapData} MapData */
/** @typedef {import("./report.js").MapBox} MapBox */
/** @typedef {import("./report.js").MapEdge} MapEdge */
/** What passes between a class of the namespace and a neighbour. @typedef {{place: number, label: string}} Joint */
/** A neighbour: other namespaces, or addresses, that have the same with the namespace. @typedef {{names: string[], lines: string[], title: string, namespaces?: number[], outside?: true, joints: Joint[]}} Neighbour */

const COLUMN = 16;
const PADDING = 10;
const SPACE = 12;
const PORT = 18;
const TURN = 90;
/** The widths of a character in a box, and on an arrow, in CSS pixels: of the widest of the fonts. */
const WIDE = 7.4;
const SMALL = 6.8;
const LONGEST = 34;
const MOST_LINES = 7;

/** @param {Report} report @param {string} name */
export function namespaceView(report, name) {
  const number = report.data.namespaces.indexOf(name);
  if (number < 0) return null;
  const own = report.classes.flatMap((members, place) => (report.data.workloads[members[0]].namespace === number ? [place] : []));
  const size = own.reduce((sum, place) => sum + report.classes[place].length, 0);
  const [callers, called] = [true, false].map((isSource) => neighbours(report, own, isSource));
  return h(
    "section",
    {},
    h("h1", {}, `Map of ${name}`),
    h("p", {}, h("a", { href: link("map") }, "The whole map"), ` · ${counted(size, "workload")}; those with the same connections share a box. ${sides(callers.length > 0, called.length > 0)}`),
    report.data.simulation?.edits.length ? h("p", {}, h("strong", {}, "It is the cluster without the edits.")) : null,
    drawnMap(report, layout(report, name, own, callers, called)),
  );
}

/** Where the neighbours are. @param {boolean} hasCallers @param {boolean} hasCalled */
function sides(hasCallers, hasCalled) {
  if (hasCallers && hasCalled) return "Who may reach them is on the left, and whom they may reach on the right.";
  if (hasCallers) return "Who may reach them is on the left; they may reach no other namespace.";
  if (hasCalled) return "Whom they may reach is on the right; no other namespace may reach them.";
  return "No other namespace may reach them, and they may reach none.";
}

/**
 * The map with its places. A side without neighbours has no column.
 * @param {Report} report
 * @param {string} name
 * @param {number[]} own
 * @param {Neighbour[]} callers
 * @param {Neighbour[]} called
 * @returns {MapData}
 */
function layout(report, name, own, callers, called) {
  const middle = own.map((place) => ({ lines: linesOf(report, own, place), place }));
  const widths = [callers, middle, called].map((boxes) => Math.min(LONGEST, Math.max(14, ...boxes.flatMap(({ lines }) => lines.map((line) => line.length)))) * WIDE + 2 * PADDING);
  const rooms = [callers, called].map((boxes) => Math.max(0, ...boxes.flatMap(({ joints }) => joints.map(({ label }) => label.length))) * SMALL + TURN);
  const begin = callers.length ? COLUMN + 3 * PADDING + widths[0] + rooms[0] : COLUMN + PADDING;
  const lefts = [COLUMN + PADDING, begin, begin + 2 * PADDING + widths[1] + rooms[1]];
  const ports = (/** @type {Neighbour[]} */ boxes, /** @type {number} */ place) => boxes.flatMap(({ joints }) => joints.filter((joint) => joint.place === place)).length;
  const columns = [
    stacked(callers, lefts[0], widths[0], portsOf),
    stacked(middle, lefts[1], widths[1], ({ place }) => Math.max(ports(callers, place), ports(called, place))),
    stacked(called, lefts[2], widths[2], portsOf),
  ];
  const bottom = Math.max(...columns.map((column) => column.bottom));
  const boxes = [
    ...columns[0].boxes.map((box, at) => ({ ...box, ...endOf(callers[at]), style: callers[at].outside ? "outside" : "" })),
    ...columns[1].boxes.map((box, at) => middleBox(report, own[at], box)),
    ...columns[2].boxes.map((box, at) => ({ ...box, ...endOf(called[at]), style: called[at].outside ? "outside" : "" })),
  ];
  const first = callers.length;
  const last = first + own.length;
  const arrows = [
    ...callers.flatMap(({ joints }, at) => joints.map(({ place, label }) => ({ from: at, to: first + own.indexOf(place), label, isCaller: true }))),
    ...called.flatMap(({ joints }, at) => joints.map(({ place, label }) => ({ from: first + own.indexOf(place), to: last + at, label, isCaller: false }))),
  ];
  const lanes = ["may reach it", name, "it may reach"]
    .map((text, at) => ({ name: text, x: lefts[at] - PADDING, y: COLUMN, width: widths[at] + 2 * PADDING, height: bottom - COLUMN }))
    .filter((_, at) => [callers, own, called][at].length);
  const width = Math.max(...lanes.map((lane) => lane.x + lane.width));
  return { by: "workload", width, height: bottom, lanes, boxes, edges: routed(boxes, arrows), notes: notesOf(report, own, [...callers, ...called]) };
}

/**
 * Boxes below one another, as high as their lines and their arrows need.
 * @template {{lines: string[]}} T
 * @param {T[]} boxes
 * @param {number} x
 * @param {number} width
 * @param {(box: T) => number} arrows
 */
function stacked(boxes, x, width, arrows) {
  let y = COLUMN + LINE + PADDING;
  const made = boxes.map((box) => {
    const height = Math.max(box.lines.length * LINE + PADDING, arrows(box) * PORT + 4);
    const place = { x, y, width, height, lines: box.lines.map(shortened), title: box.lines.join("; ") };
    y += height + SPACE;
    return place;
  });
  return { boxes: made, bottom: y };
}

/** @param {string} text */
function shortened(text) {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

/** The places at a neighbour at which arrows begin or end. @param {Neighbour} one */
function portsOf({ joints }) {
  return new Set(joints.map(({ label }) => label)).size;
}

/** @param {Neighbour} one */
function endOf({ title, namespaces, outside }) {
  return { title, ...(namespaces ? { namespaces } : {}), ...(outside ? { outside } : {}) };
}

/** @param {Report} report @param {number} place @param {{x: number, y: number, width: number, height: number, lines: string[], title: string}} box @returns {MapBox} */
function middleBox(report, place, box) {
  const isOpen = pairs(report.data.incoming[place]).some(([addresses]) => report.data.addresses[addresses].all || report.data.addresses[addresses].most);
  const members = report.classes[place];
  return { ...box, title: [members.map((one) => report.name(one)).join(", "), ...box.lines.slice(1)].join("; "), style: isOpen ? "loud" : "", workload: members[0] };
}

/** What stands in the box of a class: its name, what any address has with it, and what passes within the namespace. @param {Report} report @param {number[]} own @param {number} place */
function linesOf(report, own, place) {
  const { incoming, outgoing, addresses, traffic } = report.data;
  const lines = [
    ...pairs(incoming[place]).flatMap(([end, passing]) => (addresses[end].all ? [`⇠ from any address: ${traffic[passing].short}`] : [])),
    ...pairs(outgoing[place]).flatMap(([end, passing]) => (addresses[end].all ? [`⇢ to any address: ${traffic[passing].short}`] : [])),
    ...own.flatMap((other) => {
      const passing = report.passing[place].get(other);
      if (passing === undefined) return [];
      return [`${other === place ? "↻ each other" : `→ ${report.className(other)}`}: ${traffic[passing].short}`];
    }),
  ];
  const shown = lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES - 1), `and ${lines.length - MOST_LINES + 1} more`] : lines;
  return [report.className(place), ...shown];
}

/** The neighbours at one side; those that have the same with each class are one. @param {Report} report @param {number[]} own @param {boolean} isSource @returns {Neighbour[]} */
function neighbours(report, own, isSource) {
  const { namespaces, workloads } = report.data;
  /** @type {Map<string, {numbers: number[], joints: Joint[]}>} */
  const alike = new Map();
  const home = workloads[report.classes[own[0]][0]].namespace;
  namespaces.forEach((_, number) => {
    if (number === home) return;
    const joints = own.flatMap((place) => {
      const label = passingText(report, place, number, isSource);
      return label ? [{ place, label }] : [];
    });
    if (!joints.length) return;
    const key = JSON.stringify(joints);
    const known = alike.get(key) ?? { numbers: [], joints };
    known.numbers.push(number);
    alike.set(key, known);
  });
  const sizes = namespaces.map(() => 0);
  for (const { namespace } of workloads) sizes[namespace] += 1;
  const made = [...alike.values()].map(({ numbers, joints }) => {
    const names = numbers.map((number) => namespaces[number]);
    const count = numbers.reduce((sum, number) => sum + sizes[number], 0);
    const head = names.length > 1 ? `${names[0]} +${names.length - 1}` : names[0];
    return { names, lines: [head, counted(count, "workload")], title: `${names.join(", ")}: ${counted(count, "workload")}`, namespaces: numbers, joints };
  });
  const all = [...outside(report, own, isSource), ...made];
  const mean = (/** @type {Neighbour} */ { joints }) => joints.reduce((sum, { place }) => sum + own.indexOf(place), 0) / joints.length;
  return all.sort((one, other) => mean(one) - mean(other));
}

/** The addresses at one side, without those that are any address: these are lines. @param {Report} report @param {number[]} own @param {boolean} isSource @returns {Neighbour[]} */
function outside(report, own, isSource) {
  const { incoming, outgoing, addresses, traffic } = report.data;
  /** @type {Map<number, Joint[]>} */
  const joints = new Map();
  for (const place of own) {
    for (const [end, passing] of pairs((isSource ? incoming : outgoing)[place])) {
      if (!addresses[end].all) joints.set(end, [...(joints.get(end) ?? []), { place, label: traffic[passing].short }]);
    }
  }
  return [...joints].map(([end, some]) => {
    const blocks = blocksOf(addresses[end].text);
    const lines = blocks.length > 5 ? [...blocks.slice(0, 4), `and ${blocks.length - 4} more`] : blocks;
    return { names: [], lines, title: addresses[end].text, outside: /** @type {const} */ (true), joints: some };
  });
}

/** Addresses, a block on each line, with what is taken out of it on lines below it: `10.0.0.0/8 except 10.1.0.0/16; ::/0`. @param {string} text */
function blocksOf(text) {
  return text.split("; ").flatMap((part) => {
    const [blocks, exceptions] = part.split(" except ");
    return [...blocks.split(", "), ...(exceptions ? exceptions.split(", ").map((one) => `  except ${one}`) : [])];
  });
}

/** What passes between a class and the workloads of another namespace; empty if nothing does. @param {Report} report @param {number} place @param {number} number @param {boolean} isSource */
function passingText(report, place, number, isSource) {
  const { workloads, traffic } = report.data;
  /** @type {Set<string>} */
  const texts = new Set();
  let isPartial = false;
  report.classes.forEach((members, other) => {
    if (workloads[members[0]].namespace !== number) return;
    const passing = isSource ? report.passing[other].get(place) : report.passing[place].get(other);
    if (passing === undefined) isPartial = true;
    else texts.add(traffic[passing].short);
  });
  if (!texts.size) return "";
  const text = texts.has("all") ? "all" : [...new Set([...texts].flatMap((one) => one.split(",")))].join(",");
  return `${isPartial || texts.size > 1 ? "~" : ""}${text.length > 24 ? `${text.slice(0, 23)}…` : text}`;
}

/**
 * The arrows with their paths. At a box of the namespace each has a place of its own; at a neighbour those with the same
 * traffic share one.
 * @param {MapBox[]} boxes
 * @param {{from: number, to: number, label: string, isCaller: boolean}[]} arrows
 * @returns {MapEdge[]}
 */
function routed(boxes, arrows) {
  const centre = (/** @type {number} */ at) => boxes[at].y + boxes[at].height / 2;
  const heights = (/** @type {"from" | "to"} */ side, /** @type {"from" | "to"} */ other) => {
    /** For each box its places, in the order of the other ends. @type {Map<number, Map<string, number[]>>} */
    const joined = new Map();
    arrows.forEach((arrow, at) => {
      const places = joined.get(arrow[side]) ?? new Map();
      const key = arrow.isCaller === (side === "from") ? arrow.label : `${arrow[other]} ${arrow.label}`;
      places.set(key, [...(places.get(key) ?? []), at]);
      joined.set(arrow[side], places);
    });
    /** @type {number[]} */
    const found = [];
    for (const [box, places] of joined) {
      const mean = (/** @type {number[]} */ some) => some.reduce((sum, at) => sum + centre(arrows[at][other]), 0) / some.length;
      const ordered = [...places.values()].sort((one, next) => mean(one) - mean(next));
      ordered.forEach((some, place) => some.forEach((at) => (found[at] = centre(box) + (place - (ordered.length - 1) / 2) * PORT)));
    }
    return found;
  };
  const starts = heights("from", "to");
  const ends = heights("to", "from");
  return arrows.map(({ from, to, label }, at) => {
    const x = boxes[from].x + boxes[from].width;
    const tip = boxes[to].x;
    const turn = tip - label.length * SMALL - 20;
    const middle = (x + turn) / 2;
    return { from, to, label, path: `M${x} ${starts[at]} C${middle} ${starts[at]} ${middle} ${ends[at]} ${turn} ${ends[at]} H${tip}`, x: tip - 10, y: ends[at] - 4, ends: true };
  });
}

/** Who the further members of boxes are, and what signs mean. @param {Report} report @param {number[]} own @param {Neighbour[]} others */
function notesOf(report, own, others) {
  const labels = others.flatMap(({ joints }) => joints.map(({ label }) => label));
  const notes = own.filter((place) => report.classes[place].length > 1).map((place) => `${report.className(place)}: ${report.classes[place].map((one) => report.shortNames[one]).join(", ")}`);
  const merged = others.filter(({ names }) => names.length > 1).map(({ lines, names }) => `${lines[0]}: ${names.join(", ")}`);
  return [...(labels.some((label) => label.startsWith("~")) ? ["~: for some of the pods only, or with other ports for some"] : []), ...new Set([...notes, ...merged])];
}
