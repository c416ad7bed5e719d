import type { Random } from "../load/random";
import { Activator } from "./activator";
import { Autoscaler, TICK_SECONDS } from "./autoscaler";
import { EventQueue } from "./event-queue";
import { NodePool } from "./node-pool";
import { Pod } from "./pod";
import { below, between, randomStream } from "./random-stream";
import { victimOf } from "./replica-set";
import type { Outcome, Request } from "./request";
import {
    activatorsInPath,
    type Behaviour,
    CLUSTER,
    deciderSettings,
    panicWindowSeconds,
    type ServiceSettings,
} from "./service";
import type { ClosedTraffic, Traffic } from "./traffic";
import { WindowAverage } from "./window-average";

/** What is simulated. */
export interface Scenario {
    readonly settings: ServiceSettings;
    readonly behaviour: Behaviour;
    readonly traffic: Traffic;
    /**
     * Cold starts of the first pods that are started, in their order, in seconds. @default - those of the behaviour, as
     * for all others
     */
    readonly coldStarts?: readonly number[] | undefined;
    /** A whole number; the same one gives the same run. */
    readonly seed: number;
    /**
     * Until when pods are paid for, in seconds after the beginning. @default - until all requests have ended and the
     * service is back at minScale, with no other pod left
     */
    readonly until?: number | undefined;
}

/** A request after its end. Times are seconds after the beginning. */
export interface FinishedRequest {
    readonly arrivedAt: number;
    readonly endedAt: number;
    readonly outcome: Outcome;
    /** Number of the pod that it was sent to; undefined if it never was. */
    readonly pod: number | undefined;
    /** Time that a pod needed for it. */
    readonly serviceSeconds: number;
}

/** A pod after the end. Times are seconds after the beginning, those before it negative. */
export interface FinishedPod {
    readonly number: number;
    readonly createdAt: number;
    /** Infinity for one that was deleted before it had a node. */
    readonly scheduledAt: number;
    readonly readyAt: number | undefined;
    readonly deletedAt: number | undefined;
    readonly goneAt: number | undefined;
    /** Most requests that its container had at a time, abandoned ones included. */
    readonly mostInContainer: number;
}

/** What came of a scenario. */
export interface Run {
    /** In the order in which they came. */
    readonly requests: readonly FinishedRequest[];
    /** In the order in which they were created. */
    readonly pods: readonly FinishedPod[];
    /** From the beginning to the end of the last request. */
    readonly totalSeconds: number;
    /** Pods, each from being scheduled to being gone, within the time that is paid for. */
    readonly gpuSeconds: number;
    /** Nodes, each from being asked for to being given back; that of the pods where they bring their own. */
    readonly nodeSeconds: number;
}

/**
 * Simulates a Knative Service: clients, gateway, activators, queue-proxies, containers, pods, nodes and the autoscaler.
 * It takes what happens at its moment, and no real time. docs/capacity.md says what is left out.
 */
export function simulate(scenario: Scenario): Run {
    return new Simulation(scenario).run();
}

/** Seconds for which the queue-proxy keeps a deleted pod. Source: drainSleepDuration of pkg/queue/sharedmain. */
const DRAIN_SECONDS = 30;

/** Requests that may wait in the queue-proxy for each slot. Source: pkg/queue/sharedmain. */
const QUEUED_PER_SLOT = 10;

/** Seconds between two reports of activators and queue-proxies. Source: reportInterval, scrapeTickInterval. */
const REPORT_SECONDS = 1;

class Simulation {
    private readonly events = new EventQueue();
    private readonly services: Random;
    private readonly coldStarts: Random;
    private readonly gateway: Random;
    private readonly sampling: Random;
    private readonly identities: Random;
    private readonly probing: Random;

    private readonly requests: Request[] = [];
    private open = 0;
    /** Whether clients will send more. */
    private expected = 0;
    private lastEnd = 0;

    private readonly nodes: NodePool | undefined;
    private readonly pods: Pod[] = [];
    /** Pods that the autoscaler wants, ready or not. */
    private kept: Pod[] = [];
    /** Of these the ready ones. */
    private ready: Pod[] = [];
    private readonly terminating = new Set<Pod>();

