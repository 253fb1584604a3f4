// A genuine server, HTTP/2 and HTTP/1.1: node origin.mjs KEY CHAIN [ADDRESS [PORT]]; prints its port.
//   GET /bytes/N answers N octets of a pattern, POST the SHA-256 of what came, everything else "canary".
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import { pipeline, Readable } from "node:stream";

const [key, chain, address = "127.0.0.1", port = "0"] = process.argv.slice(2);
const pattern = Buffer.from(Uint8Array.from({ length: 65521 }, (_, i) => (i * 7 + (i >> 8) * 13) & 255));

function* octets(count) {
  for (let left = count; left > 0; left -= pattern.length) yield pattern.subarray(0, Math.min(left, pattern.length));
}

const server = createSecureServer({ key: readFileSync(key), cert: readFileSync(chain), allowHTTP1: true });
server.on("request", (request, response) => {
  if (request.method === "POST") {
    const hash = createHash("sha256");
    request.on("data", (part) => hash.update(part));
    request.on("end", () => response.end(hash.digest("hex")));
    return;
  }
  const wanted = request.url.match(/^\/bytes\/(\d+)$/);
  if (!wanted) return response.end("canary");
  response.setHeader("content-length", wanted[1]);
  pipeline(Readable.from(octets(Number(wanted[1])), { objectMode: false, highWaterMark: 1 << 20 }), response, () => {});
});
server.listen(Number(port), address, () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
