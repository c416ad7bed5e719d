import { parseArgs } from "node:util";
import type { Gateway, MetricNames, MonitoredService } from "./monitored-service";

/** What the command that writes dashboards prints about itself. */
export const HELP = `Writes the dashboards of a service as JSON files, for an import into a Grafana by hand
(Dashboards, New, Import). A stack with monitoring in the cluster has them already.

Usage: npm run dashboards -- --namespace NAME --service NAME --max-scale N --gpu-hour-price N [OPTIONS]

  --namespace NAME              namespace of the service
  --service NAME                name of the Knative Service
  --max-scale N                 its most pods
  --gpu-hour-price N            price of one GPU for an hour
  --currency CODE               ISO 4217 code of its currency (default: USD)
  --gpus-per-pod N              (default: 1)
  --container-concurrency N     requests that a pod serves at a time (default: 1)
  --metric-names NAMES          opentelemetry for Knative 1.19 and later, opencensus before (default: opentelemetry)
  --gateway GATEWAY             kourier or other (default: kourier)
  --gpu-metrics                 a DCGM exporter is scraped
  --folder PATH                 where the files go; it must exist (default: .)
  -h, --help                    this text
`;

/** What the command line asks for. */
export interface DashboardArguments {
    /** What dashboards do not depend on is left at what has no effect. */
    readonly service: MonitoredService;
    readonly folder: string;
}

/**
 * Reads the command line.
 *
 * @returns undefined where it asks for help
 * @throws Error naming the option, the value given and what is allowed, for each option that is wrong
 */
export function readDashboardArguments(args: readonly string[]): DashboardArguments | undefined {
    const { values } = parseArgs({
        args: [...args],
        options: {
            namespace: { type: "string" },
            service: { type: "string" },
            "max-scale": { type: "string" },
            "gpu-hour-price": { type: "string" },
            currency: { type: "string", default: "USD" },
            "gpus-per-pod": { type: "string", default: "1" },
            "container-concurrency": { type: "string", default: "1" },
            "metric-names": { type: "string", default: "opentelemetry" },
            gateway: { type: "string", default: "kourier" },
            "gpu-metrics": { type: "boolean", default: false },
            folder: { type: "string", default: "." },
            help: { type: "boolean", short: "h", default: false },
        },
    });
    if (values.help) {
        return undefined;
    }
    const problems: string[] = [];
    const checked = (
        option: Exclude<keyof typeof values, "gpu-metrics" | "help">,
        pattern: RegExp,
        allowed: string,
    ): string => {
        const value = values[option];
        if (value === undefined || !pattern.test(value)) {
            const given = value === undefined ? "is missing" : `is ${JSON.stringify(value)}`;
            problems.push(`  --${option} ${given}; allowed: ${allowed}`);
        }
        return value ?? "";
    };
    const name = (option: "namespace" | "service"): string =>
        checked(
            option,
            /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/,
            "a name of letters a-z, digits and -, at most 63",
        );
    const count = (option: "max-scale" | "gpus-per-pod" | "container-concurrency"): number =>
        Number(checked(option, /^[1-9][0-9]{0,3}$/, "a whole number from 1 to 9999"));
    const service: MonitoredService = {
        namespace: name("namespace"),
        serviceName: name("service"),
        maxScale: count("max-scale"),
        gpuHourPrice: Number(
            checked(
                "gpu-hour-price",
                /^(0|[1-9][0-9]{0,5})([.][0-9]{1,6})?$/,
                "a number from 0 on, such as 1.25",
            ),
        ),
        currency: checked("currency", /^[A-Z]{3}$/, "three capital letters, such as EUR"),
        gpusPerPod: count("gpus-per-pod"),
        containerConcurrency: count("container-concurrency"),
        metricNames: checked(
            "metric-names",
            /^(opentelemetry|opencensus)$/,
            "opentelemetry, opencensus",
        ) as MetricNames,
        gateway: checked("gateway", /^(kourier|other)$/, "kourier, other") as Gateway,
        gpuMetrics: values["gpu-metrics"],
        minScale: 0,
        timeoutSeconds: 0,
        scaleDownDelaySeconds: 0,
    };
    const folder = checked("folder", /./, "the path of a folder");
    if (problems.length > 0) {
        throw new Error(`these options are wrong (--help explains them):\n${problems.join("\n")}`);
    }
    return { service, folder };
}
