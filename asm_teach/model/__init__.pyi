from .adaptive import AdaptiveSkinningModel as AdaptiveSkinningModel
from .adaptive import StaticSkinningModel as StaticSkinningModel
