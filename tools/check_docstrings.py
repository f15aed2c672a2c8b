"""Check the language of docstrings and the width of documentation pages; run by `make check`.

A docstring of a function or method starts with an imperative verb of `VERBS`. That of a property, module, class or
constant is a noun phrase, or "True if ...", and does not start with a word of `NO_OPENINGS`. None contains one of
`NO_PHRASES`. Pages have lines of at most 120 columns, except in tables, code blocks, generated parts and lines with a
link or an image.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

WIDTH = 120
_VERBS = """
Accept Accumulate Add Advance Aggregate Align Allocate Allow Append Apply Arrange Assemble Assign Average Broadcast
Build Cache Calibrate Call Cancel Capture Centre Change Check Choose Classify Clear Clip Close Collapse Collate
Collect Combine Compare Compile Complete Compose Compress Compute Concatenate Configure Connect Construct Contract
Convert Convolve Copy Count Create Crop Cut Decode Decompress Delete Describe Detect Determine Discard Divide Download
Draw Drop Encode End Ensure Escape Estimate Evaluate Exchange Expand Explain Export Extract Fill Filter Find Finish
Fit Flatten Format Forward Freeze Fuse Gather Generate Get Group Handle Hash Hide Ignore Import Infer Initialise
Insert Inspect Interpolate Interrupt Iterate Join Limit List Load Locate Lock Log Map Mark Match Measure Merge Mirror
Mix Move Multiply Normalise Number Open Order Pack Pad Pair Parse Partition Pause Permute Pickle Place Plan Plot Predict
Prefer Prepare Print Process Project Raise Rank Read Rebuild Receive Record Reduce Register Reject Release Remove
Rename Render Reorder Repeat Replace Report Request Require Resample Reserve Reset Reshape Resize Resolve Restore
Resume Return Reuse Rotate Run Sample Save Scale Schedule Score Search Seed Select Send Serve Set Share Shift Show
Shuffle Smooth Sort Split Stack Start Stop Store Stretch Strip Subtract Sum Summarise Suppress Swap Switch Synchronise
Trace Track Train Transform Translate Transpose Truncate Uninstall Unpack Unwrap Update Upload Use Validate Wait Warn
Weight Wrap Write Yield
"""
VERBS = frozenset(_VERBS.split())
"""Verbs that start a docstring. Add a verb that names what a function does, in the words of the field."""

NO_OPENINGS = frozenset(
    ("How", "Let", "Say", "That", "Those", "What", "Where", "Whether", "Which", "Who", "Whose", "Why")
)
"""Words that start a clause where the name of a thing is expected."""

NO_PHRASES = re.compile(
    r"\b(an?|the|it|one|that|size|rate) is none\b|\bif it is none\b|\bstands? for\b|\b(is|are) told\b|\btold apart\b"
    r"|\btaken for\b|\bby heart\b|\bat the door\b|\b(is|are) held to\b|\b(some|any)body\b|\bwhoever\b"
    r"|\bwhat (becomes|became|comes) of\b|\b(lets?|giv(es?|ing)) go\b"
)
"""Phrases that have a plain equivalent."""


def docstring_faults(path: Path) -> Iterator[str]:
    """Yield a line for each docstring of a Python file that does not start as expected or has one of `NO_PHRASES`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for line, name, text, is_action in _docstrings(node):
            first = re.split(r"[^\w-]", text, maxsplit=1)[0]
            if is_action and first not in VERBS:
                yield f"{path}:{line}: {name} starts with {first!r}, expected an imperative verb"
            elif not is_action and first in NO_OPENINGS:
                yield f"{path}:{line}: {name} starts with {first!r}, expected a noun phrase or 'True if'"
            if found := NO_PHRASES.search(" ".join(text.split())):
                yield f"{path}:{line}: {name} says {found[0]!r}, expected plain words"


def _docstrings(node: ast.AST) -> Iterator[tuple[int, str, str, bool]]:
    """Yield line, owner and text of the docstrings at a node, and whether the owner is a function or method."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        decorators = "" if isinstance(node, ast.Module) else " ".join(map(ast.unparse, node.decorator_list))
        if text := ast.get_docstring(node):
            name = "module" if isinstance(node, ast.Module) else node.name
            yield node.body[0].lineno, name, text, is_function and "property" not in decorators
    if isinstance(node, ast.Module | ast.ClassDef):
        for before, after in zip(node.body, node.body[1:], strict=False):
            constant = isinstance(before, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr)
            if constant and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
                yield after.lineno, ast.unparse(before).partition(" =")[0], after.value.value, False


def page_faults(path: Path) -> Iterator[str]:
    """Yield a line for each line of a page that is too wide, outside tables, code blocks, links and images."""
    text, in_code, is_generated = path.read_text(encoding="utf-8"), False, False
    if "Written by `" in text:  # generated, with commands in its sentences
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        if line.startswith("<!--"):  # a part that a program writes lies between two comments
            is_generated = "written by" in line
        exempt = in_code or is_generated or line.lstrip().startswith("|") or "](" in line or "<" in line
        if len(line) > WIDTH and not exempt:
            yield f"{path}:{number}: {len(line)} columns, expected at most {WIDTH}"


def main(arguments: list[str] | None = None) -> int:
    """Print every fault below a project's root and return 1 if there is one."""
    parser = argparse.ArgumentParser(description="Check the language of docstrings and the width of pages.")
    parser.add_argument("root", nargs="?", default=".", type=Path, help="root of the project")
    root: Path = parser.parse_args(arguments).root
    package = root / "src" / "dualhead"
    faults = [fault for path in sorted(package.rglob("*.py")) for fault in docstring_faults(path)]
    for page in [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]:
        if page.exists():
            faults += page_faults(page)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
