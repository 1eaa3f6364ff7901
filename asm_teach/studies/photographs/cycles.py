"""Draw a scene with Cycles, the path tracer of Blender, which comes as the Python package `bpy`.

`bpy` is an extra (GPL, 370 MB, for Python 3.11 alone): pip install 'asm_teach[cycles]'. Nothing else here needs it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from asm_teach.geometry.mesh import Mesh
from asm_teach.rendering.camera import Camera
from asm_teach.studies.photographs.scene import Lamp, Scene

METRE = 1000.0  # Blender counts in metres
GLOSSY = ("eyes", "teeth")  # parts of a head that are wet
SENSOR_WIDTH = 36.0  # mm that Blender's focal length refers to; any number would do


def blender() -> Any:
    """The module `bpy`. Raises ModuleNotFoundError with the remedy where it is not installed."""
    try:
        import bpy
    except ImportError as error:
        raise ModuleNotFoundError(
            f"Blender's module bpy, which draws the photographs, is not here ({error}): in an environment of Python "
            "3.11 type: pip install 'asm_teach[cycles,photos]' (GPL, 370 MB)"
        ) from None
    return bpy


def draw(scene: Scene, samples: int = 64, threads: int = 2) -> Iterator[np.ndarray]:
    """The light (H, W, 3), linear, that each camera of a scene receives, one after the other.

    samples: rays for each pixel; what noise they leave is taken out by Blender's denoiser. threads: of Cycles.

    Raises ValueError for less than one of either, ModuleNotFoundError where `bpy` is not installed.
    """
    for name, value in {"samples": samples, "threads": threads}.items():
        if value < 1:
            raise ValueError(f"{name}: found {value}; give 1 or more")
    return _drawn(blender(), scene, samples, threads)


def _drawn(bpy: Any, scene: Scene, samples: int, threads: int) -> Iterator[np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        build(bpy, scene, samples, threads)
        for camera in scene.cameras:
            aim(bpy, camera)
            bpy.context.scene.render.filepath = str(Path(folder) / "light.exr")
            with _silent():
                bpy.ops.render.render(write_still=True)
            yield _pixels(bpy, Path(folder) / "light.exr")


def build(bpy: Any, scene: Scene, samples: int, threads: int) -> None:
    """Replace what Blender holds by the scene, without a camera."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    settings = bpy.context.scene
    settings.render.engine = "CYCLES"
    settings.render.threads_mode, settings.render.threads = "FIXED", threads
    settings.render.image_settings.file_format = "OPEN_EXR"
    settings.render.image_settings.color_depth = "32"
    settings.render.use_persistent_data = True
    settings.cycles.device, settings.cycles.samples, settings.cycles.use_denoising = "CPU", samples, True
    settings.cycles.denoising_quality, settings.cycles.denoising_prefilter = "FAST", "FAST"
    settings.cycles.max_bounces = 3
    head = scene.sitter.mesh
    skin = _material(bpy, "skin", 0.42)
    _textured(bpy, skin, head)
    body = _inputs(skin)
    # Light enters skin and leaves it some millimetres further on, red light furthest.
    body["Subsurface Weight"].default_value = 0.35
    body["Subsurface Radius"].default_value = (1.0, 0.35, 0.2)
    body["Subsurface Scale"].default_value = 0.004
    wet = _material(bpy, "wet", 0.08)
    _textured(bpy, wet, head)
    thing = _object(bpy, "head", head, [skin, wet])
    glossy = np.zeros(len(head.faces), np.int32)
    for part in GLOSSY:
        if part in head.parts:
            glossy[head.parts[part].numpy()] = 1
    thing.data.polygons.foreach_set("material_index", glossy)
    if scene.clothes is not None:
        cloth = _material(bpy, "cloth", 0.9)
        _inputs(cloth)["Base Color"].default_value = (*scene.cloth, 1.0)
        _object(bpy, "clothes", scene.clothes, [cloth])
    for lamp in scene.lamps:
        _lamp(bpy, lamp, scene.target.numpy())
    _surround(bpy, scene.room)


