"""Reports as HTML: each a single file that needs no network and no other files.

Needs jinja2, in the extra ``lcodec[bench]``.
"""

from lcodec.bench.html.pages import bench_page, compare_page, nearest_level
from lcodec.bench.html.scene import Pane, Scene, make_scene
from lcodec.bench.html.worst import WorstPictures

__all__ = [
    "Pane",
    "Scene",
    "WorstPictures",
    "bench_page",
    "compare_page",
    "make_scene",
    "nearest_level",
]
