"""What development is done with: pinned versions, checks before a commit."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT
from tools import lock

PINNED = lock.pinned((ROOT / "constraints.txt").read_text("utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_everything_is_pinned() -> None:
    """What the tests need, directly or not; extras that are not installed here, directly."""
    assert [name for name, _ in lock.needed("lcodec", ("dev",)) if name not in PINNED] == []


def test_pins_are_what_the_project_asks_for() -> None:
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for text in (text for group in groups for text in group):
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        if name != "lcodec":
            assert requirement.specifier.contains(PINNED[name]), text


def test_pins_are_read() -> None:
    assert lock.pinned("# a\nA_b==1.0\nc==2  # why\n") == {"a-b": "1.0", "c": "2"}


def test_checks_before_a_commit_are_those_of_the_makefile() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"entry: make (\S+)", hooks)
    assert targets == ["lint", "docs"]
    assert all(re.search(rf"^{target}: .*## ", makefile, re.MULTILINE) for target in targets)
