from .binding_explorer import BindingExplorer as BindingExplorer
