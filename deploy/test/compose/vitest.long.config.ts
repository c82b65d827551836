import { mergeConfig } from "vitest/config";

import compose from "./vitest.config.ts";

/** `npm run test:long`: what takes minutes, in the same containers. */
export default mergeConfig(compose, {
  test: { name: "long", include: ["**/*.long.ts"], testTimeout: 1_500_000 },
});