    private readonly activators: readonly Activator[];
    private inPath = 0;
    /** Requests go to pods without an activator, where one is ready. */
    private isServing = false;
    private proxyingSince = 0;
    /** Next target of each thread of the gateway. */
    private readonly turns: number[];

    private readonly autoscaler: Autoscaler;
    private readonly stable: WindowAverage;
    private readonly panic: WindowAverage;
    private desired: number;
    private excessBurstCapacity: number;
    private activity: { readonly active: boolean; readonly since: number };

    private readonly beginning: number;
    private readonly reportPhases: readonly number[];
    private readonly tickPhase: number;
    private isTicking = false;

    constructor(private readonly scenario: Scenario) {
        const { settings, behaviour, seed } = scenario;
        this.services = randomStream(seed, "services");
        this.coldStarts = randomStream(seed, "cold starts");
        this.gateway = randomStream(seed, "gateway");
        this.sampling = randomStream(seed, "sampling");
        this.identities = randomStream(seed, "identities");
        this.probing = randomStream(seed, "probing");
        const phases = randomStream(seed, "phases");

        this.nodes =
            behaviour.nodes && new NodePool(this.events, behaviour.nodes, settings.minScale);
        this.activators = Array.from(
            { length: settings.activators },
            () => new Activator(settings.containerConcurrency),
        );
        this.turns = Array.from({ length: behaviour.gatewayThreads }, () =>
            below(2 ** 16, this.gateway),
        );
        this.stable = new WindowAverage(settings.windowSeconds);
        this.panic = new WindowAverage(panicWindowSeconds(settings));

        const { minScale, targetBurstCapacity } = settings;
        for (let count = 0; count < minScale; count++) {
            this.becomeReady(this.create(0));
        }
        this.desired = minScale;
        this.excessBurstCapacity = targetBurstCapacity === 0 ? 0 : -1;
        this.isServing = targetBurstCapacity === 0 && minScale > 0;
        this.activity = { active: minScale > 0, since: 0 };
        this.autoscaler = new Autoscaler(deciderSettings(settings), {
            now: 0,
            readyPods: minScale,
        });
        // Idle pods have reported for a while, and clients begin at no special moment.
        this.beginning = settings.windowSeconds + between([1, 1 + TICK_SECONDS], phases);
        this.reportPhases = this.activators.map(() => between([0, REPORT_SECONDS], phases));
        const scrapePhase = between([0, REPORT_SECONDS], phases);
        this.tickPhase = between([0, TICK_SECONDS], phases);
        if (targetBurstCapacity !== -1) {
            this.scrapeFrom(scrapePhase);
        }
        this.tickFrom(this.tickPhase);
    }

    run(): Run {
        this.startTraffic(this.scenario.traffic);
        while (!this.isOver()) {
            if (!this.events.step()) {
                throw new Error("the simulation stands still before its end");
            }
        }
        return this.result();
    }

    private isOver(): boolean {
        const { until, settings } = this.scenario;
        if (this.expected > 0 || this.open > 0) {
            return false;
        }
        return until === undefined
            ? this.kept.length <= settings.minScale && this.terminating.size === 0
            : this.events.now >= this.beginning + until;
    }

    private startTraffic(traffic: Traffic): void {
        const { until } = this.scenario;
        if (until !== undefined) {
            this.events.at(this.beginning + until, () => undefined);
        }
        if (traffic.kind === "open") {
            this.expected = traffic.arrivals.length;
            for (const arrival of traffic.arrivals) {
                this.events.at(this.beginning + arrival, () => {
                    this.arrive({ thread: this.anyThread() });
                });
            }
            return;
        }
        this.expected = traffic.requests;
        const remaining = Array.from(
            { length: traffic.queue === "own" ? traffic.clients : 1 },
            () => traffic.requests / (traffic.queue === "own" ? traffic.clients : 1),
        );
        for (let client = 0; client < traffic.clients; client++) {
            const thread = traffic.queue === "own" ? this.anyThread() : undefined;
            this.events.at(this.beginning, () => {
                this.sendNext(traffic, { remaining, client, thread });
            });
        }
    }

