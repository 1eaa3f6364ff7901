"""Write a head as a GLB file that engines play: bones, weights, named shapes, normals and a skin."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

from asm_teach.avatar.animation import animate
from asm_teach.avatar.editing import edit, slider_of
from asm_teach.avatar.expressions import TOGETHER, Expressions, expression_shapes
from asm_teach.avatar.influences import Influences, heaviest
from asm_teach.avatar.inside import walls
from asm_teach.avatar.rest_pose import NOT_FINITE, RestPose, baked, template
from asm_teach.avatar.track import Track
from asm_teach.data.heads import Head, embedded_head
from asm_teach.data.skin_tones import CLAY
from asm_teach.fitting.result import Fit
from asm_teach.formats.checks.outputs import check_output
from asm_teach.formats.gltf.container import Json
from asm_teach.formats.gltf.writer import GltfWriter
from asm_teach.formats.mesh_files import doubled_on_seams
from asm_teach.formats.pictures import to_pillow
from asm_teach.geometry.mesh import Mesh, vertex_normals
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.model.transforms import Rig

MOST_JOINTS = 255  # a vertex names its joints by one byte each
_UNSEEN = 1e-3  # a change of a unit normal that is left out: 0.06 degrees
_SET = 4  # bones in a set: JOINTS_0 and WEIGHTS_0, JOINTS_1 and WEIGHTS_1, ...


@dataclass(frozen=True)
class Exported:
    """What a GLB file holds.

    Attributes:
        vertices: how many; those on a seam of the texture count for each of its sides.
        bones: J.
        shapes: their names.
        textured: whether there is a texture.
        left_out: the mean weight of the bones that were left out, 0 to 1.
        size: bytes of the file.
        seconds: of the animation; 0 without one.
        notes: what this face cannot open, as `Expressions` says it.
    """

    vertices: int
    bones: int
    shapes: tuple[str, ...]
    textured: bool
    left_out: float
    size: int
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def export_gltf(
    model: SkinnedModel | Fit,
    path: str | os.PathLike[str],
    *,
    influences: int | None = 4,
    posed: bool = False,
    shapes: bool | Expressions = True,
    texture: bool | Tensor = True,
    track: Track | None = None,
    edits: Mapping[str, float] | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write a head to a GLB file, whole or not at all: Blender, three.js, Unity and Godot play it.

    The file is in metres, +x the person's left, +y up, +z out of the face. Each bone is a node under its parent.

    Args:
        model: an adaptive or a static model, or a fit, whose model is taken.
        path: the file, which ends in .glb.
        influences: bones for each vertex, the heaviest: 4, which every engine counts, or 8, 12 and so on. None keeps
            all, which none plays, to measure what the others lose.
        posed: False makes the fitted face the rest pose, which any number of influences keeps exactly. True keeps the
            template, and the nodes hold the bones' motions: eq. (1), also for eyeballs, teeth and the mouth's inside,
            but few influences change the face. Else these are placed by the skin round them.
        shapes: write the 51 expressions of this face (ARKit's names), which `expression_shapes` finds; those that it
            found before, of the edited face, to spare the time; or False.
        texture: True takes the mesh's own picture, else that of the embedded head with this mesh; without one the head
            is clay. False: clay. A picture (H, W, 3) in [0, 1]: that one.
        track: a recorded face that the file plays as an animation: its shapes, and the turns of the head.
        edits: name -> mm, sliders such as {"nose_width": 2} that change the face first, as `edit` does. The file notes
            them, and `import_gltf` reads the note.
        overwrite: replace a file that is there.

    Returns:
        What the file holds.

    Raises:
        ValueError: no such model, or one that is not finite; a file that is there, another ending, a place that cannot
            be written to; influences that are no multiple of 4; more than 255 bones; shapes for a mesh without
            landmarks, or those of another mesh; a texture of another shape, or one for a mesh without UV; a track
            without shapes; edits that `edit` refuses.
    """
    path = Path(path)
    skinned = _checked(model, influences)
    check_output(path, (".glb",), name="path")
    if track is not None and not shapes:
        raise ValueError("track: it moves the named shapes, which shapes=False leaves out; leave out one of the two")
    if path.exists() and not overwrite:
        raise ValueError(f"path: {str(path)!r} is there already: give another name, or overwrite=True to replace it")
    edits = {slider_of(name).name: float(amount) for name, amount in (edits or {}).items()}
    skinned = edit(skinned, "both", **edits) if edits else skinned
    head = embedded_head(skinned.mesh)
    picture = _picture(skinned.mesh, head, texture)
    named = _named_shapes(skinned, shapes)
    pose = (template if posed else baked)(skinned, named.by_name())
    if not pose.is_finite():
        raise ValueError(NOT_FINITE)
    bones = len(skinned.rig)
    kept = heaviest(pose.weights.numpy(), _SET * math.ceil(bones / _SET) if influences is None else influences)
    gltf = GltfWriter(**({"copyright": head.licence} if head is not None else {}))
    count = _add_mesh(gltf, skinned.mesh.to("cpu"), pose, kept, picture)
    said = {"edits": edits, "walls": len(walls(skinned.mesh))}  # what `import_gltf` needs to know
    if any(said.values()):
        gltf.json["nodes"][0]["extras"] = {name: value for name, value in said.items() if value}
    joints = _add_bones(gltf, skinned.rig, pose)
    if track is not None:
        animate(gltf, track, tuple(pose.shapes), skinned.rig, pose, joints)
    gltf.write(path)
    return Exported(
        count, bones, tuple(pose.shapes), picture is not None, kept.left_out, path.stat().st_size,
        0.0 if track is None else track.seconds, named.notes,
    )  # fmt: skip


