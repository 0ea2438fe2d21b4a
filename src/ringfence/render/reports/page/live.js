// The local page only: what it asks its server. A report in a file has no server, and asks nothing.

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./report.js").Policy} Policy */
/** @typedef {import("./report.js").Problem} Problem */
/** @typedef {import("./report.js").ReportData} ReportData */
/** @typedef {import("./report.js").SimulationData} SimulationData */
/** @typedef {import("./report.js").MapData} MapData */
/** @typedef {{index: number, action: string, name?: string, matches: boolean, allows: boolean, reason: string, line?: number, peers: {index: number, matches: boolean, reason: string}[], hints?: string[]}} ReasonedRule */
/** @typedef {{kind?: string, namespace: string, name: string, file?: string, line?: number, tier?: string, rules: ReasonedRule[]}} ReasonedPolicy */
/** @typedef {{isolated: boolean, allowed: boolean, exempt?: string, policies: ReasonedPolicy[]}} ReasonedSide */
/** @typedef {{kind: string, namespace: string, name: string, text: string}} AppliedEdit */
/** @typedef {{title: string, idea: string, question: string, isAllowed: boolean, answer: string, task: string, hint: string, cluster: string, policy: string, solution: string, policyFile: string, commands: string[]}} Lesson */
/** @typedef {{name: string, passes: boolean, message: string, reasons?: string, source?: string, destination?: string}} PartOfGoal */
/** @typedef {{reached: boolean, tests: PartOfGoal[]}} Goal */
/**
 * @typedef {object} Answer
 * @property {string} result
 * @property {{protocol: string, ports: string}[]} [traffic]
 * @property {ReasonedSide} egress
 * @property {ReasonedSide} ingress
 * @property {import("./report.js").Plugin} [plugin]
 * @property {string[]} assumptions
 * @property {{action: string, lines: string[]}[]} edits
 * @property {AppliedEdit[]} applied
 * @property {{opens: unknown[], closes: unknown[]}} sideEffects
 */

/** Where the server answers: it has a place for each lesson. */
let base = "";

/** Ask about a lesson from now on. @param {number} number */
export function askAboutLesson(number) {
  base = lessonPlace(number);
}

/** The texts and the data of a lesson. @param {number} number @returns {Promise<[Lesson, ReportData]>} */
export async function loadLesson(number) {
  return Promise.all([asked("/lesson", undefined, lessonPlace(number)), asked("/report.json", undefined, lessonPlace(number))]);
}

/** Which parts of the goal of a lesson are reached. @param {number} number @returns {Promise<Goal>} */
export async function askForGoal(number) {
  return asked("/goal", undefined, lessonPlace(number));
}

/** @param {number} number */
function lessonPlace(number) {
  return `/lesson/${number}`;
}

/** Where the server answers now. A text that is typed belongs there, also if it is sent after one has gone on. */
export function presentPlace() {
  return base;
}

/** @typedef {{protocol: string, port: number, expected: boolean, observed: boolean}} Probe */
/** @typedef {{agrees?: boolean, unproven?: string, probes: Probe[]}} Proof */

/** @typedef {{text: string, files: string[], folders: string[]}} ProposedTests */

/** The data of the page. @returns {Promise<ReportData>} */
export async function load() {
  return asked("/report.json");
}

/** Why a connection is allowed or not, with the edits. @param {string} source @param {string} destination @returns {Promise<Answer>} */
export async function ask(source, destination) {
  return asked(`/explain?${new URLSearchParams({ source, destination })}`);
}

/** The map of what the edits change. @returns {Promise<MapData>} */
export async function askForMap() {
  return asked("/map");
}

/** What real packets do between two pods. @param {string} source @param {string} destination @returns {Promise<Proof>} */
export async function prove(source, destination) {
  return asked("/prove", { source, destination });
}

/** The tests of what passes between two workloads, and the files for them. @param {string} source @param {string} destination @returns {Promise<ProposedTests>} */
export async function proposeTests(source, destination) {
  return asked(`/test?${new URLSearchParams({ source, destination })}`);
}

/** Add tests that were shown to a file. @param {{source: string, destination: string, text: string, file: string}} wanted @returns {Promise<string>} */
export async function keep(wanted) {
  return (await asked("/keep", wanted)).kept;
}

/**
 * Suppose that a policy has another text.
 * @param {Report} report
 * @param {{kind: string, namespace: string, name: string}} policy
 * @param {string} text
 * @param {string} [place]
 * @returns {Promise<Problem[]>}
 */
export async function edit(report, { kind, namespace, name }, text, place = base) {
  /** @type {SimulationData & {problems: Problem[]}} */
  const answer = await asked("/edit", { kind, namespace, name, text }, place);
  report.simulate(answer);
  document.dispatchEvent(new CustomEvent("simulated"));
  return answer.problems;
}

/** Write an edit into its file. @param {Policy} policy @param {string} text @returns {Promise<string>} */
export async function save({ kind, namespace, name }, text) {
  const { saved } = await asked("/save", { kind, namespace, name, text });
  document.dispatchEvent(new CustomEvent("saved"));
  return saved;
}

/** Call a function whenever the cluster has changed. @param {() => void} changed */
export function follow(changed) {
  new EventSource("/events").addEventListener("changed", changed);
}

/**
 * @param {string} path
 * @param {object} [body]
 * @param {string} [place]
 * @returns {Promise<any>}
 */
async function asked(path, body, place = base) {
  const request = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(place + path, request || undefined);
  const answer = response.headers.get("content-type")?.includes("json") ? await response.json() : { error: await response.text() };
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