    /** A client sends its next request, and when that has ended the one after it. */
    private sendNext(traffic: ClosedTraffic, own: ClosedClient): void {
        const queue = own.client % own.remaining.length;
        const remaining = own.remaining[queue] ?? 0;
        if (remaining < 1) {
            return;
        }
        own.remaining[queue] = remaining - 1;
        const { abandoned } = traffic;
        const isAbandoned = abandoned && this.requests.length % abandoned.every === 0;
        this.arrive({
            thread: own.thread ?? this.anyThread(),
            patienceSeconds: isAbandoned ? abandoned.afterSeconds : undefined,
            onEnd: () => {
                this.sendNext(traffic, own);
            },
        });
    }

    private anyThread(): number {
        return below(this.turns.length, this.gateway);
    }

    private arrive({
        thread,
        patienceSeconds = Number.POSITIVE_INFINITY,
        onEnd = () => undefined,
    }: {
        readonly thread: number;
        readonly patienceSeconds?: number | undefined;
        readonly onEnd?: () => void;
    }): void {
        const now = this.events.now;
        const request: Request = {
            number: this.requests.length,
            arrivedAt: now,
            serviceSeconds: between(this.scenario.behaviour.serviceSeconds, this.services),
            onEnd,
            activator: undefined,
            pod: undefined,
            isHeld: true,
            endedAt: undefined,
            outcome: undefined,
        };
        this.requests.push(request);
        this.expected -= 1;
        this.open += 1;
        this.planEnds(request, patienceSeconds);

        const turn = this.turns[thread] ?? 0;
        this.turns[thread] = turn + 1;
        const pod = this.isServing ? this.ready[turn % this.ready.length] : undefined;
        if (pod !== undefined) {
            pod.direct.add(now, 1);
            this.send(request, pod);
            return;
        }
        const activator = this.activators[turn % this.activatorsInPath()];
        if (activator === undefined) {
            throw new Error("there is no activator");
        }
        if (activator.enter(now, request)) {
            const phase = this.reportPhases[this.activators.indexOf(activator)] ?? 0;
            this.collectFrom(nextAfter(now, phase, REPORT_SECONDS), activator);
            this.report(1);
        }
        this.dispatch(activator);
    }

    /** When its client gives up, and when Knative does. */
    private planEnds(request: Request, patienceSeconds: number): void {
        const { timeoutSeconds } = this.scenario.settings;
        if (patienceSeconds < timeoutSeconds) {
            this.events.at(request.arrivedAt + patienceSeconds, () => {
                if (request.outcome === undefined) {
                    this.abandon(request);
                }
            });
        }
        this.events.at(request.arrivedAt + timeoutSeconds, () => {
            if (request.isHeld) {
                this.cancelWork(request);
                this.end(request, "timeout");
            }
        });
    }

    /**
     * A client goes. What waits for a pod does not notice: Go's server sees the end of a connection only when the
     * request's body has been read, so the request keeps its place, reaches a pod, and is cancelled there.
     */
    private abandon(request: Request): void {
        if (request.pod?.admitted.has(request)) {
            this.cancelWork(request);
            this.end(request, "abandoned");
        } else {
            this.answer(request, "abandoned");
        }
    }

    /** The activators that the gateway knows. */
    private activatorsInPath(): number {
        if (this.inPath === 0) {
            this.placeActivators();
        }
        return this.inPath;
    }

    private placeActivators(): void {
        this.inPath = activatorsInPath(this.scenario.settings, this.ready.length);
        this.activators.slice(0, this.inPath).forEach((activator, place) => {
            activator.setPlace(place, this.inPath);
        });
        for (const activator of this.activators) {
            activator.setPods(this.ready);
        }
    }

    private dispatch(activator: Activator): void {
        for (let next = activator.next(); next !== undefined; next = activator.next()) {
            this.send(next.request, next.pod);
        }
    }

    /** A request reaches the queue-proxy of a pod. */
    private send(request: Request, pod: Pod): void {
        const { containerConcurrency } = this.scenario.settings;
        request.pod = pod;
        if (pod.admitted.size < containerConcurrency) {
            this.admit(request, pod);
        } else if (pod.waiting.length < QUEUED_PER_SLOT * containerConcurrency) {
            pod.waiting.push(request);
        } else {
            this.end(request, "refused");
        }
    }

