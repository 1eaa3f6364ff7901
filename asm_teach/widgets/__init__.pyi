from .binding_explorer.binding_explorer import BindingExplorer as BindingExplorer
from .bone_panel.bone_panel import BonePanel as BonePanel
from .fit_watcher.fit_watcher import FitWatcher as FitWatcher
from .pinhole import PinholeView as PinholeView
from .playground.playground import Playground as Playground
from .track_player.track_player import TrackPlayer as TrackPlayer
from .viewer.viewer import Viewer as Viewer
from .weight_explorer.weight_explorer import WeightExplorer as WeightExplorer
