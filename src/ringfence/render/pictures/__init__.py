"""Pictures: drawings of who may connect to whom, as SVG.

A picture is drawn from the same values as tables and graphs; nothing is decided here. Colour alone never carries
meaning: each colour goes with a word, a symbol or a pattern, so pictures can be read in black and white.
"""

from ringfence.render.pictures.boxes import MOST_BOXES, Box
from ringfence.render.pictures.changes import DrawnChanges, changes_picture, drawn_changes
from ringfence.render.pictures.drawing import Picture
from ringfence.render.pictures.lanes import LaneEdge, LaneLayout
from ringfence.render.pictures.look import Rectangle
from ringfence.render.pictures.maps import DrawnMap, drawn_map, map_picture, too_many_arrows
from ringfence.render.pictures.matrices import MOST_ROWS, matrix_picture

__all__ = [
    "MOST_BOXES",
    "MOST_ROWS",
    "Box",
    "DrawnChanges",
    "DrawnMap",
    "LaneEdge",
    "LaneLayout",
    "Picture",
    "Rectangle",
    "changes_picture",
    "drawn_changes",
    "drawn_map",
    "map_picture",
    "matrix_picture",
    "too_many_arrows",
]