    /** The queue-proxy lets a request through. */
    private admit(request: Request, pod: Pod): void {
        pod.admitted.add(request);
        if (pod.working.size < this.scenario.settings.containerConcurrency) {
            this.work(request, pod);
        } else {
            pod.locked.push(request);
        }
        pod.mostInContainer = Math.max(pod.mostInContainer, pod.working.size + pod.locked.length);
        if (request.outcome !== undefined) {
            this.cancelWork(request);
            this.release(request);
        }
    }

    private work(request: Request, pod: Pod): void {
        pod.working.add(request);
        this.events.at(this.events.now + request.serviceSeconds, () => {
            if (pod.working.has(request)) {
                this.stopWork(request, pod);
                if (request.isHeld) {
                    this.end(request, "answered");
                }
            }
        });
    }

    /** The container is done with a request, and takes the next one that waits for its lock. */
    private stopWork(request: Request, pod: Pod): void {
        pod.working.delete(request);
        const next = pod.locked.shift();
        if (next !== undefined) {
            this.work(next, pod);
        }
    }

    /** The container learns that nobody waits for a request any more. */
    private cancelWork(request: Request): void {
        const { pod } = request;
        if (!pod?.admitted.has(request) || !this.scenario.behaviour.stopsAbandonedWork) {
            return;
        }
        if (pod.working.has(request)) {
            this.stopWork(request, pod);
        } else {
            pod.locked.splice(pod.locked.indexOf(request), 1);
        }
    }

    /** A request is over, but for what the container still does. */
    private end(request: Request, outcome: Outcome): void {
        if (request.outcome === undefined) {
            this.answer(request, outcome);
        }
        this.release(request);
    }

    /** The client has its answer, or has gone. */
    private answer(request: Request, outcome: Outcome): void {
        request.endedAt = this.events.now;
        request.outcome = outcome;
        this.open -= 1;
        this.lastEnd = this.events.now;
        request.onEnd();
    }

    /** What a request held in activator and queue-proxy is free for the next one. */
    private release(request: Request): void {
        const now = this.events.now;
        const { pod, activator } = request;
        request.isHeld = false;
        if (activator === undefined) {
            pod?.direct.add(now, -1);
        } else {
            activator.leave(now, request);
        }
        if (pod?.admitted.delete(request)) {
            const next = pod.waiting.shift();
            if (next !== undefined) {
                this.admit(next, pod);
            }
        } else if (pod?.waiting.includes(request)) {
            pod.waiting.splice(pod.waiting.indexOf(request), 1);
        }
        if (activator !== undefined) {
            this.dispatch(activator);
        }
    }

    private create(now: number): Pod {
        const node = this.nodes?.take();
        const pod = new Pod(this.pods.length, now, node, this.identities(), this.identities());
        this.pods.push(pod);
        this.kept.push(pod);
        pod.scheduledAt = Math.max(now, node?.readyAt ?? now);
        return pod;
    }

    private start(pod: Pod): void {
        const { behaviour, coldStarts = [], settings } = this.scenario;
        const coldStart =
            coldStarts[pod.number - settings.minScale] ??
            between(behaviour.coldStartSeconds, this.coldStarts);
        this.events.at(pod.scheduledAt + coldStart, () => {
            if (pod.deletedAt === undefined) {
                this.becomeReady(pod);
                this.updateActivity();
            }
        });
    }

    private becomeReady(pod: Pod): void {
        pod.readyAt = this.events.now;
        pod.direct.restart(this.events.now);
        // Activators sort pods by their addresses, to agree on whose is which.
        this.setReady([...this.ready, pod].sort((one, other) => one.address - other.address));
    }

    private setReady(ready: Pod[]): void {
        this.ready = ready;
        this.placeActivators();
        // Each activator asks the pods at its own moments, every 200 ms, so that any may be the first to know.
        const waiting = [...this.activators];
        while (waiting.length > 0) {
            const [activator] = waiting.splice(below(waiting.length, this.probing), 1);
            if (activator !== undefined) {
                this.dispatch(activator);
            }
        }
    }

