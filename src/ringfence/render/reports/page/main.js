// The page: the header, and the view that the address names.

import { counted, h, replace } from "./elements.js";
import { explain } from "./explanation.js";
import { findingsView } from "./findings.js";
import { mapView } from "./map.js";
import { matrix } from "./matrix.js";
import { namespaceView } from "./namespace.js";
import { policiesView, policyView } from "./policies.js";
import { differenceView } from "./differences.js";
import { changesText, changesView } from "./editor.js";
import { askAboutLesson, follow, load, loadLesson } from "./live.js";
import { CoursePlace } from "./lesson.js";
import { notice } from "./notice.js";
import { pluginName } from "./plugin.js";
import { Report } from "./report.js";
import { choose, go, lessonInAddress, link, presentScheme, route, stayIn, takeScheme } from "./route.js";
import { searchBox } from "./search.js";
import { drawnInPlace, keepFindings } from "./standing.js";
import { workloadView } from "./workload.js";

/** A report in a file has its data inside; the local page asks its server. */
const embedded = document.getElementById("report");
/** @type {Report} */
let report;
const content = /** @type {HTMLElement} */ (document.getElementById("content"));
const panel = /** @type {HTMLElement} */ (document.getElementById("panel"));
const views = [
  ["", "Matrix"],
  ["map", "Map"],
  ["policies", "Policies"],
  ["findings", "Findings"],
];
/** The view in the header that a view is part of. @type {Record<string, string>} */
const PARTS = { cell: "", changed: "", all: "", policy: "policies" };
/** The matrices that were drawn: of everything, and of what has changed. @type {Map<string, import("./matrix.js").DrawnMatrix>} */
const matrices = new Map();
/** The titles of the lessons; only the course has them. @type {string[]} */
const titles = JSON.parse(document.body.dataset.lessons ?? "[]");
/** @type {CoursePlace | null} */
let lesson = null;
let wanted = 0;
/** Ends what listens for the data that are shown, when others come. */
let shown = new AbortController();

function header() {
  const { data } = report;
  const doubts = data.unread.length + data.problems.filter(({ severity }) => severity === "error").length;
  replace(
    /** @type {Element} */ (document.querySelector("header.top")),
    h("div", { class: "brand" }, h("strong", {}, "ringfence"), h("span", { class: "quiet" }, data.title)),
    h("nav", { "aria-label": "Views" }, (data.difference ? [...views, ["changes", "Changes"]] : views).map(([name, text]) => h("a", { href: link(name), "data-view": name }, text, name === "findings" && data.findings.found.length ? h("span", { class: "count" }, ` ${data.findings.found.length + data.findings.more}`) : null))),
    data.plugin ? h("a", { class: "plugin", href: link("findings") }, `as ${pluginName(data.plugin)} enforces policies`) : null,
    doubts ? h("a", { class: "loud", href: link("findings") }, `Not everything is read: ${counted(doubts, "problem")}`) : null,
    searchBox(report, shown.signal),
    h("button", { class: "scheme", onclick: changeScheme }, presentScheme() === "dark" ? "Light" : "Dark", h("span", { class: "hidden" }, " colours")),
    h("div", { class: "bar" }, h("div", { class: "simulation", role: "status" }), notice),
  );
}

/** Light colours in place of dark ones, or dark ones in place of light ones. The links of the header keep them, too. */
function changeScheme() {
  const place = route();
  choose(presentScheme() === "dark" ? "light" : "dark");
  header();
  banner();
  go(...place);
  /** @type {HTMLElement} */ (document.querySelector(".scheme")).focus();
}

