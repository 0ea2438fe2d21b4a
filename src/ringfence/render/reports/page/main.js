// The page: the header, and the view that the address names.

import { counted, h, replace } from "./elements.js";
import { explain } from "./explanation.js";
import { findingsView } from "./findings.js";
import { matrix } from "./matrix.js";
import { policiesView, policyView } from "./policies.js";
import { Report } from "./report.js";
import { go, link, route } from "./route.js";
import { searchBox } from "./search.js";
import { workloadView } from "./workload.js";

const report = new Report(JSON.parse(/** @type {HTMLElement} */ (document.getElementById("report")).textContent ?? ""));
const content = /** @type {HTMLElement} */ (document.getElementById("content"));
const panel = /** @type {HTMLElement} */ (document.getElementById("panel"));
const views = [
  ["", "Matrix"],
  ["policies", "Policies"],
  ["findings", "Findings"],
];
/** @type {HTMLElement | null} */
let shownMatrix = null;

function header() {
  const { data } = report;
  const doubts = data.unread.length + data.problems.filter(({ severity }) => severity === "error").length;
  replace(
    /** @type {Element} */ (document.querySelector("header.top")),
    h("div", { class: "brand" }, h("strong", {}, "ringfence"), h("span", { class: "quiet" }, data.title)),
    h("nav", { "aria-label": "Views" }, views.map(([name, text]) => h("a", { href: link(name), "data-view": name }, text))),
    doubts ? h("a", { class: "loud", href: link("findings") }, `${counted(doubts, "doubt")}: see Findings`) : null,
    searchBox(report),
  );
}

/** Show what the address names. */
function show() {
  const [view, ...names] = route();
  for (const anchor of document.querySelectorAll("[data-view]")) {
    const isCurrent = anchor.getAttribute("data-view") === view || (view === "cell" && anchor.getAttribute("data-view") === "");
    if (isCurrent) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  const explained = view === "cell" && explain(report, panel, names[0], names[1]);
  panel.hidden = !explained;
  document.body.classList.toggle("explaining", Boolean(explained));
  replace(content, viewOf(view, names));
  if (explained) /** @type {HTMLElement} */ (document.getElementById("asked")).focus();
}

/** @param {string} view @param {string[]} names */
function viewOf(view, names) {
  if (view === "policies") return policiesView(report);
  if (view === "findings") return findingsView(report);
  if (view === "policy") return policyView(report, names[0], names[1]) ?? missing();
  if (view === "workload") {
    const number = report.byName.get(names[0]);
    return number === undefined ? missing() : workloadView(report, number);
  }
  shownMatrix ??= matrix(report);
  return shownMatrix;
}

function missing() {
  return h("section", {}, h("h1", {}, "Not in this report"), h("p", {}, "The link names something that this report does not have. ", h("a", { href: link("") }, "Show the matrix")));
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !panel.hidden) go("");
});
addEventListener("hashchange", show);
header();
show();
