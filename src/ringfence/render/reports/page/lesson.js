// The course of the local page: what a lesson tells and asks, beside the matrix and the policy that one writes.

import { editorOf, textOf } from "./editor.js";
import { h, replace } from "./elements.js";
import { askForGoal, edit, prove } from "./live.js";
import { lessonLink, link } from "./route.js";

/** @typedef {import("./report.js").Report} Report */
/** @typedef {import("./live.js").Lesson} Lesson */
/** @typedef {import("./live.js").Goal} Goal */
/** @typedef {import("./live.js").PartOfGoal} PartOfGoal */

/** What was predicted in each lesson, and which were finished, until the page is left. */
const predictions = /** @type {Map<number, boolean>} */ (new Map());
const finished = /** @type {Set<number>} */ (new Set());

/** One lesson on the page. */
export class CoursePlace {
  /**
   * @param {number} number
   * @param {string[]} titles
   * @param {Lesson} told
   * @param {() => void} show draws the page again
   */
  constructor(number, titles, told, show) {
    this.number = number;
    this.titles = titles;
    this.told = told;
    this.show = show;
    /** @type {Report | null} */
    this.report = null;
    this.asked = 0;
    /** The connections of the goal, as they were judged last. @type {PartOfGoal[]} */
    this.tests = [];
    this.aside = asideOf();
    this.goal = h("div", { class: "goal", role: "status" });
    this.editor = h("div", {});
    this.list = h("ol", {});
  }

  /**
   * Show the texts of a lesson.
   * @param {number} number
   * @param {string[]} titles
   * @param {Lesson} told
   * @param {() => void} show
   */
  static open(number, titles, told, show) {
    const made = new CoursePlace(number, titles, told, show);
    made.draw();
    return made;
  }

  /** Whether the question was answered. The matrix would give the answer away, so it is shown after that. */
  get isPredicted() {
    return predictions.has(this.number);
  }

  draw() {
    const { told, number, titles } = this;
    this.mark();
    replace(
      this.aside,
      h("p", { class: "quiet" }, `Lesson ${number} of ${titles.length}`),
      h("h2", {}, told.title),
      prose(told.idea),
      h("h3", {}, "Predict"),
      prose(told.question),
      this.isPredicted ? this.answer() : this.choices(),
      ...(this.isPredicted ? this.task() : []),
      h("details", {}, h("summary", {}, "All lessons"), this.list),
    );
  }

  /** Tick the lessons that are finished. */
  mark() {
    replace(
      this.list,
      this.titles.map((title, index) =>
        h("li", {}, h("a", { href: lessonLink(index + 1), "aria-current": index + 1 === this.number && "page" }, title), finished.has(index + 1) ? " ✓ finished" : ""),
      ),
    );
  }

  choices() {
    const choose = (/** @type {boolean} */ isAllowed) => () => {
      predictions.set(this.number, isAllowed);
      this.draw();
      this.show();
      /** @type {HTMLElement} */ (document.getElementById("answer")).focus();
    };
    return h("p", { class: "choices" }, h("button", { onclick: choose(true) }, "Allowed"), " ", h("button", { onclick: choose(false) }, "Denied"));
  }

  answer() {
    const { isAllowed, answer } = this.told;
    const isRight = predictions.get(this.number) === isAllowed;
    return h(
      "div",
      { id: "answer", tabindex: "-1" },
      h("p", {}, h("strong", {}, `${isRight ? "✓ Right" : "✗ No"}: it is ${isAllowed ? "allowed" : "denied"}.`)),
      prose(answer),
    );
  }

  task() {
    const { told } = this;
    const write = (/** @type {string} */ text) => async () => {
      const policy = this.report && policyOf(this.report, told);
      if (this.report && policy) await edit(this.report, policy, text);
    };
    return [
      h("h3", {}, "Do"),
      prose(told.task),
      this.goal,
      h("details", {}, h("summary", {}, "Hint"), prose(told.hint)),
      h("details", {}, h("summary", {}, "A solution"), h("pre", { class: "wrapped", tabindex: "0" }, told.solution), h("button", { onclick: write(told.solution) }, "Put it into the editor"), " ", h("button", { onclick: write(told.policy) }, "Start again")),
      h(
        "details",
        {},
        h("summary", {}, "Prove it"),
        h("p", {}, "The laboratory builds the pods as network namespaces of this machine. The Linux kernel enforces the policy as it is in the editor, and real connections are opened."),
        this.proof(),
        h("p", {}, "It needs Linux, and no root where the kernel lets everybody create user namespaces. Where it cannot run, the button says why. The rest of the course works without it."),
        h("p", {}, "On the command line: save the policy to the file, then prove the goal, or every connection."),
        told.commands.map((command) => h("pre", { class: "wrapped", tabindex: "0" }, command)),
      ),
    ];
  }

