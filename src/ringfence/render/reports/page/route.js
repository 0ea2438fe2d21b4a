// The place in the report, which is kept in the address: a link to a cell or a policy can be mailed, and "back" works.

/** The number of the lesson that all links stay in; 0 outside the course. */
let lesson = 0;

/** Have all links stay in a lesson. @param {number} number */
export function stayIn(number) {
  lesson = number;
}

/** Whether the links stay in a lesson of the course. */
export function isCourse() {
  return lesson > 0;
}

/** The colours that were chosen, which all links keep; empty for those of the system. @type {"" | "light" | "dark"} */
let scheme = "";

/** The colours in use. */
export function presentScheme() {
  return scheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

/** Show the page in these colours, and have all links keep them. @param {"light" | "dark"} wanted */
export function choose(wanted) {
  scheme = wanted;
  document.documentElement.dataset.scheme = wanted;
}

/** Use the colours in the address, if it has any. */
export function takeScheme() {
  const wanted = /\?scheme=(light|dark)$/.exec(location.hash)?.[1];
  if (wanted === "light" || wanted === "dark") choose(wanted);
}

/** @param {...string} parts */
export function link(...parts) {
  const place = parts.map(encodeURIComponent).join("/");
  return (lesson ? placeOfLesson(lesson) + (place && `/${place}`) : `#/${place}`) + suffix();
}

/** @param {number} number */
export function lessonLink(number) {
  return placeOfLesson(number) + suffix();
}

/** @param {number} number */
function placeOfLesson(number) {
  return `#/lesson/${number}`;
}

function suffix() {
  return scheme && `?scheme=${scheme}`;
}

/** The lesson in the address; NaN without one. */
export function lessonInAddress() {
  return Number(/^#\/lesson\/(\d+)(?:[/?]|$)/.exec(location.hash)?.[1]);
}

/** The parts of the address, within a lesson. */
export function route() {
  const hash = location.hash.replace(/\?scheme=\w*$/, "").replace(lesson ? /^#\/lesson\/\d+\/?/ : /^#\/?/, "");
  try {
    return hash.split("/").map(decodeURIComponent);
  } catch {
    return [""];
  }
}

/** @param {...string} parts */
export function go(...parts) {
  location.hash = link(...parts);
}
