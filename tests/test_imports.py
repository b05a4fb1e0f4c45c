"""Which packages and modules of lcodec may import which."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.conftest import ROOT

LAYERS = (
    "crc errors format plurals suffixes suggest",
    "process",
    "kinds limits tunes",
    "container desktop",
    "picture region",
    "modules",
    "integer",
    "metrics",
    "coding nets",
    "entropy",
    "weights",
    "twin",
    "pipeline",
    "effort",
    "library",
    "batch pillow strips webdataset",
    "bench training",
    "view",
    "cli",
    "__main__",
)
"""Each imports of those above it only, in functions as in modules."""

PLACES = {name: number for number, layer in enumerate(LAYERS) for name in layer.split()}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "lcodec").rglob("*.py")
}


def test_every_module_has_its_place() -> None:
    assert {part_of(name) for name in MODULES} - {""} == PLACES.keys()


def test_modules_import_of_the_layers_above_them_only() -> None:
    wrong = {
        (name, other)
        for name, path in MODULES.items()
        for other in imported(ast.parse(path.read_bytes()))
        if part_of(other) not in ("", part_of(name))
        and PLACES[part_of(other)] >= PLACES.get(part_of(name), len(LAYERS))
    }
    assert not wrong


def part_of(module: str) -> str:
    """The package or module below lcodec; "" for lcodec itself."""
    return f"{module}.".split(".")[1]


def imported(tree: ast.AST) -> Iterator[str]:
    """Modules of lcodec that are imported for more than their types."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and str(node.module) in MODULES:
            inner = (f"{node.module}.{one.name}" for one in node.names)
            yield from (name if name in MODULES else str(node.module) for name in inner)
        yield from imported(node)