  /** A button that proves the connections of the goal, one after another, and what the kernel said. */
  proof() {
    const found = h("ul", { class: "parts proven", "aria-live": "polite" });
    const button = /** @type {HTMLButtonElement} */ (h("button", {}, "Prove the goal with real packets"));
    button.onclick = async () => {
      const { report } = this;
      if (!report) return;
      button.disabled = true;
      replace(found, h("li", { class: "quiet" }, "The laboratory is being built…"));
      /** @type {HTMLElement[]} */
      const lines = [];
      for (const one of this.tests) {
        lines.push(await proven(report, one));
        replace(found, lines);
      }
      button.disabled = false;
    };
    return h("div", {}, h("p", {}, button), found);
  }

  /** What is shown before the prediction: the manifests. */
  start() {
    return h(
      "section",
      {},
      h("h1", {}, "Read this, then predict"),
      h("p", {}, "Read the policy and the cluster, and make your prediction. After that, the matrix shows who may connect to whom."),
      h(
        "div",
        { class: "manifests" },
        h("div", {}, h("h2", {}, "Policy"), h("pre", { tabindex: "0", "aria-label": "The policy" }, this.told.policy)),
        h("div", {}, h("h2", {}, "Cluster"), h("pre", { tabindex: "0", "aria-label": "The cluster" }, this.told.cluster)),
      ),
    );
  }

  /** The editor of the policy, and the goal. @param {Report} report */
  work(report) {
    this.report = report;
    this.edit();
    void this.check(report);
    return this.editor;
  }

  edit() {
    const { report, told } = this;
    const policy = report && policyOf(report, told);
    replace(
      this.editor,
      h("h1", {}, "The policy, to change"),
      report && policy ? editorOf(report, policy) : h("p", {}, "The policy of this lesson has no place any more: start the course again."),
    );
  }

  /** After an edit: judge the goal, and show a text that was not typed. @param {Report} report */
  follow(report) {
    this.report = report;
    const area = this.editor.querySelector("textarea");
    const policy = policyOf(report, this.told);
    if (area && policy && !this.editor.contains(document.activeElement) && area.value !== textOf(report, policy).text) this.edit();
    void this.check(report);
  }

  /** @param {Report} report */
  async check(report) {
    const asked = ++this.asked;
    try {
      const goal = await askForGoal(this.number);
      if (asked !== this.asked) return; // a later edit was answered
      this.tests = goal.tests;
      if (goal.reached) finished.add(this.number);
      this.mark();
      replace(this.goal, this.reached(report, goal));
    } catch (error) {
      replace(this.goal, String(error));
    }
  }

  /** @param {Report} report @param {Goal} goal */
  reached(report, goal) {
    const isLast = this.number === this.titles.length;
    return [
      h("ul", { class: "parts" }, goal.tests.map((one) => part(report, one))),
      goal.reached
        ? h("p", {}, h("strong", {}, "Goal reached. "), isLast ? "That was the last lesson." : h("a", { href: lessonLink(this.number + 1) }, `Next: ${this.titles[this.number]}`))
        : null,
    ];
  }
}

/** Whether a connection is between two workloads, so that the matrix has a cell for it. @param {Report} report @param {PartOfGoal} one */
function hasCell(report, { source, destination }) {
  return Boolean(source && destination && report.byName.has(source) && report.byName.has(destination));
}

/** What the kernel says about one connection of the goal. @param {Report} report @param {PartOfGoal} one */
async function proven(report, one) {
  if (!hasCell(report, one)) return h("li", { class: "quiet" }, `${one.name}: the commands below prove it`);
  try {
    const { unproven, agrees } = await prove(one.source ?? "", one.destination ?? "");
    if (unproven) return h("li", {}, `${one.name}: it could not be proven: ${unproven}`);
    return h("li", {}, agrees ? `✓ ${one.name}: the kernel says the same as the page` : `✗ ${one.name}: the kernel contradicts the page. Please report it, with the policies.`);
  } catch (error) {
    return h("li", {}, `${one.name}: ${error}`);
  }
}

/** One connection of the goal. @param {Report} report @param {PartOfGoal} one */
function part(report, one) {
  const { name, passes, message, reasons, source, destination } = one;
  return h(
    "li",
    { class: passes ? "reached" : "open" },
    h("span", {}, passes ? "✓ " : "✗ ", name),
    passes ? null : h("div", { class: "quiet" }, message, " ", source && destination && hasCell(report, one) ? h("a", { href: link("cell", source, destination) }, "Explain") : null),
    reasons ? h("details", {}, h("summary", {}, "Reasons"), h("pre", { tabindex: "0" }, reasons)) : null,
  );
}

/** The policy that is edited in a lesson. @param {Report} report @param {Lesson} told */
function policyOf(report, told) {
  return report.data.policies.find(({ file }) => file === told.policyFile);
}

/** Paragraphs, in which names in backquotes are code. @param {string} text */
function prose(text) {
  return text
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) => h("p", {}, paragraph.split("`").map((piece, index) => (index % 2 ? h("code", {}, piece) : piece))));
}

/** The place for a lesson, beside the content. */
function asideOf() {
  const found = document.getElementById("lesson");
  if (found) return found;
  const made = h("aside", { id: "lesson", "aria-label": "Lesson" });
  document.body.classList.add("learning");
  document.querySelector(".columns")?.prepend(made);
  return made;
}
