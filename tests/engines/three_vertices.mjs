// What three.js makes of a skinned GLB file: node three_vertices.mjs FILE POSES OUTPUT
//
// POSES is JSON, a list of { moves: [[translation, rotation, scale] of each joint, or null for the file's own],
// amounts: { shape: amount } }. OUTPUT receives the vertices of each pose in metres, as float64, one after the other.
import { readFileSync, writeFileSync } from "node:fs";
import { Vector3 } from "three";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";

const [file, poses, output] = process.argv.slice(2);
const bytes = readFileSync(file);
const content = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const { scene } = await new GLTFLoader().parseAsync(content, "");
let mesh;
scene.traverse((object) => {
  if (object.isSkinnedMesh) mesh = object;
});

const bones = mesh.skeleton.bones;
const own = bones.map((bone) => [bone.position.toArray(), bone.quaternion.toArray(), bone.scale.toArray()]);
const count = mesh.geometry.attributes.position.count;
const found = [];
const point = new Vector3();
for (const { moves, amounts } of JSON.parse(readFileSync(poses, "utf8"))) {
  bones.forEach((bone, number) => {
    const [translation, rotation, scale] = (moves ?? own)[number];
    bone.position.fromArray(translation);
    bone.quaternion.fromArray(rotation);
    bone.scale.fromArray(scale);
  });
  mesh.morphTargetInfluences?.fill(0);
  for (const [name, amount] of Object.entries(amounts)) {
    mesh.morphTargetInfluences[mesh.morphTargetDictionary[name]] = amount;
  }
  scene.updateMatrixWorld(true);
  mesh.skeleton.update();
  for (let vertex = 0; vertex < count; vertex++) found.push(...mesh.getVertexPosition(vertex, point).toArray());
}
writeFileSync(output, new Float64Array(found));