def aim(bpy: Any, camera: Camera) -> None:
    """Make a pinhole camera the one that Blender draws through."""
    from mathutils import Matrix

    settings = bpy.context.scene
    width, height = camera.size
    settings.render.resolution_x, settings.render.resolution_y = width, height
    if settings.camera is None:
        settings.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        settings.collection.objects.link(settings.camera)
    lens = settings.camera.data
    lens.clip_start, lens.clip_end = 0.01, 100.0
    lens.sensor_fit, lens.sensor_width = "HORIZONTAL", SENSOR_WIDTH
    lens.lens = float(camera.focal) / width * SENSOR_WIDTH
    across, down = (camera.principal.numpy() - np.array([width, height]) / 2) / width
    lens.shift_x, lens.shift_y = -float(across), float(down)
    place = np.eye(4)
    # Blender's camera looks along -z and has +y up, ours along +z with +y down.
    place[:3, :3] = camera.world_to_camera()[:, :3].double().numpy().T @ np.diag([1.0, -1.0, -1.0])
    place[:3, 3] = camera.centre().double().numpy() / METRE
    settings.camera.matrix_world = Matrix(place.tolist())


def _object(bpy: Any, name: str, mesh: Mesh, materials: list[Any]) -> Any:
    data = bpy.data.meshes.new(name)
    data.from_pydata((mesh.vertices.double().numpy() / METRE).tolist(), [], mesh.faces.tolist())
    data.polygons.foreach_set("use_smooth", np.ones(len(mesh.faces), bool))
    if mesh.uv is not None:
        corners = mesh.faces if mesh.uv_faces is None else mesh.uv_faces
        data.uv_layers.new().data.foreach_set("uv", mesh.uv[corners].numpy().astype(np.float32).ravel())
    for material in materials:
        data.materials.append(material)
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def _material(bpy: Any, name: str, roughness: float) -> Any:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    _inputs(material)["Roughness"].default_value = roughness
    return material


def _inputs(material: Any) -> Any:
    return material.node_tree.nodes["Principled BSDF"].inputs


def _textured(bpy: Any, material: Any, mesh: Mesh) -> None:
    assert mesh.texture is not None
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = _image(bpy, material.name, mesh.texture.numpy(), deep=False)
    material.node_tree.links.new(node.outputs["Color"], _inputs(material)["Base Color"])


def _image(bpy: Any, name: str, colours: np.ndarray, deep: bool) -> Any:
    high, wide = colours.shape[:2]
    image = bpy.data.images.new(name, wide, high, float_buffer=deep)
    opaque = np.concatenate([colours, np.ones((high, wide, 1))], 2).astype(np.float32)
    image.pixels.foreach_set(opaque[::-1].ravel())  # Blender's first row is the lowest
    image.pack()
    return image


def _lamp(bpy: Any, lamp: Lamp, target: np.ndarray) -> None:
    from mathutils import Vector

    data = bpy.data.lights.new("lamp", "AREA")
    data.energy, data.size, data.color = lamp.power, lamp.side / METRE, lamp.colour
    thing = bpy.data.objects.new("lamp", data)
    bpy.context.scene.collection.objects.link(thing)
    thing.location = Vector(lamp.place) / METRE
    thing.rotation_euler = Vector((target - np.array(lamp.place)).tolist()).to_track_quat("-Z", "Y").to_euler()
    thing.visible_camera = False


def _surround(bpy: Any, room: np.ndarray) -> None:
    world = bpy.data.worlds.new("room")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 256  # the room is out of focus
    nodes, links = world.node_tree.nodes, world.node_tree.links
    around = nodes.new("ShaderNodeTexEnvironment")
    around.image = _image(bpy, "room", room, deep=True)
    upright = nodes.new("ShaderNodeMapping")  # up is +z for Blender's pictures of surroundings, +y for heads
    upright.inputs["Rotation"].default_value = (np.pi / 2, 0.0, 0.0)
    links.new(nodes.new("ShaderNodeTexCoord").outputs["Generated"], upright.inputs["Vector"])
    links.new(upright.outputs["Vector"], around.inputs["Vector"])
    links.new(around.outputs["Color"], nodes["Background"].inputs["Color"])


def _pixels(bpy: Any, file: Path) -> np.ndarray:
    image = bpy.data.images.load(str(file))
    wide, high = image.size
    values = np.empty(wide * high * image.channels, np.float32)
    image.pixels.foreach_get(values)
    channels = image.channels
    bpy.data.images.remove(image)
    return values.reshape(high, wide, channels)[::-1, :, :3].copy()


@contextmanager
def _silent() -> Iterator[None]:
    """Without what Blender, a program of its own, prints of each picture."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
