/** What is written by one version and read, and written again, by another. */
import { z } from "zod";

/**
 * An object that may have fields which only a newer version knows: they are kept as they came, through every rewriting that spreads the
 * object, and the type does not tell of them.
 */
export function tolerant<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape> {
  return z.looseObject(shape);
}
