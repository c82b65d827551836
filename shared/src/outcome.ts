/** What became of one message. Every arm is acknowledged; what cannot be is thrown. */

export type Facts = Readonly<Record<string, number | string | boolean | undefined>>;

export type Outcome =
  | { readonly kind: "done"; readonly facts: Facts }
  | { readonly kind: "skipped"; readonly reason: string; readonly facts?: Facts }
  | {
      readonly kind: "rejected";
      readonly reason: string;
      /** A sentence for a person: what is wrong, where, what to do next. */
      readonly detail: string;
      readonly facts?: Facts;
      /** True where the stage has parked the message itself, together with its manifest. */
      readonly parked: boolean;
    };