    /** Takes a pod out of the traffic; it is gone when it has drained and its container has ended. */
    private delete(pod: Pod): void {
        const now = this.events.now;
        const { behaviour, settings } = this.scenario;
        pod.deletedAt = now;
        this.kept = this.kept.filter((each) => each !== pod);
        if (pod.readyAt !== undefined) {
            this.setReady(this.ready.filter((each) => each !== pod));
        }
        if (pod.scheduledAt > now) {
            pod.scheduledAt = Number.POSITIVE_INFINITY;
            this.leave(pod);
            return;
        }
        const seconds = behaviour.endsOnSigterm
            ? Math.min(DRAIN_SECONDS, settings.timeoutSeconds)
            : Math.max(DRAIN_SECONDS, settings.timeoutSeconds);
        this.terminating.add(pod);
        this.events.at(now + seconds, () => {
            this.terminating.delete(pod);
            for (const request of [...pod.waiting, ...pod.admitted]) {
                pod.working.delete(request);
                this.end(request, "lost");
            }
            this.leave(pod);
        });
    }

    private leave(pod: Pod): void {
        pod.goneAt = this.events.now;
        if (pod.node !== undefined) {
            this.nodes?.giveBack(pod.node);
        }
    }

    /** Collects what an activator reports each second, as long as it does. */
    private collectFrom(at: number, activator: Activator): void {
        this.events.at(at, () => {
            const average = activator.report(this.events.now);
            if (average !== undefined) {
                this.report(average);
            }
            if (activator.isReporting) {
                this.collectFrom(at + REPORT_SECONDS, activator);
            }
        });
    }

    /** A value reaches the autoscaler, which does not wait for its tick when it wants no pod. */
    private report(value: number): void {
        this.stable.record(this.events.now, value);
        this.panic.record(this.events.now, value);
        if (value > 0 && this.desired === 0) {
            this.tick();
        }
        if (!this.isTicking) {
            this.tickFrom(nextAfter(this.events.now, this.tickPhase, TICK_SECONDS));
        }
    }

    private tickFrom(at: number): void {
        this.isTicking = true;
        this.events.at(at, () => {
            this.tick();
            this.isTicking = !this.isAtRest();
            if (this.isTicking) {
                this.tickFrom(at + TICK_SECONDS);
            }
        });
    }

    /** Whether further ticks would change nothing until something is reported. */
    private isAtRest(): boolean {
        const { minScale, targetBurstCapacity } = this.scenario.settings;
        return (
            targetBurstCapacity === -1 &&
            this.stable.average(this.events.now) === 0 &&
            this.panic.average(this.events.now) === 0 &&
            this.kept.length === minScale &&
            this.ready.length === minScale
        );
    }

    /** The autoscaler asks some of the pods, each second, for the requests that no activator has counted. */
    private scrapeFrom(at: number): void {
        this.events.at(at, () => {
            const count = this.ready.length;
            const averages = this.ready.map(({ direct }) => direct.report(at));
            if (count > 0) {
                const sample = sampleSize(count);
                let sum = 0;
                for (let taken = 0; taken < sample; taken++) {
                    sum += averages.splice(below(averages.length, this.sampling), 1)[0] ?? 0;
                }
                this.report((sum / sample) * count);
            }
            this.scrapeFrom(at + REPORT_SECONDS);
        });
    }

    private tick(): void {
        const now = this.events.now;
        const isBlind = this.scenario.settings.targetBurstCapacity !== -1;
        if (!(isBlind && this.stable.isEmpty(now))) {
            const { desired, excessBurstCapacity } = this.autoscaler.decide({
                now,
                readyPods: this.ready.length,
                stable: this.stable.average(now),
                panic: this.panic.average(now),
            });
            this.desired = desired;
            this.excessBurstCapacity = excessBurstCapacity;
        }
        this.reconcile();
    }

    /** Brings pods and path of the requests to what the autoscaler wants. Source: pkg/reconciler/autoscaling/kpa. */
    private reconcile(): void {
        const { minScale, maxScale } = this.scenario.settings;
        const most = maxScale === 0 ? Number.POSITIVE_INFINITY : maxScale;
        const bounded = Math.min(most, Math.max(minScale, this.desired));
        this.updateActivity();
        const { want, pods } = bounded > 0 ? { want: bounded, pods: bounded } : this.towardsZero();
        this.setServing(want > 0 && this.excessBurstCapacity >= 0);
        if (pods !== undefined) {
            this.scale(pods);
        }
        if (want === 0 && this.activity.active) {
            this.activity = { active: false, since: this.events.now };
            this.reconcile();
        } else if (want > 0 && this.ready.length === 0) {
            this.activity = { active: false, since: this.events.now };
        }
    }

