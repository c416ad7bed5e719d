import type * as pulumi from "@pulumi/pulumi";

/** Who is told of alerts; nobody where neither is there. */
export interface AlertReceivers {
    /** URL that gets each notification, a secret: whoever knows it can send to it. */
    readonly webhookUrl: pulumi.Output<string> | undefined;
    readonly email:
        | {
              /** Address of the receiver. */
              readonly to: string;
              /** The mail server that takes it; of no use to ARMS, which has its own. */
              readonly smtp: {
                  /** HOST:PORT. */
                  readonly server: string;
                  /** Address of the sender. */
                  readonly from: string;
                  /** @default - none */
                  readonly credentials:
                      | { readonly username: string; readonly password: pulumi.Output<string> }
                      | undefined;
              };
          }
        | undefined;
}

/** Whether anybody is told. */
export function hasReceiver({ webhookUrl, email }: AlertReceivers): boolean {
    return webhookUrl !== undefined || email !== undefined;
}
