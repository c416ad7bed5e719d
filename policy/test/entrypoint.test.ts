import { signalHandling } from "../entrypoint";
import { serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const started = (command: unknown): Candidate => serviceWith({ container: { command } });
const rejected = (shown: string, inits = "tini or dumb-init"): string =>
    `spec.template.spec.containers[0].command starts with ${shown}; start with ${inits}, or with a shell that traps TERM.`;

describeRule(signalHandling, {
    passes: {
        "an init": started(["tini", "--", "python3", "launch.py"]),
        "an init by its path": started(["/usr/bin/dumb-init", "python3"]),
        "a shell with a trap": started([
            "/bin/sh",
            "-c",
            'python3 & trap "kill $!" INT TERM\nwait',
        ]),
        "another shell": started(["bash", "-c", "trap 'exit 0' SIGTERM; server & wait"]),
        "the shells of Debian and Alpine": serviceWith({
            spec: {
                containers: ["dash", "ash"].map((shell) => ({
                    command: [shell, "-c", "trap x TERM; server & wait"],
                })),
            },
        }),
        "an init of the configuration": [
            started(["catatonit", "server"]),
            { inits: ["catatonit"] },
        ],
    },
    fails: {
        python: [started(["python3", "launch.py"]), [rejected('"python3"')]],
        "the image's own": [started(undefined), [rejected("unset")]],
        "a command that is no text": [started([["tini"]]), [rejected("unset")]],
        "a shell without a trap": [started(["sh", "-c", "python3 launch.py"]), [rejected('"sh"')]],
        "a shell that traps another signal": [
            started(["sh", "-c", "trap x INT; server"]),
            [rejected('"sh"')],
        ],
        "a word that only holds trap": [
            started(["sh", "-c", "strap TERM; trapx TERM; trap XTERMX"]),
            [rejected('"sh"')],
        ],
        "no shell with a trap": [started(["python3", "trap TERM"]), [rejected('"python3"')]],
        "an init that is not listed": [
            started(["tini"]),
            [rejected('"tini"', "a or b")],
            { inits: ["a", "b"] },
        ],
    },
    unknown: { "a command": started(UNKNOWN) },
});
