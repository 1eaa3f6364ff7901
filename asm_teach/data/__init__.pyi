from .assets import data_dir as data_dir
from .heads import Head as Head
from .heads import load_head as load_head
