"""Small good meshes in every kind of file that the package reads, and the same damaged.

A kind is a function of a generator of chance and of how often to damage; it gives the files of one case, the first of
which is the one to read.
"""

from __future__ import annotations

import base64
import functools
import random
import struct
from typing import Any

import numpy as np
import torch

from asm_teach.geometry.mesh import Mesh
from tests.formats.fuzz_damage import Files, break_bytes, break_text, bytes_file, json_bytes, text_file
from tests.formats.fuzz_pictures import picture

SIDE = 9  # vertices on each side of the small mesh: 81, enough for 68 landmarks


@functools.cache
def small_mesh() -> Mesh:
    """A bent square of 81 vertices with a UV chart."""
    u, v = (x.reshape(-1).float() / (SIDE - 1) for x in torch.meshgrid(*[torch.arange(SIDE)] * 2, indexing="xy"))
    vertices = torch.stack([100 * u - 50, 100 * v - 50, 30 - 80 * ((u - 0.5) ** 2 + (v - 0.5) ** 2)], -1)
    corner = (torch.arange(SIDE - 1)[:, None] * SIDE + torch.arange(SIDE - 1)).reshape(-1)
    quads = torch.stack([corner, corner + 1, corner + SIDE + 1, corner + SIDE], -1)
    faces = torch.cat([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return Mesh(vertices, faces, torch.stack([0.1 + 0.8 * u, 0.1 + 0.8 * v], -1), quads=quads)


def obj(rng: random.Random, damage: int) -> Files:
    """OBJ with materials and a texture; any of the three may be the broken one."""
    mesh = small_mesh()
    assert mesh.uv is not None and mesh.quads is not None
    lines = ["# made by hand", "mtllib face.mtl", "o face"]
    lines += ["v " + " ".join(f"{x:.5f}" for x in row) for row in mesh.vertices.tolist()]
    lines += ["vt " + " ".join(f"{x:.5f}" for x in row) for row in mesh.uv.tolist()] + [
        "vn 0 0 1",
        "g skin",
        "usemtl skin",
    ]
    back = rng.random() < 0.2  # numbers counted from the end
    for row in (mesh.quads if rng.random() < 0.5 else mesh.faces).tolist():
        numbers = [i - len(mesh.vertices) if back else i + 1 for i in row]
        lines.append("f " + " ".join(f"{i}/{i}/{-1 if back else 1}" for i in numbers))
    if damage and rng.random() < 0.03:  # as many pieces as faces
        many = rng.choice(("o", "g", "usemtl"))
        lines = [f"{many} p{n}\n{one}" if one[0] == "f" else one for n, one in enumerate(lines * 9)]
    material = "newmtl skin\nKd 1 1 1\nNs 10\nmap_Kd -s 1 1 1 face.png\n"
    broken = rng.randrange(6)
    files = text_file("face.obj", "\n".join(lines) + "\n", rng, damage if broken < 4 else 0)
    files |= text_file("face.mtl", material, rng, damage if broken == 4 else 0)
    return files | bytes_file("face.png", picture(rng), rng, damage if broken == 5 else 0)


def ply(rng: random.Random, damage: int) -> Files:
    """PLY as text and in both byte orders, with normals, colours, UV, quads or strips."""
    mesh, form = small_mesh(), rng.choice(("ascii", "binary_little_endian", "binary_big_endian"))
    order = ">" if form.endswith("big_endian") else "<"
    wide = rng.choice(("float", "double"))
    extra, strips = rng.random() < 0.5, rng.random() < 0.2
    header = ["ply", f"format {form} 1.0", "comment made by hand", f"element vertex {len(mesh.vertices)}"]
    header += [f"property {wide} {name}" for name in "xyz"] + ["property uchar red", "property float s"] * extra
    rows: list[list[tuple[str, Any]]] = [
        [(wide[0], x) for x in row] + [("B", 200), ("f", 0.5)] * extra for row in mesh.vertices.tolist()
    ]
    if strips:
        header += ["element tristrips 1", "property list int int vertex_indices"]
        strip = [
            i for row in range(SIDE - 1) for pair in range(SIDE) for i in (row * SIDE + pair, (row + 1) * SIDE + pair)
        ]
        rows.append([("i", len(strip)), *(("i", i) for i in strip)])
    else:
        polygons = mesh.faces.tolist()[:20] + (mesh.quads.tolist()[20:] if mesh.quads is not None else [])
        header += [f"element face {len(polygons)}", f"property list uchar {rng.choice(('int', 'uint'))} vertex_indices"]
        rows += [[("B", len(row)), *(("i", i) for i in row)] for row in polygons]
    head = "\n".join([*header, "end_header"]) + "\n"
    if form == "ascii":
        return text_file(
            "face.ply", head + "\n".join(" ".join(str(x) for _, x in row) for row in rows) + "\n", rng, damage
        )
    body = b"".join(struct.pack(order + kind, x) for row in rows for kind, x in row)
    for _ in range(damage):
        if rng.random() < 0.5:
            head = break_text(rng, head)
        else:
            body = break_bytes(rng, body)
    return {"face.ply": head.encode() + body}


def gltf(rng: random.Random, damage: int) -> Files:
    """GLB, or glTF with its buffer and picture inside or beside it; strides, sparse and normalised accessors, nodes."""
    mesh, whole = small_mesh(), rng.random() < 0.6
    assert mesh.uv is not None
    count, uv = len(mesh.vertices), (mesh.uv * torch.tensor([1.0, -1.0]) + torch.tensor([0.0, 1.0])).numpy()
    small = rng.random() < 0.3
    parts = [
        mesh.vertices.numpy().tobytes(),
        (uv * 65535).astype("<u2").tobytes() if small else uv.astype("<f4").tobytes(),
        mesh.faces.numpy().astype("<u2").tobytes(),
        np.array([3, 5], "<u2").tobytes(),
        mesh.vertices[[3, 5]].numpy().tobytes(),
        picture(rng),
    ]
    views, blob = [], b""
    for part in parts:
        views.append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(part)})
        blob += part + bytes(-len(part) % 4)
    low, high = mesh.vertices.amin(0).tolist(), mesh.vertices.amax(0).tolist()
    position: dict[str, Any] = {
        "bufferView": 0,
        "componentType": 5126,
        "count": count,
        "type": "VEC3",
        "min": low,
        "max": high,
    }
    if rng.random() < 0.3:
        ends = {"indices": {"bufferView": 3, "componentType": 5123}, "values": {"bufferView": 4}}
        position["sparse"] = {"count": 2, **ends}
    if rng.random() < 0.3:
        views[0]["byteStride"] = 12
    primitive = {"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0, "mode": 4}
    document: dict[str, Any] = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}],
        "nodes": [
            {"children": [1], "translation": [1, 2, 3]},
            {"mesh": 0, "name": "face", "rotation": [0, 0, 0, 1], "scale": [1, 1, 1]},
        ],
        "meshes": [{"name": "face", "primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0, "sampler": 0}], "samplers": [{}],
        "images": [{"bufferView": 5, "mimeType": "image/png"}],
        "accessors": [
            position,
            {"bufferView": 1, "componentType": 5123 if small else 5126, "normalized": small, "count": count,
             "type": "VEC2"},
            {"bufferView": 2, "componentType": 5123, "count": mesh.faces.numel(), "type": "SCALAR"},
        ],
        "bufferViews": views, "buffers": [{"byteLength": len(blob)}],
    }  # fmt: skip
    return gltf_files(document, blob, whole, rng, damage)


def gltf_files(document: dict[str, Any], blob: bytes, whole: bool, rng: random.Random, damage: int) -> Files:
    """A GLB (`whole`), or a glTF with its buffer inside or beside it, and one of its parts may be broken."""
    broken = rng.choice(("json", "json", "json", "blob", "whole"))
    if broken == "blob":
        blob = bytes_file("", blob, rng, damage)[""]
    if not whole:
        inside = rng.random() < 0.5
        uri = "data:application/octet-stream;base64," + base64.b64encode(blob).decode() if inside else "face.bin"
        document["buffers"][0]["uri"] = uri
        files = {"face.gltf": json_bytes(rng, document, damage if broken == "json" else 0)}
        return files if inside else files | {"face.bin": blob}
    text = json_bytes(rng, document, damage if broken == "json" else 0)
    text, blob = text + b" " * (-len(text) % 4), blob + bytes(-len(blob) % 4)
    length = 12 + 8 + len(text) + 8 + len(blob)
    glb = struct.pack("<4sII", b"glTF", 2, length) + struct.pack("<I4s", len(text), b"JSON") + text
    glb += struct.pack("<I4s", len(blob), b"BIN\0") + blob
    return bytes_file("face.glb", glb, rng, damage if broken == "whole" else 0)


def stl(rng: random.Random, damage: int) -> Files:
    """STL as text and in binary."""
    mesh = small_mesh()
    triangles = mesh.vertices[mesh.faces].tolist()
    if rng.random() < 0.5:
        lines = ["solid face"]
        for corners in triangles:
            lines += ["facet normal 0 0 1", " outer loop", *("  vertex " + " ".join(map(str, x)) for x in corners)]
            lines += [" endloop", "endfacet"]
        return text_file("face.stl", "\n".join([*lines, "endsolid face"]) + "\n", rng, damage)
    body = b"".join(struct.pack("<12fH", 0, 0, 1, *(x for corner in t for x in corner), 0) for t in triangles)
    head = rng.choice((b"made by hand", b"solid face")).ljust(80, b"\0") + struct.pack("<I", len(triangles))
    return bytes_file("face.stl", head + body, rng, damage)


def off(rng: random.Random, damage: int) -> Files:
    """OFF with triangles and quads."""
    mesh = small_mesh()
    polygons = mesh.faces.tolist()[:30] + (mesh.quads.tolist()[30:] if mesh.quads is not None else [])
    lines = ["OFF", "# made by hand", f"{len(mesh.vertices)} {len(polygons)} 0"]
    lines += [" ".join(map(str, row)) for row in mesh.vertices.tolist()]
    lines += [" ".join(map(str, [len(row), *row])) for row in polygons]
    return text_file("face.off", "\n".join(lines) + "\n", rng, damage)
