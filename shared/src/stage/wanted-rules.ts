/** Which rule pack is wanted for a dataset: one object in ops, read for each attempt, so that a rolling deployment cannot flip-flop. */
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { z } from "zod";
import { wantedRulesKey } from "../contracts/keys.ts";
import type { ObjectStore } from "../object-store.ts";

const wantedRules = z.object({ contract: z.literal("wanted-rules/1"), rulePack: z.int().min(1) });

/** The number of the wanted rule pack; 1 where nobody has said otherwise. */
export async function readWantedRulePack(s3: ObjectStore, opsBucket: string, dataset: string): Promise<number> {
  try {
    const got = await s3.send(new GetObjectCommand({ Bucket: opsBucket, Key: wantedRulesKey(dataset) }));
    return wantedRules.parse(JSON.parse((await got.Body?.transformToString()) ?? "")).rulePack;
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return 1;
    throw error;
  }
}
