// The document of the report: its types, and who may connect to whom.

/** @typedef {{text: string, short: string, all?: boolean}} Traffic */
/**
 * @typedef {object} Workload
 * @property {number} namespace
 * @property {string} kind
 * @property {string} name
 * @property {number} class
 * @property {number} subject
 * @property {Record<string, string>} labels
 * @property {boolean} [several]
 * @property {boolean} [hostNetwork]
 * @property {string} [node]
 */
/**
 * @typedef {object} Rule
 * @property {number} index
 * @property {string} action
 * @property {string} [name]
 * @property {string} peers
 * @property {string} traffic
 * @property {number[]} subjects
 * @property {boolean} outside
 * @property {number} [line]
 * @property {number} [endLine]
 */
/**
 * @typedef {object} Policy
 * @property {string} kind
 * @property {string} namespace
 * @property {string} name
 * @property {string} [tier]
 * @property {number} [priority]
 * @property {string} [file]
 * @property {number} line
 * @property {string} yaml
 * @property {boolean} [generated]
 * @property {string} subject
 * @property {number[]} selects
 * @property {Rule[]} [ingress]
 * @property {Rule[]} [egress]
 */
/** @typedef {"egress" | "ingress"} Direction */
/** @typedef {{topic: string, value: string, text: string, confidence: string, source: string, note?: string}} PluginTrait */
/** @typedef {{name: string, title: string, version: string, settings: Record<string, string>, traits: PluginTrait[]}} Plugin */
/** @typedef {{workloads: number[], outside: boolean}} ShownSide */
/**
 * @typedef {object} Problem
 * @property {string} severity
 * @property {string} file
 * @property {number} line
 * @property {string} object
 * @property {string} message
 * @property {string} [remedy]
 */
/** @typedef {{line: number, column: number, endLine: number, endColumn: number, newText: string}} Fix */
/**
 * A mistake in a policy; `policy` is its number, and absent in those of an edit.
 * @typedef {object} Finding
 * @property {number} [policy]
 * @property {string} [object]
 * @property {string} [file]
 * @property {string} rule
 * @property {string} name
 * @property {"error" | "warning" | "note"} severity
 * @property {number} line
 * @property {number} endLine
 * @property {string} path
 * @property {string} message
 * @property {string} remedy
 * @property {Fix} [fix]
 */
/** @typedef {{x: number, y: number, width: number, height: number, lines: string[], style: string, title: string, workload?: number, namespaces?: number[], outside?: true}} MapBox */
/** @typedef {{from: number, to: number, label: string, path: string, x: number, y: number, ends?: true, kind?: "opened" | "closed" | "kept"}} MapEdge */
/** @typedef {{by: "workload" | "namespace", width: number, height: number, lanes: {name: string, x: number, y: number, width: number, height: number}[], boxes: MapBox[], edges: MapEdge[], notes: string[], leftOut?: number}} MapData */
/** @typedef {{source: string, destination: string, opens?: string, closes?: string, now: Traffic | null}} ChangedPair */
/** @typedef {{source: string, destination: string, opens?: string, closes?: string}} ChangedOutside */
/** @typedef {{kind: string, namespace: string, name: string, text: string, problems: Problem[], findings: Finding[]}} PolicyEdit */
/**
 * What the edits in the local page change.
 * @typedef {object} SimulationData
 * @property {PolicyEdit[]} edits
 * @property {number} opened
 * @property {number} closed
 * @property {ChangedPair[]} pairs
 * @property {ChangedOutside[]} outside
 */
/**
 * A row of a difference: what was opened or closed from each source to each destination, as ranges of workloads.
 * @typedef {object} ChangedRow
 * @property {"opened" | "closed"} kind
 * @property {number[]} sources
 * @property {number[]} destinations
 * @property {number[]} alone
 * @property {string} [addresses]
 * @property {boolean} [reviewed]
 * @property {string} traffic
 * @property {string} before
 * @property {string} after
 * @property {{text: string, policy?: number}[]} causes
 */
