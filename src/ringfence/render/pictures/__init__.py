"""Pictures: drawings of who may connect to whom, as SVG.

A picture is drawn from the values that tables and graphs are written from; nothing is decided here. Meaning is never in
colour alone: each colour goes with a word, a symbol or a pattern, so pictures can be read in black and white.
"""

from ringfence.render.pictures.boxes import MOST_BOXES
from ringfence.render.pictures.changes import changes_picture
from ringfence.render.pictures.drawing import Picture
from ringfence.render.pictures.lanes import Rectangle
from ringfence.render.pictures.maps import DrawnMap, drawn_map, map_picture
from ringfence.render.pictures.matrices import matrix_picture

__all__ = [
    "MOST_BOXES",
    "DrawnMap",
    "Picture",
    "Rectangle",
    "changes_picture",
    "drawn_map",
    "map_picture",
    "matrix_picture",
]
