/** Settings from the environment, all problems at once. */
import { z } from "zod";
import { ConfigError } from "./errors.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** Parses the variables of a schema, frozen. Throws one ConfigError that names every variable that is wrong and its rule, never its value. */
export function parseEnv<T extends z.ZodRawShape>(schema: z.ZodObject<T>, env: Env): Readonly<z.infer<z.ZodObject<T>>> {
  // An empty variable is an absent one, as compose files leave them.
  const given = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => name in schema.shape && value !== undefined && value !== ""),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return Object.freeze(parsed.data);
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "settings"}: ${issue.message}`);
  throw new ConfigError(`wrong settings: ${problems.join("; ")}`);
}

/** A whole number in a variable. */
export const wholeNumber = (min: number, max: number): z.ZodType<number> =>
  z.coerce.number().pipe(z.int().min(min).max(max));