/**
 * What has changed against another cluster.
 * @typedef {object} DifferenceData
 * @property {string} from
 * @property {string} to
 * @property {string} summary
 * @property {string} closing
 * @property {ChangedRow[]} rows
 * @property {{title: string, rows: {mark: string, sentence: string, reasons: string[]}[]}[]} sections
 * @property {MapData} map
 */
/**
 * @typedef {object} ReportData
 * @property {string} title
 * @property {string[]} namespaces
 * @property {Workload[]} workloads
 * @property {{egress: number[], ingress: number[]}[]} subjects
 * @property {Policy[]} policies
 * @property {Traffic[]} traffic
 * @property {{text: string, all?: boolean, most?: boolean}[]} addresses
 * @property {number[]} common
 * @property {{cells: number[], common?: boolean}[]} rows
 * @property {number[][]} outgoing
 * @property {number[][]} incoming
 * @property {{direction: Direction, workloads: number[], lines: string[][]}[] | null} exposure
 * @property {MapData} map
 * @property {{found: Finding[], more: number, skipped: {rules: string[], reason: string}[]}} findings
 * @property {true} [pending] whether exposure and mistakes are still being found
 * @property {SimulationData} [simulation]
 * @property {DifferenceData} [difference]
 * @property {Plugin} [plugin]
 * @property {{sources: ShownSide, destinations: ShownSide}} [shown]
 * @property {string[]} assumptions
 * @property {string[]} unread
 * @property {Problem[]} problems
 */

export const OUTSIDE = "outside";
/** @typedef {number | typeof OUTSIDE} End */

export class Report {
  /** @param {ReportData} data */
  constructor(data) {
    this.data = data;
    /** @type {number[][]} */
    this.classes = data.rows.map(() => []);
    data.workloads.forEach((workload, number) => this.classes[workload.class].push(number));
    this.passing = data.rows.map((row) => rowOf(row, data.common));
    /** @type {Map<string, ChangedPair>} */
    this.changes = new Map();
    /** The view of the matrix that is shown: "" for what the file is about, "changed" for what has changed, "all". */
    this.matrixView = "";
    /** For each row of a difference the classes of its sources and destinations. */
    this.changedClasses = (data.difference?.rows ?? []).map((row) => ({
      row,
      sources: this.classesOf(row, "sources"),
      destinations: this.classesOf(row, "destinations"),
    }));
    /** How many classes each namespace has. @type {Map<number, number>} */
    this.classesOfNamespace = new Map();
    for (const [first] of this.classes) {
      const { namespace } = data.workloads[first];
      this.classesOfNamespace.set(namespace, (this.classesOfNamespace.get(namespace) ?? 0) + 1);
    }
    this.byName = new Map(data.workloads.map((_, number) => [this.name(number), number]));
    const times = new Map();
    for (const workload of data.workloads) {
      const key = `${workload.namespace}/${workload.name}`;
      times.set(key, (times.get(key) ?? 0) + 1);
    }
    this.shortNames = data.workloads.map((workload) =>
      times.get(`${workload.namespace}/${workload.name}`) === 1 ? workload.name : `${workload.kind}/${workload.name}`,
    );
  }

  /** Take what the edits of the local page change. @param {SimulationData} simulation */
  simulate(simulation) {
    this.data.simulation = simulation;
    this.changes = new Map(simulation.pairs.map((pair) => [`${pair.source} ${pair.destination}`, pair]));
  }

  /** The edit of a policy, if it is edited. @param {Policy} policy */
  editOf({ kind, namespace, name }) {
    return this.data.simulation?.edits.find((one) => one.kind === kind && one.namespace === namespace && one.name === name);
  }

  /** The mistakes in a policy, as it is edited. @param {Policy} policy @returns {Finding[]} */
  findingsIn(policy) {
    const number = this.data.policies.indexOf(policy);
    return this.editOf(policy)?.findings ?? this.data.findings.found.filter((one) => one.policy === number);
  }

