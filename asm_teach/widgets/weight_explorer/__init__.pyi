from .weight_explorer import WeightExplorer as WeightExplorer
