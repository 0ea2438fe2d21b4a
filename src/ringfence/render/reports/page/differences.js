// What a change does: the rows of the difference, and what of them concerns one connection.

import { h } from "./elements.js";
import { OUTSIDE } from "./report.js";
import { link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").ChangedRow} ChangedRow */
/** @typedef {number | typeof OUTSIDE} End */

const SIGNS = { opened: "▲", closed: "▼" };
/** What the sections about other things than connections mean. @type {Record<string, string>} */
const MEANINGS = {
  "exposure opened": "What pods that do not exist yet could do now, if somebody creates them.",
  "exposure closed": "What pods that do not exist yet could no longer do.",
  isolation: "Which workloads a NetworkPolicy selects now, or no longer: what no rule allows is denied to these.",
  unknown: "What the answers depend on, and the input does not say.",
};
/** Names that a row lists; of more it says how many there are. */
const MOST_NAMES = 3;

/** All that has changed, in the sections of the text. @param {Report} report */
export function differenceView(report) {
  const difference = report.data.difference;
  if (!difference) return null;
  const { summary, closing, sections, rows } = difference;
  const counts = { opened: 0, closed: 0 };
  return h(
    "section",
    {},
    h("h1", {}, "Changes"),
    h("p", {}, summary),
    closing ? h("p", {}, closing) : null,
    rows.length ? h("p", {}, h("a", { href: link("changed") }, "Show the cells that change")) : null,
    sections.flatMap((section) => [
      h("h2", { class: "title" }, section.title, h("span", { class: "quiet" }, ` ${section.rows.length}`)),
      MEANINGS[section.title] ? h("p", { class: "quiet" }, MEANINGS[section.title]) : null,
      h(
        "ul",
        { class: "changes" },
        section.rows.map((shown) => {
          const kind = section.title;
          if (kind !== "opened" && kind !== "closed") return item(shown.mark, shown.sentence, shown.reasons);
          const of = rows.filter((row) => row.kind === kind && !row.reviewed)[counts[kind]++];
          return connection(report, of);
        }),
      ),
    ]),
  );
}

/** @param {string} mark @param {string} sentence @param {string[]} reasons */
function item(mark, sentence, reasons) {
  return h("li", {}, h("span", { class: "sign" }, mark), " ", sentence, reasons.length ? h("ul", {}, reasons.map((text) => h("li", { class: "quiet" }, text))) : null);
}

/** One row that opens or closes connections, with a link to the first of its cells. @param {Report} report @param {ChangedRow} row */
function connection(report, row) {
  const [sources, destinations] = [report.endsOf(row, "sources"), report.endsOf(row, "destinations")];
  const first = sources.flatMap((one) => destinations.filter((other) => report.isAbout(row, one, other)).map((other) => [one, other]).slice(0, 1))[0];
  return h(
    "li",
    { class: row.kind },
    h("span", { class: "sign" }, SIGNS[row.kind]),
    ` ${row.kind}: `,
    names(report, row, sources),
    " → ",
    names(report, row, destinations),
    ": ",
    h("strong", {}, row.traffic),
    " ",
    first ? h("a", { href: link("cell", nameOf(report, first[0]), nameOf(report, first[1])) }, "Explain") : null,
    causes(report, row),
    sources.length > MOST_NAMES || destinations.length > MOST_NAMES
      ? h("details", {}, h("summary", {}, "All workloads"), h("p", {}, "from ", all(report, sources)), h("p", {}, "to ", all(report, destinations)))
      : null,
  );
}

/** @param {Report} report @param {ChangedRow} row @param {End[]} ends */
function names(report, row, ends) {
  if (ends[0] === OUTSIDE) return h("code", {}, row.addresses);
  const shown = ends.slice(0, MOST_NAMES).map((end) => nameOf(report, end));
  return shown.join(", ") + (ends.length > MOST_NAMES ? ` and ${ends.length - MOST_NAMES} more` : "");
}

/** @param {Report} report @param {End[]} ends */
function all(report, ends) {
  return ends.map((end) => nameOf(report, end)).join(", ");
}

/** @param {Report} report @param {End} end */
function nameOf(report, end) {
  return end === OUTSIDE ? OUTSIDE : report.name(end);
}

/** Why a row is there, with a link to the policy where it is in the report. @param {Report} report @param {ChangedRow} row */
function causes(report, row) {
  return h(
    "ul",
    {},
    row.causes.map(({ text, policy }) => {
      const found = policy === undefined ? null : report.data.policies[policy];
      return h("li", { class: "quiet" }, found ? h("a", { href: link("policy", found.kind, report.policyName(found)) }, text) : text);
    }),
  );
}

/** What has changed of one connection; null if nothing has. @param {Report} report @param {End} source @param {End} destination */
export function changeOf(report, source, destination) {
  const difference = report.data.difference;
  const rows = report.rowsAbout(source, destination);
  if (!difference || !rows.length) return null;
  return h(
    "section",
    { class: "card changes" },
    h("h3", {}, "What the change does"),
    rows.map((row) =>
      h(
        "div",
        { class: row.kind },
        h("p", {}, h("strong", {}, `${SIGNS[row.kind]} ${row.kind}: ${row.traffic}`), row.addresses ? ` with ${row.addresses}` : "", row.reviewed ? ", which is allowed" : ""),
        h("dl", {}, h("dt", {}, `before: ${difference.from}`), h("dd", {}, row.before), h("dt", {}, `after: ${difference.to}`), h("dd", {}, row.after)),
        causes(report, row),
      ),
    ),
  );
}

/** How much has changed, above the matrix. @param {Report} report @param {boolean} only */
export function differenceSummary(report, only) {
  const difference = report.data.difference;
  if (!difference) return null;
  const cells = difference.rows.length;
  return h(
    "p",
    { class: "compared" },
    `Compared with ${difference.from}: ▲ ${difference.rows.filter(({ kind }) => kind === "opened").length} opened, ▼ ${difference.rows.filter(({ kind }) => kind === "closed").length} closed. `,
    h("a", { href: link("changes") }, "All changes"),
    cells ? [" · ", h("a", { href: link(only ? "" : "changed") }, only ? "All rows and columns" : "Only changes"), h("span", { class: "keys" }, " · The keys [ and ] go to the next cell that changes.")] : null,
  );
}
