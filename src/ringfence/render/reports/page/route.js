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

/** @param {...string} parts */
export function link(...parts) {
  const place = parts.map(encodeURIComponent).join("/");
  return lesson ? lessonLink(lesson) + (place && `/${place}`) : `#/${place}`;
}

/** @param {number} number */
export function lessonLink(number) {
  return `#/lesson/${number}`;
}

/** The lesson in the address; NaN without one. */
export function lessonInAddress() {
  return Number(/^#\/lesson\/(\d+)(?:\/|$)/.exec(location.hash)?.[1]);
}

/** The parts of the address, within a lesson. */
export function route() {
  const hash = location.hash.replace(lesson ? /^#\/lesson\/\d+\/?/ : /^#\/?/, "");
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