  /** All mistakes, with the policies as they are edited. @returns {[Finding, Policy | undefined][]} */
  findings() {
    const { policies, findings, simulation } = this.data;
    const kept = findings.found.flatMap((one) => {
      const policy = one.policy === undefined ? undefined : policies[one.policy];
      return policy && this.editOf(policy) ? [] : [/** @type {[Finding, Policy | undefined]} */ ([one, policy])];
    });
    const edited = simulation?.edits.length ? policies.flatMap((policy) => (this.editOf(policy)?.findings ?? []).map((one) => /** @type {[Finding, Policy]} */ ([one, policy]))) : [];
    return [...edited, ...kept];
  }

  /** What the edits change between two workloads. @param {number} source @param {number} destination */
  changed(source, destination) {
    return this.changes.size ? this.changes.get(`${this.name(source)} ${this.name(destination)}`) : undefined;
  }

  /** The ends of one side of a row of a difference. @param {ChangedRow} row @param {"sources" | "destinations"} side @returns {End[]} */
  endsOf(row, side) {
    if (!row[side].length) return [OUTSIDE];
    return this.data.workloads.flatMap((_, number) => (isWithin(row[side], number) ? [number] : []));
  }

  /** The classes of the ends of one side of a row. @param {ChangedRow} row @param {"sources" | "destinations"} side @returns {Set<End>} */
  classesOf(row, side) {
    return new Set(this.endsOf(row, side).map((end) => (end === OUTSIDE ? OUTSIDE : this.data.workloads[end].class)));
  }

  /** The classes that one side of the matrix shows first; null if it shows all. @param {"sources" | "destinations"} side @returns {Set<End> | null} */
  shown(side) {
    const shown = this.data.shown?.[side];
    if (!shown) return null;
    /** @type {Set<End>} */
    const classes = new Set(shown.outside ? [OUTSIDE] : []);
    this.data.workloads.forEach((workload, number) => isWithin(shown.workloads, number) && classes.add(workload.class));
    return classes;
  }

  /** The classes that are on one side of any row of the difference. @param {"sources" | "destinations"} side */
  changing(side) {
    return new Set(this.changedClasses.flatMap((one) => [...one[side]]));
  }

  /** Whether a row is about a connection. @param {ChangedRow} row @param {End} source @param {End} destination */
  isAbout(row, source, destination) {
    if (!isAmong(row.sources, source) || !isAmong(row.destinations, destination)) return false;
    return source !== destination || (source !== OUTSIDE && !isWithin(row.alone, source));
  }

  /** The rows of the difference about a connection. @param {End} source @param {End} destination */
  rowsAbout(source, destination) {
    return this.changedClasses.flatMap(({ row }) => (this.isAbout(row, source, destination) ? [row] : []));
  }

  /**
   * The rows of the difference about connections between two classes, and how many pairs change.
   * @param {End} source
   * @param {End} destination
   * @returns {{rows: ChangedRow[], changed: number, pairs: number}}
   */
  rowsBetween(source, destination) {
    const found = this.changedClasses.filter(({ sources, destinations }) => sources.has(source) && destinations.has(destination));
    if (!found.length) return { rows: [], changed: 0, pairs: 0 };
    /** @type {Set<ChangedRow>} */
    const rows = new Set();
    let [changed, pairs] = [0, 0];
    for (const one of this.membersOf(source)) {
      for (const other of this.membersOf(destination)) {
        if (one === other && (one === OUTSIDE || this.isItself(one, one))) continue;
        const about = found.filter(({ row }) => this.isAbout(row, one, other));
        about.forEach(({ row }) => rows.add(row));
        pairs += 1;
        changed += about.length ? 1 : 0;
      }
    }
    return { rows: [...rows], changed, pairs };
  }

  /** The short name of a class: of its first workload, or the number of all if it is all that its namespace has. @param {number} place */
  className(place) {
    const members = this.classes[place];
    if (members.length === 1) return this.shortNames[members[0]];
    const isWhole = this.classesOfNamespace.get(this.data.workloads[members[0]].namespace) === 1;
    return isWhole ? `${members.length.toLocaleString("en")} workloads` : `${this.shortNames[members[0]]} +${members.length - 1}`;
  }