def _checked(model: SkinnedModel | Fit, influences: int | None) -> SkinnedModel:
    skinned = model.model if isinstance(model, Fit) else model
    if type(skinned) not in (AdaptiveSkinningModel, StaticSkinningModel):
        raise ValueError(f"model: expected an adaptive or a static model, or a fit, found {type(skinned).__name__}")
    if len(skinned.rig) > MOST_JOINTS:
        raise ValueError(
            f"model: it has {len(skinned.rig)} bones, and a GLB file of asm_teach holds at most {MOST_JOINTS}; take a "
            "rig with fewer"
        )
    if influences is not None and (
        isinstance(influences, bool) or not isinstance(influences, int) or influences < 1 or influences % _SET
    ):
        raise ValueError(
            f"influences: found {influences!r}; they come in sets of four, so give 4 or 8, or None for all bones"
        )
    return skinned


def _named_shapes(model: SkinnedModel, shapes: bool | Expressions) -> Expressions:
    """What moves the vertices of the fitted face."""
    if isinstance(shapes, bool):
        shapes = expression_shapes(model) if shapes else Expressions((), torch.zeros(0, len(model.vertices), 3))
    if shapes.offsets.shape != (len(shapes.names), len(model.vertices), 3):
        raise ValueError(
            f"shapes: {len(shapes.names)} names with offsets of shape {tuple(shapes.offsets.shape)} do not belong to "
            f"a face of {len(model.vertices)} vertices; give expression_shapes(model) of this model, True or False"
        )
    return shapes


def _picture(mesh: Mesh, head: Head | None, texture: bool | Tensor) -> bytes | None:
    """The texture as a JPEG file; None for clay."""
    found: Tensor | None = None
    if isinstance(texture, Tensor):
        if texture.ndim != 3 or texture.shape[-1] != 3:
            raise ValueError(f"texture has shape {tuple(texture.shape)}: give a picture (H, W, 3) with values 0 to 1")
        if mesh.uv is None:
            raise ValueError("texture: this mesh has no UV that say where a picture lies; give texture=False")
        found = texture
    elif not isinstance(texture, bool):
        raise ValueError(f"texture is a {type(texture).__name__}: give a tensor (H, W, 3), True or False")
    elif texture and mesh.uv is not None:
        found = mesh.texture
        if found is None and head is not None and _same(mesh.uv, head.mesh.uv):  # a saved model leaves it behind
            found = head.mesh.texture
    if found is None:
        return None
    file = io.BytesIO()
    to_pillow(found).save(file, format="JPEG", quality=92)
    return file.getvalue()


def _same(uv: Tensor, other: Tensor | None) -> bool:
    return other is not None and uv.shape == other.shape and torch.allclose(uv.cpu().to(other), other, atol=1e-6)


