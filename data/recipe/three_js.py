"""Take `three_js.webp`: the head of lesson 10 as three.js shows its GLB file, at rest and with named shapes.

    python data/recipe/three_js.py

It needs three.js (`npm install`) and Chromium, and no network: the page asks for files of this repository alone.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Route, sync_playwright

import asm_teach as asm
from tests.browser.harness import chromium

ROOT = Path(__file__).resolve().parents[2]
SIZE = (330, 400)
FACES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.3, "eyeWideLeft": 0.7, "eyeWideRight": 0.7, "browInnerUp": 0.9},
    {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "cheekSquintLeft": 0.6, "cheekSquintRight": 0.6, "jawOpen": 0.1},
)
PAGE = """<!doctype html><html><body style="margin:0">
<script type="importmap">{"imports": {"three": "/node_modules/three/build/three.module.js"}}</script>
<script type="module">
import * as THREE from "three";
import { GLTFLoader } from "/node_modules/three/examples/jsm/loaders/GLTFLoader.js";
const renderer = new THREE.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
renderer.setSize(innerWidth, innerHeight);
renderer.toneMapping = THREE.ACESFilmicToneMapping;
document.body.append(renderer.domElement);
const scene = new THREE.Scene();
scene.background = new THREE.Color(0x24272d);
scene.add(new THREE.HemisphereLight(0xffffff, 0x8a7a70, 1.6));
for (const [x, y, z, strength] of [[0.6, 0.7, 1, 2.4], [-1, 0.2, 0.4, 0.7]]) {
  const lamp = new THREE.DirectionalLight(0xfff4ea, strength);
  lamp.position.set(x, y, z);
  scene.add(lamp);
}
const { scene: head } = await new GLTFLoader().loadAsync("/me.glb");
scene.add(head);
let face;
head.traverse((node) => { if (node.isSkinnedMesh) face = node; });
face.frustumCulled = false;
const middle = new THREE.Vector3(...MIDDLE);
const camera = new THREE.PerspectiveCamera(24, innerWidth / innerHeight, 0.05, 5);
camera.position.copy(middle).add(new THREE.Vector3(0.22, 0.03, 0.72));
camera.lookAt(middle);
window.show = (amounts) => {
  face.morphTargetInfluences.fill(0);
  for (const [name, amount] of Object.entries(amounts)) {
    face.morphTargetInfluences[face.morphTargetDictionary[name]] = amount;
  }
  renderer.render(scene, camera);
};
window.ready = true;
</script></body></html>"""


def picture(page: Page, amounts: dict[str, float]) -> Image.Image:
    """What the page shows with these shapes."""
    page.evaluate("amounts => window.show(amounts)", amounts)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def main() -> None:
    """Fit the head of lesson 10, let three.js play its file, and write what it shows."""
    head = asm.load_head()
    model = asm.AdaptiveSkinningModel(head.mesh, head.rig, components=2)
    fit = asm.fit_scan(model, head.sample(3), steps=16, progress=False)
    face = fit.vertices[head.mesh.part_vertices("face")]
    middle = ((face.amin(0) + face.amax(0)) / 2000).tolist()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        glb = Path(folder) / "me.glb"
        asm.export_gltf(fit, glb)

        def answer(route: Route) -> None:
            path = "/" + route.request.url.split("/", 3)[3]
            if path == "/":
                route.fulfill(body=PAGE.replace("MIDDLE", str(middle)), content_type="text/html")
            else:
                route.fulfill(path=glb if path == "/me.glb" else ROOT / path[1:])

        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--use-gl=angle", "--use-angle=swiftshader", "--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.route("**/*", answer)
        page.goto("http://head.test/")
        page.wait_for_function("window.ready")
        pictures = [picture(page, amounts) for amounts in FACES]
        browser.close()
    row = Image.new("RGB", (SIZE[0] * len(pictures), SIZE[1]))
    for number, one in enumerate(pictures):
        row.paste(one, (SIZE[0] * number, 0))
    row.save(ROOT / "data" / "three_js.webp", quality=82, method=6)


if __name__ == "__main__":
    main()
