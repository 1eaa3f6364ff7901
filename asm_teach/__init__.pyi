"""The public names of asm_teach and where each is defined; `__init__.py` loads them when they are first used."""

from .avatar.editing import edit as edit
from .avatar.export import export_gltf as export_gltf
from .avatar.expressions import expression_shapes as expression_shapes
from .avatar.import_gltf import import_gltf as import_gltf
from .avatar.track import Track as Track
from .avatar.track import read_track as read_track
from .data.assets import AssetUnavailable as AssetUnavailable
from .data.assets import fetch as fetch
from .data.assets import list_assets as list_assets
from .data.heads import Head as Head
from .data.heads import load_head as load_head
from .data.scans import load_photographs as load_photographs
from .data.scans import load_scan as load_scan
from .fitting.priors import Prior as Prior
from .fitting.result import Fit as Fit
from .geometry.landmarks import LandmarkSet as LandmarkSet
from .geometry.mesh import Mesh as Mesh
from .geometry.mesh import read_mesh as read_mesh
from .geometry.metrics import face_region as face_region
from .geometry.metrics import scan_error as scan_error
from .geometry.metrics import vertex_error as vertex_error
from .many_heads.fit_many import fit_many as fit_many
from .many_heads.sources import scans_in as scans_in
from .many_heads.sources import views_in as views_in
from .model.adaptive import AdaptiveSkinningModel as AdaptiveSkinningModel
from .model.adaptive import StaticSkinningModel as StaticSkinningModel
from .model.binding import Chart as Chart
from .model.linear import LinearMorphableModel as LinearMorphableModel
from .model.mixture import mixture_weights as mixture_weights
from .model.skinning import linear_blend_skinning as linear_blend_skinning
from .model.storage import load_model as load_model
from .model.storage import save as save
from .model.transforms import Rig as Rig
from .new_head.given_landmarks import read_marks as read_marks
from .new_head.prepare import prepare_head as prepare_head
from .rendering.camera import Camera as Camera
from .rendering.camera import look_at as look_at
from .scan_fit.fit import fit_scan as fit_scan
from .scan_fit.linear_fit import fit_morphable as fit_morphable
from .scan_fit.place import place_scan as place_scan
from .tracking.follow import track as track
from .view_fit.fit import fit_views as fit_views
from .view_fit.pose import pose_from_landmarks as pose_from_landmarks
from .view_fit.view import View as View

__version__: str