/** Show what the address names. */
function show() {
  takeScheme();
  const [view, ...names] = lesson?.isPredicted === false ? [""] : route();
  if (["", "changed", "all"].includes(view)) report.matrixView = view;
  for (const anchor of document.querySelectorAll("[data-view]")) {
    const isCurrent = anchor.getAttribute("data-view") === (PARTS[view] ?? view);
    if (isCurrent) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  const explained = view === "cell" && explain(report, panel, names[0], names[1]);
  const isClosed = !explained && !panel.hidden && (panel.contains(document.activeElement) || document.activeElement === document.body);
  panel.hidden = !explained;
  document.body.classList.toggle("explaining", Boolean(explained));
  const other = otherView(view, names);
  const drawn = other ? null : drawnMatrix();
  document.body.classList.toggle("filling", drawn !== null && !lesson);
  const shownElement = other ?? /** @type {HTMLElement} */ (drawn?.element);
  // What stays is not taken out and put in again: it would lose its focus, and begin to scroll anew.
  if (lesson && drawn) replace(content, h("div", {}, lesson.work(report), shownElement));
  else if (content.firstElementChild !== shownElement) replace(content, shownElement);
  drawn?.resume(explained ? names : null);
  if (explained) /** @type {HTMLElement} */ (document.getElementById("asked")).focus();
  else if (isClosed) drawn?.focus();
}

/** The matrix that is shown: drawn once, and then kept. */
function drawnMatrix() {
  const drawn = matrices.get(report.matrixView) ?? matrix(report, report.matrixView, shown.signal);
  matrices.set(report.matrixView, drawn);
  return drawn;
}

/** What is shown in place of the matrix; null for the matrix. @param {string} view @param {string[]} names */
function otherView(view, names) {
  if (view === "map") return names[0] ? (namespaceView(report, names[0]) ?? missing()) : mapView(report);
  if (view === "policies") return policiesView(report);
  if (view === "changes") return differenceView(report) ?? changesView(report);
  if (view === "findings") return findingsView(report);
  if (view === "policy") return policyView(report, names[0], names[1]) ?? missing();
  if (view === "workload") {
    const number = report.byName.get(names[0]);
    return number === undefined ? missing() : workloadView(report, number);
  }
  if (lesson?.isPredicted === false) return lesson.start();
  return null;
}

function missing() {
  return h("section", {}, h("h1", {}, "Not in this report"), h("p", {}, "The link names something that this report does not have. ", h("a", { href: link("") }, "Show the matrix")));
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !panel.hidden) go(report.matrixView);
});
/** Say above every view that policies are edited: what is shown is not what is in force. */
function banner() {
  const place = document.querySelector(".simulation");
  const edits = report.data.simulation?.edits.length ?? 0;
  document.body.classList.toggle("simulating", edits > 0);
  if (place) replace(place, edits ? [h("strong", {}, "Simulation: "), changesText(report), " ", h("a", { href: link("changes") }, "Changes")] : "");
}

/** @param {import("./report.js").ReportData} data */
function begin(data) {
  shown.abort();
  shown = new AbortController();
  const before = report;
  report = new Report(data);
  if (data.pending && before) keepFindings(before, report);
  if (data.simulation) report.simulate(data.simulation);
  matrices.clear();
  document.title = `${data.title} - ringfence`;
  takeScheme();
  header();
  banner();
  show();
}

/** Open the lesson that the address names. */
async function learn() {
  const named = lessonInAddress();
  const number = named >= 1 && named <= titles.length ? named : 1;
  wanted = number;
  if (number === lesson?.number) return show();
  try {
    const [told, data] = await loadLesson(number);
    if (wanted !== number) return; // another lesson was opened meanwhile
    stayIn(number);
    askAboutLesson(number);
    lesson = CoursePlace.open(number, titles, told, show);
    begin(data);
  } catch (error) {
    replace(content, String(error));
  }
}

/** The YAML and the assumptions of an explanation are opened for paper, on which nothing can be clicked. @type {HTMLDetailsElement[]} */
let openedForPaper = [];
addEventListener("beforeprint", () => {
  openedForPaper = [.../** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll("#panel details:not([open], .same)"))];
  for (const one of openedForPaper) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of openedForPaper) one.open = false;
});

addEventListener("hashchange", titles.length ? () => void learn() : show);
document.addEventListener("simulated", () => {
  banner();
  lesson?.follow(report);
  if (lesson) followExplanation();
});
/** In the course the editor is beside the explanation, which would else be about the policy before the edit. */
function followExplanation() {
  const [view, ...names] = route();
  if (panel.hidden || view !== "cell") return;
  const hadFocus = panel.contains(document.activeElement);
  explain(report, panel, names[0], names[1]);
  if (hadFocus) /** @type {HTMLElement} */ (document.getElementById("asked")).focus();
}
// The course follows no files: only the page itself changes them.
if (titles.length) document.addEventListener("saved", () => void load().then(begin));
if (titles.length) void learn();
else if (embedded) begin(JSON.parse(embedded.textContent ?? ""));
else {
  load().then(begin, (error) => replace(content, String(error)));
  follow(() => load().then((data) => drawnInPlace(content, () => begin(data))));
}
