// Khronos' glTF validator: node validate.mjs FILE... prints what it says of each file, as JSON, a line each.
import { readFileSync } from "node:fs";
import { validateBytes } from "gltf-validator";

for (const file of process.argv.slice(2)) {
  const report = await validateBytes(new Uint8Array(readFileSync(file)), { maxIssues: 20 });
  console.log(JSON.stringify(report.issues));
}
