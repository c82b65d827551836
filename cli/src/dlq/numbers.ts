/** Numbers as people give them. */
import { InvalidArgumentError } from "commander";

/** A whole number from 1. Throws for anything else. */
export function positive(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 1.");
}
