import { step } from "../progress";
import { type Expectation, expect, planCapacity } from "./plan";
import { HELP, type PlanArguments, readPlanArguments, UsageError } from "./plan-arguments";
import { planAsJson, planAsText, type PlanResult } from "./plan-report";
import { projectChoice, stackChoices } from "./stack-choices";

/** The command: plans for the traffic that the command line describes. `npm run plan-capacity -- --help` */
async function main(): Promise<void> {
    const asked = readPlanArguments(process.argv.slice(2));
    if (asked === undefined) {
        process.stdout.write(`${HELP}\n`);
        return;
    }
    const result = await plan(asked);
    const text = asked.json
        ? JSON.stringify(planAsJson(result, asked), undefined, 2)
        : planAsText(result, asked);
    process.stdout.write(`${text}\n`);
    process.exitCode = result.plan.recommended === undefined ? 1 : 0;
}

async function plan(asked: PlanArguments): Promise<PlanResult> {
    const { panicWindowPercentage } = projectChoice();
    const settings = { ...asked.settings, panicWindowPercentage };
    const request = { ...asked, settings, onTried: () => undefined };
    const found = await step("Try settings", (note) => {
        let reported = 0;
        const onTried = (tried: number, of: number): void => {
            const tenths = Math.floor((tried * 10) / of);
            if (tenths > reported) {
                reported = tenths;
                note(`${tried} of ${of}`);
            }
        };
        return Promise.resolve(planCapacity({ ...request, onTried }));
    });
    const stacks = await step("Try the settings of the stacks", () => {
        const expectations = [...stackChoices()].map(([name, choice]): [string, Expectation] => [
            name,
            expect(request, choice),
        ]);
        return Promise.resolve(new Map(expectations));
    });
    return { plan: found, stacks };
}

main().catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    const isUsage = error instanceof UsageError;
    process.stderr.write(
        `error: ${message}\n${isUsage ? "See: npm run plan-capacity -- --help\n" : ""}`,
    );
    process.exitCode = isUsage ? 2 : 1;
});
