# What Godot 3 makes of skinned GLB files: the matrices of its skeletons, on the arrays of its meshes. A server draws
# nothing, so the last step, the weighted mean, is written here. Run by godot_vertices.py.
extends SceneTree


func _init():
	var arguments = OS.get_cmdline_args()
	var files = File.new()
	files.open("res://files.txt", File.READ)
	var output = File.new()
	output.open("res://found.bin", File.WRITE)
	while not files.eof_reached():
		var name = files.get_line()
		if name != "":
			_store(load("res://" + name).instance(), output)
	output.close()
	quit()


func _find(node, kind):
	if node.is_class(kind):
		return node
	for child in node.get_children():
		var found = _find(child, kind)
		if found:
			return found
	return null


func _store(scene, output):
	get_root().add_child(scene)
	var skeleton = _find(scene, "Skeleton")
	var face = _find(scene, "MeshInstance")
	var skin = face.skin
	var matrices = []
	for bind in range(skin.get_bind_count()):
		var bone = skeleton.find_bone(skin.get_bind_name(bind))
		matrices.append(skeleton.get_bone_global_pose(bone) * skin.get_bind_pose(bind))
	var arrays = face.mesh.surface_get_arrays(0)
	var points = arrays[Mesh.ARRAY_VERTEX]
	var joints = arrays[Mesh.ARRAY_BONES]
	var weights = arrays[Mesh.ARRAY_WEIGHTS]
	var shapes = face.mesh.surface_get_blend_shape_arrays(0)
	for shape in range(shapes.size()):
		var amount = face.get("blend_shapes/" + face.mesh.get_blend_shape_name(shape))
		if amount:
			var moved = shapes[shape][Mesh.ARRAY_VERTEX]
			for vertex in range(points.size()):
				points[vertex] += amount * (moved[vertex] - arrays[Mesh.ARRAY_VERTEX][vertex])
	for vertex in range(points.size()):
		var total = Vector3()
		for k in range(4):
			total += weights[4 * vertex + k] * matrices[joints[4 * vertex + k]].xform(points[vertex])
		output.store_double(total.x)
		output.store_double(total.y)
		output.store_double(total.z)
	get_root().remove_child(scene)
	scene.free()
