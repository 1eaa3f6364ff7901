"""What Blender makes of skinned GLB files: blender_vertices.py OUTPUT FILE..., run by a Python that has `bpy`.

OUTPUT receives the vertices of each file in metres and in glTF's axes, as float64, one after the other.
"""

import sys

import bpy
import numpy as np

output, *files = sys.argv[1:]
found = []
for file in files:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=file)
    (face,) = [one for one in bpy.data.objects if one.type == "MESH" and one.find_armature()]
    shown = face.evaluated_get(bpy.context.evaluated_depsgraph_get())
    flat = np.empty(3 * len(shown.data.vertices), np.float32)
    shown.data.vertices.foreach_get("co", flat)
    place = np.array(shown.matrix_world)
    x, y, z = place[:3, :3] @ flat.reshape(-1, 3).T.astype(float) + place[:3, 3:]
    found.append(np.stack([x, z, -y], 1))  # z is up in Blender
np.array(found, dtype="<f8").tofile(output)
