// What Babylon.js makes of skinned GLB files, with up to eight bones for each vertex: BABYLON=FOLDER node
// babylon_vertices.mjs OUTPUT FILE... OUTPUT receives the vertices of each file in metres, as float64, one after the
// other. FOLDER has the modules: they take 108 MB, much for all who only want to run the tests.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.env.BABYLON, "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { NullEngine, Scene, SceneLoader } = await load("@babylonjs/core/index.js");
await load("@babylonjs/loaders/glTF/index.js");

const [output, ...files] = process.argv.slice(2);
const engine = new NullEngine();
const found = [];
for (const file of files) {
  const scene = new Scene(engine);
  scene.useRightHandedSystem = true;
  const content = `data:model/gltf-binary;base64,${readFileSync(file).toString("base64")}`;
  const { meshes } = await SceneLoader.ImportMeshAsync("", "", content, scene, undefined, ".glb");
  const mesh = meshes.find((one) => one.skeleton);
  for (const node of [...scene.transformNodes, ...scene.meshes]) node.computeWorldMatrix(true);
  mesh.skeleton.prepare(true);
  for (const value of mesh.getPositionData(true, true)) found.push(value);
  scene.dispose();
}
writeFileSync(output, new Float64Array(found));
process.exit(0); // the engine's clock would keep the program alive
