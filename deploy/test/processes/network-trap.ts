/**
 * Loaded before a program (`node --import`): writes every address that it wants to connect to into the file TRAP_FILE, and lets
 * none but those of TRAP_HOSTS through: where the emulators are, on this machine or on Docker's own network.
 */
import { appendFileSync } from "node:fs";
import { Socket, isIP } from "node:net";

const file = process.env["TRAP_FILE"] ?? "";
const hosts = new Set((process.env["TRAP_HOSTS"] ?? "").split(","));
const connect = Socket.prototype.connect;

Socket.prototype.connect = function trapped(this: Socket, ...sent: readonly unknown[]): Socket {
  const { host, port } = targetOf(sent);
  appendFileSync(file, `${host}:${port}\n`);
  if (hosts.has(host)) return Reflect.apply(connect, this, [...sent]);
  const refused = Object.assign(new Error(`the trap refuses ${host}:${port}`), { code: "ECONNREFUSED" });
  process.nextTick(() => this.destroy(refused));
  return this;
};

/** `connect` takes its options bare, or in an array that Node has made of them already. */
function targetOf(sent: readonly unknown[]): { readonly host: string; readonly port: string } {
  const first: unknown = Array.isArray(sent[0]) ? sent[0][0] : sent[0];
  const options = typeof first === "object" && first !== null ? { ...first } : {};
  const host = "host" in options ? String(options.host) : "localhost";
  const port = "port" in options ? String(options.port) : "0";
  return { host: isIP(host) === 0 && host === "localhost" ? "127.0.0.1" : host, port };
}
