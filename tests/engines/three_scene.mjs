// Where three.js shows the meshes of a glTF file: node three_scene.mjs FILE AMOUNTS OUTPUT
//
// AMOUNTS is JSON, { shape: amount }. OUTPUT receives the vertices of all meshes of the scene, in its order, in metres
// of the world, as float64.
import { readFileSync, writeFileSync } from "node:fs";
import { Vector3 } from "three";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";

const [file, amounts, output] = process.argv.slice(2);
const bytes = readFileSync(file);
const content = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const { scene } = await new GLTFLoader().parseAsync(content, "");
scene.updateMatrixWorld(true);
const found = [];
const point = new Vector3();
scene.traverse((mesh) => {
  if (!mesh.isMesh) return;
  mesh.skeleton?.update();
  mesh.morphTargetInfluences?.fill(0);
  for (const [name, amount] of Object.entries(JSON.parse(readFileSync(amounts, "utf8")))) {
    const number = mesh.morphTargetDictionary?.[name];
    if (number !== undefined) mesh.morphTargetInfluences[number] = amount;
  }
  for (let vertex = 0; vertex < mesh.geometry.attributes.position.count; vertex++) {
    found.push(...mesh.localToWorld(mesh.getVertexPosition(vertex, point)).toArray());
  }
});
writeFileSync(output, new Float64Array(found));