  /** @param {End} place @returns {End[]} */
  membersOf(place) {
    return place === OUTSIDE ? [OUTSIDE] : this.classes[place];
  }

  /** How a workload is written in a question: `prod/web`, `prod/Deployment/web`. @param {number} number */
  name(number) {
    const { namespace, kind, name } = this.data.workloads[number];
    const short = kind === "Pod" ? name : `${kind}/${name}`;
    return `${this.data.namespaces[namespace]}/${short}`;
  }

  /** @param {number} number */
  namespace(number) {
    return this.data.namespaces[this.data.workloads[number].namespace];
  }

  /** The name of a policy. @param {Policy} policy */
  policyName(policy) {
    return policy.namespace ? `${policy.namespace}/${policy.name}` : policy.name;
  }

  /** Whether both are one and the same pod, which always reaches itself. @param {number} source @param {number} destination */
  isItself(source, destination) {
    return source === destination && !this.data.workloads[source].several;
  }

  /** Whether the source is a node, which always reaches the pods that run on it. @param {number} source @param {number} destination */
  isOnItsNode(source, destination) {
    const { hostNetwork, node } = this.data.workloads[source];
    return Boolean(hostNetwork && node && node === this.data.workloads[destination].node);
  }

  /** What passes between two workloads, or null. @param {number} source @param {number} destination */
  between(source, destination) {
    if (this.isItself(source, destination)) return null;
    const change = this.changed(source, destination);
    if (change) return change.now;
    const { workloads, traffic } = this.data;
    const number = this.passing[workloads[source].class].get(workloads[destination].class);
    return number === undefined ? null : traffic[number];
  }

  /**
   * What passes between a workload and addresses outside the cluster, as pairs of both.
   * @param {number} number
   * @param {Direction} direction
   * @returns {[{text: string, all?: boolean, most?: boolean}, Traffic][]}
   */
  outside(number, direction) {
    const { outgoing, incoming, addresses, traffic, workloads } = this.data;
    const found = (direction === "egress" ? outgoing : incoming)[workloads[number].class];
    return pairs(found).map(([place, passing]) => [addresses[place], traffic[passing]]);
  }

  /** The policies that act on a workload. @param {number} number @param {Direction} direction */
  acting(number, direction) {
    const { workloads, subjects, policies } = this.data;
    return subjects[workloads[number].subject][direction].map((one) => policies[one]);
  }

  /** The workloads among subjects, which are ranges. @param {number[]} ranges */
  workloadsOf(ranges) {
    return this.data.workloads.flatMap(({ subject }, number) => (isWithin(ranges, subject) ? [number] : []));
  }
}

/** Whether an end is on a side of a row; without workloads, that is addresses. @param {number[]} ranges @param {End} end */
function isAmong(ranges, end) {
  return end === OUTSIDE ? !ranges.length : isWithin(ranges, end);
}

/** @param {number[]} ranges @param {number} number */
export function isWithin(ranges, number) {
  for (let at = 0; at < ranges.length; at += 2) {
    if (ranges[at] <= number && number <= ranges[at + 1]) return true;
  }
  return false;
}

/** The classes that one reaches, with the traffic. @param {{cells: number[], common?: boolean}} row @param {number[]} common */
function rowOf(row, common) {
  /** @type {Map<number, number>} */
  const made = new Map();
  for (const ranges of row.common ? [common, row.cells] : [row.cells]) {
    for (let at = 0; at < ranges.length; at += 3) {
      for (let place = ranges[at]; place <= ranges[at + 1]; place++) {
        if (ranges[at + 2] < 0) made.delete(place);
        else made.set(place, ranges[at + 2]);
      }
    }
  }
  return made;
}

/** A list of numbers as pairs. @param {number[]} flat @returns {[number, number][]} */
export function pairs(flat) {
  /** @type {[number, number][]} */
  const made = [];
  for (let at = 0; at < flat.length; at += 2) made.push([flat[at], flat[at + 1]]);
  return made;
}
