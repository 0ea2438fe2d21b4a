// What a cell of the matrix says: what passes, and what is opened and closed.

import { OUTSIDE } from "./report.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").Traffic} Traffic */
/** @typedef {{kind: string, text: string, short: string, sign: string}} Content */

/** @param {Report} report @param {number | typeof OUTSIDE | null} source @param {number | typeof OUTSIDE | null} destination @returns {Content} */
export function content(report, source, destination) {
  const shown = presentContent(report, source, destination);
  if (source === null || destination === null || !report.changedClasses.length) return shown;
  const { rows, changed, pairs } = report.rowsBetween(source, destination);
  if (!rows.length) return shown;
  const said = rows.map(({ kind, traffic, addresses }) => `${kind}: ${addresses ? `${addresses}: ` : ""}${traffic}`);
  const few = changed < pairs ? `, for ${changed} of ${pairs} pairs` : "";
  return withMark({ ...shown, text: `${shown.text}; ${said.join("; ")}${few}` }, rows.some(({ kind }) => kind === "opened"), rows.some(({ kind }) => kind === "closed"));
}

/** A cell with the mark of what changes. @param {Content} shown @param {boolean} opens @param {boolean} closes @returns {Content} */
function withMark(shown, opens, closes) {
  const mark = opens ? (closes ? "◆" : "▲") : "▼";
  return { ...shown, kind: `${shown.kind} ${WORDS[mark]}`, short: `${mark} ${shown.short}`, sign: mark };
}

/** Whether something changes in a cell. @param {Report} report @param {number | typeof OUTSIDE | null} source @param {number | typeof OUTSIDE | null} destination */
export function isChanged(report, source, destination) {
  const { kind } = content(report, source, destination);
  return Object.values(WORDS).some((word) => kind.endsWith(` ${word}`));
}

/** What passes now. @param {Report} report @param {number | typeof OUTSIDE | null} source @param {number | typeof OUTSIDE | null} destination @returns {Content} */
function presentContent(report, source, destination) {
  if (typeof source === "number" && typeof destination === "number") {
    if (source === destination && report.classes[source].length === 1 && report.isItself(report.classes[source][0], report.classes[source][0])) {
      return { kind: "itself", text: "one pod, which always reaches itself", short: "", sign: "" };
    }
    const number = report.passing[source].get(destination);
    const shown = number === undefined ? NOTHING : passing(report.data.traffic[number]);
    return report.changes.size ? changedContent(report, source, destination, shown) : shown;
  }
  const place = typeof source === "number" ? source : destination;
  if (typeof place !== "number") return { kind: "itself", text: "both are outside the cluster", short: "", sign: "" };
  const found = report.outside(report.classes[place][0], typeof source === "number" ? "egress" : "ingress");
  if (!found.length) return NOTHING;
  const text = found.map(([addresses, traffic]) => `${addresses.text}: ${traffic.text}`).join("; ");
  if (found[0][0].all) {
    const shown = passing(found[0][1]);
    return source === OUTSIDE ? { ...shown, text, kind: "open", sign: "!" } : { ...shown, text };
  }
  if (source === OUTSIDE && found.some(([addresses]) => addresses.most)) return { kind: "open", text, short: "most", sign: "!" };
  return { kind: "some", text, short: "some", sign: "◐" };
}

/**
 * A cell with what the edits change. Of a row of several workloads, the edits may change some.
 * @param {Report} report
 * @param {number} source
 * @param {number} destination
 * @param {Content} shown
 * @returns {Content}
 */
function changedContent(report, source, destination, shown) {
  const pairs = report.classes[source].flatMap((one) => report.classes[destination].filter((other) => !report.isItself(one, other)).map((other) => report.changed(one, other)));
  const changed = pairs.filter((pair) => pair !== undefined);
  if (!changed.length) return shown;
  const now = changed[0].now ? passing(changed[0].now) : NOTHING;
  const made = withMark(now, changed.some(({ opens }) => opens), changed.some(({ closes }) => closes));
  const few = changed.length < pairs.length ? `, for ${changed.length} of ${pairs.length} pairs` : "";
  return { ...made, text: `${now.text}, ${WORDS[made.sign]} by the edits${few}` };
}

/** @type {Record<string, string>} */
const WORDS = { "▲": "opened", "▼": "closed", "◆": "changed" };
const NOTHING = { kind: "none", text: "nothing", short: "", sign: "" };

/** @param {Traffic} traffic */
function passing(traffic) {
  const short = traffic.short.length > 9 ? `${traffic.short.replaceAll(" ", ",").split(",").length} ports` : traffic.short;
  return { kind: traffic.all ? "all" : "some", text: traffic.text, short, sign: traffic.all ? "●" : "◐" };
}
