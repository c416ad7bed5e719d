import {
    Server,
    ServerCredentials,
    type ServiceDefinition,
    type UntypedServiceImplementation,
} from "@grpc/grpc-js";

/**
 * Serves one gRPC service the way the Pulumi engine expects it of an executable it started: on a free port of
 * the loopback interface, printed as the first line of stdout, until the engine is gone. Methods that
 * the implementation lacks answer UNIMPLEMENTED.
 *
 * @throws Error when no port can be bound
 */
export async function startPluginServer(
    service: ServiceDefinition,
    implementation: UntypedServiceImplementation,
): Promise<void> {
    endWithParent();
    // Without limit, as in the official plugins: whole states travel in one message.
    const server = new Server({
        "grpc.max_receive_message_length": -1,
        "grpc.max_send_message_length": -1,
    });
    server.addService(service, implementation);
    const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
            if (error) {
                reject(error);
            } else {
                resolve(bound);
            }
        });
    });
    process.stdout.write(`${port}\n`);
}

/**
 * The engine ends its plugins itself, but a killed engine cannot, and nothing of a rehearsal may outlive
 * it.
 */
function endWithParent(): void {
    const parent = process.ppid;
    setInterval(() => {
        if (process.ppid !== parent) {
            process.exit(1);
        }
    }, 500).unref();
}

/** The engine's own address, which it passes as `host:port` among the arguments; undefined if it does not. */
export function engineAddress(): string | undefined {
    return process.argv.slice(2).find((argument) => /^[^-\s]+:\d+$/.test(argument));
}
