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
/**
 * @typedef {object} Problem
 * @property {string} severity
 * @property {string} file
 * @property {number} line
 * @property {string} object
 * @property {string} message
 * @property {string} [remedy]
 */
/** @typedef {{source: string, destination: string, opens?: string, closes?: string, now: Traffic | null}} ChangedPair */
/** @typedef {{source: string, destination: string, opens?: string, closes?: string}} ChangedOutside */
/** @typedef {{kind: string, namespace: string, name: string, text: string, problems: Problem[]}} PolicyEdit */
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
 * @typedef {object} ReportData
 * @property {string} title
 * @property {string[]} namespaces
 * @property {Workload[]} workloads
 * @property {{egress: number[], ingress: number[]}[]} subjects
 * @property {Policy[]} policies
 * @property {Traffic[]} traffic
 * @property {{text: string, all?: boolean}[]} addresses
 * @property {number[]} common
 * @property {{cells: number[], common?: boolean}[]} rows
 * @property {number[][]} outgoing
 * @property {number[][]} incoming
 * @property {{direction: Direction, workloads: number[], lines: string[][]}[] | null} exposure
 * @property {SimulationData} [simulation]
 * @property {string[]} assumptions
 * @property {string[]} unread
 * @property {Problem[]} problems
 */

export const OUTSIDE = "outside";

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

  /** What the edits change between two workloads. @param {number} source @param {number} destination */
  changed(source, destination) {
    return this.changes.size ? this.changes.get(`${this.name(source)} ${this.name(destination)}`) : undefined;
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
   * @returns {[{text: string, all?: boolean}, Traffic][]}
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

/** @param {number[]} flat @returns {[number, number][]} */
function pairs(flat) {
  /** @type {[number, number][]} */
  const made = [];
  for (let at = 0; at < flat.length; at += 2) made.push([flat[at], flat[at + 1]]);
  return made;
}