    /** How many pods it wants, and has now, when none is needed: the last one goes when no request can miss it. */
    private towardsZero(): { readonly want: number; readonly pods: number | undefined } {
        const now = this.events.now;
        const { active, since } = this.activity;
        if (active) {
            return now - since >= this.scenario.settings.windowSeconds
                ? { want: 0, pods: undefined }
                : { want: 1, pods: 1 };
        }
        if (this.kept.length > 0 && this.ready.length === 0) {
            // It waits for the first pod that it asked for.
            return { want: 0, pods: undefined };
        }
        const proxying = this.isServing ? 0 : now - this.proxyingSince;
        const isSafe = Math.max(proxying, now - since) >= CLUSTER.scaleToZeroGracePeriodSeconds;
        return { want: 0, pods: isSafe ? 0 : undefined };
    }

    private updateActivity(): void {
        const { minScale } = this.scenario.settings;
        const isActive = this.ready.length >= Math.max(1, minScale) && this.desired > 0;
        if (isActive && !this.activity.active) {
            this.activity = { active: true, since: this.events.now };
        }
    }

    private setServing(isServing: boolean): void {
        if (this.isServing && !isServing) {
            this.proxyingSince = this.events.now;
        }
        this.isServing = isServing;
    }

    private scale(pods: number): void {
        while (this.kept.length < pods) {
            this.start(this.create(this.events.now));
        }
        while (this.kept.length > pods) {
            this.delete(victimOf(this.kept, this.events.now));
        }
    }

    private result(): Run {
        const { beginning } = this;
        const { until } = this.scenario;
        const end = until === undefined ? this.events.now : beginning + until;
        const paid = (from: number, to = Number.POSITIVE_INFINITY): number =>
            Math.max(0, Math.min(to, end) - Math.max(from, beginning));
        const gpuSeconds = this.pods.reduce(
            (sum, { scheduledAt, goneAt }) => sum + paid(scheduledAt, goneAt),
            0,
        );
        const shifted = (moment: number | undefined): number | undefined =>
            moment === undefined ? undefined : moment - beginning;
        return {
            requests: this.requests.map(finished(beginning)),
            pods: this.pods.map((pod) => ({
                number: pod.number,
                createdAt: pod.createdAt - beginning,
                scheduledAt: pod.scheduledAt - beginning,
                readyAt: shifted(pod.readyAt),
                deletedAt: shifted(pod.deletedAt),
                goneAt: shifted(pod.goneAt),
                mostInContainer: pod.mostInContainer,
            })),
            totalSeconds: Math.max(0, this.lastEnd - beginning),
            gpuSeconds,
            nodeSeconds:
                this.nodes?.nodes.reduce(
                    (sum, { requestedAt, removedAt }) => sum + paid(requestedAt, removedAt),
                    0,
                ) ?? gpuSeconds,
        };
    }
}

interface ClosedClient {
    /** Requests that each client has yet to send; all clients together where they share. */
    readonly remaining: number[];
    readonly client: number;
    /** Thread of the gateway that has its connection. @default - another one for each request */
    readonly thread: number | undefined;
}

/** The next moment of those that come with this period from the phase on. */
function nextAfter(now: number, phase: number, period: number): number {
    return phase + (Math.floor((now - phase) / period) + 1) * period;
}

/** Pods that the autoscaler asks. Source: populationMeanSampleSize of pkg/autoscaler/metrics. */
function sampleSize(pods: number): number {
    const unbounded = (1.96 ** 2 * 100) / 5 ** 2;
    return pods <= 3 ? pods : Math.ceil((pods * unbounded) / (pods + unbounded - 1));
}

const finished =
    (beginning: number) =>
    ({ arrivedAt, endedAt, outcome, pod, serviceSeconds }: Request): FinishedRequest => {
        if (endedAt === undefined || outcome === undefined) {
            throw new Error("a request has no end");
        }
        return {
            arrivedAt: arrivedAt - beginning,
            endedAt: endedAt - beginning,
            outcome,
            pod: pod?.number,
            serviceSeconds,
        };
    };
