/** What a number of a panel is, which decides how it is drawn. */
export type Unit =
    | "count"
    | "requests per second"
    | "images per hour"
    | "seconds"
    | "ratio"
    | "bytes"
    | "cores"
    | "GPU-seconds"
    | "GPUs"
    | "money";

/** One query of a panel. */
export interface Query {
    /** Name of the series, in Grafana's form: `{{label}}` is replaced by the label's value. */
    readonly legend: string;
    /** PromQL. */
    readonly expression: string;
}

/** One plot: what it shows, and what it cannot see. */
export interface Panel {
    readonly title: string;
    /** What the panel shows and what it cannot see, for its tooltip and the documentation. */
    readonly description: string;
    readonly unit: Unit;
    readonly queries: readonly Query[];
}

/** A titled part of a dashboard. */
export interface Row {
    readonly title: string;
    readonly panels: readonly Panel[];
}

/** A dashboard, before it is written as Grafana's JSON. */
export interface Dashboard {
    /** Stable identity in Grafana and in its URL: letters, digits and `-`, at most 40. */
    readonly uid: string;
    readonly title: string;
    readonly rows: readonly Row[];
}