def _add_mesh(gltf: GltfWriter, mesh: Mesh, pose: RestPose, kept: Influences, picture: bytes | None) -> int:
    """Node 0 with the skinned mesh; how many vertices it has."""
    rows, faces, uv = torch.arange(len(pose.vertices)), mesh.faces, mesh.uv
    if uv is not None and mesh.uv_faces is not None:
        rows, faces, uv = doubled_on_seams(faces, uv, mesh.uv_faces, len(rows))
    normals = vertex_normals(pose.vertices, mesh.faces)
    normals[(normals == 0).all(1)] = normals.new_tensor([0.0, 0.0, 1.0])  # of a vertex without a face; it needs one
    if pose.shapes:
        gltf.begin_with_zeros(len(rows))
    attributes = {
        "POSITION": gltf.attribute(_metres(pose.vertices[rows]), bounds=True),
        "NORMAL": gltf.attribute(_float32(normals[rows])),
    }
    if uv is not None:
        attributes["TEXCOORD_0"] = gltf.attribute(_float32(torch.stack([uv[:, 0], 1 - uv[:, 1]], 1)))  # v points down
    for number in range(kept.joints.shape[1] // _SET):
        columns = slice(_SET * number, _SET * (number + 1))
        attributes[f"JOINTS_{number}"] = gltf.attribute(kept.joints[rows.numpy(), columns])
        attributes[f"WEIGHTS_{number}"] = gltf.attribute(kept.shares[rows.numpy(), columns])
    primitive: Json = {
        "attributes": attributes,
        "indices": gltf.indices(torch.cat([faces, walls(mesh)]).numpy()),
        "material": gltf.add("materials", _material(gltf, picture)),
    }
    named: Json = {}
    if pose.shapes:
        primitive["targets"] = [
            {
                "POSITION": gltf.sparse(_metres(offset[rows])),
                "NORMAL": gltf.sparse(_float32(_turned(pose, name, mesh.faces)[rows])),
            }
            for name, offset in pose.shapes.items()
        ]
        named = {"extras": {"targetNames": list(pose.shapes)}, "weights": [0.0] * len(pose.shapes)}
    gltf.add("meshes", {"name": "face", "primitives": [primitive], **named})
    gltf.add("nodes", {"mesh": 0, "skin": 0})
    return len(rows)


def _turned(pose: RestPose, name: str, faces: Tensor) -> Tensor:
    """(V, 3) what a shape adds to the normals; engines would light a smile as a calm face without it.

    A shape that is meant to come with another one is judged with it.
    """
    other = pose.shapes.get(TOGETHER.get(name, ""))
    start = pose.vertices if other is None else pose.vertices + other
    change = vertex_normals(start + pose.shapes[name], faces) - vertex_normals(start, faces)
    change[change.norm(dim=1) < _UNSEEN] = 0.0
    return change


def _material(gltf: GltfWriter, picture: bytes | None) -> Json:
    linear = [((x + 0.055) / 1.055) ** 2.4 for x in CLAY]  # of sRGB's curve, which glTF's factors do not have
    colour: Json = {"baseColorFactor": [*linear, 1.0]}
    if picture is not None:
        colour = {"baseColorTexture": {"index": gltf.texture(picture)}}
    return {"name": "skin", "pbrMetallicRoughness": {**colour, "metallicFactor": 0.0, "roughnessFactor": 0.6}}


def _add_bones(gltf: GltfWriter, rig: Rig, pose: RestPose) -> int:
    """A node for each bone, the skin, and the scene; the number of the first bone's node.

    A bone's node places it in its parent: B_p^-1 B_j T_j of eq. (1.2), which is the way from pivot to pivot plus the
    bone's own translation, then its rotation, then its scale, since the axes of B are those of the world. The inverse
    bind matrix B_j^-1 is the way from the pivot to the origin.
    """
    parents = rig.parents.tolist()
    places = torch.from_numpy(_metres(pose.points)).double()  # what the inverse bind matrices can hold
    rotations = roma.rotvec_to_unitquat(pose.rotation)  # x, y, z, w, as in glTF
    mesh_node = len(gltf.json["nodes"]) - 1
    first = mesh_node + 1
    for bone, (name, parent) in enumerate(zip(rig.names, parents, strict=True)):
        place = places[bone] - (places[parent] if parent >= 0 else 0) + pose.translation[bone] / 1000
        node: Json = {"name": name, "translation": place.tolist()}
        if pose.rotation[bone].any():
            node["rotation"] = rotations[bone].tolist()
        if (pose.scale[bone] != 1).any():
            node["scale"] = pose.scale[bone].tolist()
        if children := [first + k for k, other in enumerate(parents) if other == bone]:
            node["children"] = children
        gltf.add("nodes", node)
    roots = [first + bone for bone, parent in enumerate(parents) if parent < 0]
    if len(roots) > 1:  # all joints of a skin need a node above them
        roots = [gltf.add("nodes", {"name": _free_name("bones", rig.names), "children": roots})]
    gltf.json["nodes"][mesh_node]["name"] = _free_name("face", rig.names)
    inverse = np.eye(4)[None].repeat(len(places), 0)
    inverse[:, :3, 3] = -places.numpy()
    joints = list(range(first, first + len(parents)))
    gltf.add("skins", {"joints": joints, "inverseBindMatrices": gltf.matrices(inverse), "skeleton": roots[0]})
    gltf.json["scene"] = gltf.add("scenes", {"nodes": [mesh_node, *roots]})
    return first


def _free_name(name: str, taken: tuple[str, ...]) -> str:
    """A name that no bone has: some engines tell nodes by their names."""
    while name in taken:
        name += "_"
    return name


def _metres(mm: Tensor) -> np.ndarray:
    """Float32 metres that come back as the nearest float32 millimetres, as `import_gltf` tells."""
    return _float32(mm.float().double() / 1000)


def _float32(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.detach().numpy(), dtype=np.float32)
