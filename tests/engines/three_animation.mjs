// What three.js' AnimationMixer makes of an animated GLB file: node three_animation.mjs FILE TIMES OUTPUT
//
// TIMES is JSON, a list of seconds. OUTPUT receives the vertices at each in metres, as float64, one after the other.
import { readFileSync, writeFileSync } from "node:fs";
import { AnimationMixer, LoopOnce, Vector3 } from "three";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";

const [file, times, output] = process.argv.slice(2);
const bytes = readFileSync(file);
const content = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const { scene, animations } = await new GLTFLoader().parseAsync(content, "");
let mesh;
scene.traverse((object) => {
  if (object.isSkinnedMesh) mesh = object;
});

const mixer = new AnimationMixer(scene);
const action = mixer.clipAction(animations[0]);
action.setLoop(LoopOnce);
action.clampWhenFinished = true;
action.play();
const found = [];
const point = new Vector3();
for (const time of JSON.parse(readFileSync(times, "utf8"))) {
  action.paused = false; // it is where the end was reached before
  mixer.setTime(time);
  scene.updateMatrixWorld(true);
  mesh.skeleton.update();
  const count = mesh.geometry.attributes.position.count;
  for (let vertex = 0; vertex < count; vertex++) found.push(...mesh.getVertexPosition(vertex, point).toArray());
}
writeFileSync(output, new Float64Array(found));
