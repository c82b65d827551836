/** Preloaded into a child process: when it ends, it tells on file descriptor 3 what it took. */
import { writeSync } from "node:fs";

import { memoryMb } from "./measure.ts";

process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  writeSync(3, JSON.stringify({ cpu: (user + system) / 1e6, peakMb: memoryMb("self", "VmHWM") }));
});
