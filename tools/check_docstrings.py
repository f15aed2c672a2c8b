"""Check the language of docstrings and the width of documentation pages; run by `make check`.

A docstring of a function or method starts with an imperative verb of `VERBS`; a property may start with a noun phrase.
Pages have lines of at most 120 columns, except in tables, code blocks and lines with a link or an image.
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
Mix Move Multiply Normalise Number Open Order Pack Pad Pair Parse Partition Permute Pickle Place Plan Plot Predict
Prefer Prepare Print Process Project Raise Rank Read Rebuild Receive Record Reduce Register Reject Release Remove
Rename Render Reorder Repeat Replace Report Request Require Resample Reserve Reset Reshape Resize Resolve Restore
Resume Return Reuse Rotate Run Sample Save Scale Schedule Score Search Seed Select Send Serve Set Share Shift Show
Shuffle Smooth Sort Split Stack Start Stop Store Stretch Strip Subtract Sum Summarise Suppress Swap Switch Synchronise
Trace Track Train Transform Translate Transpose Truncate Uninstall Unpack Unwrap Update Upload Use Validate Wait Warn
Weight Wrap Write Yield
"""
VERBS = frozenset(_VERBS.split())
"""Verbs that start a docstring. Add a verb that names what a function does, in the words of the field."""


def docstring_faults(path: Path) -> Iterator[str]:
    """Yield a line for each docstring of a Python file that does not start with a verb of the list."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if text and not any("property" in ast.unparse(decorator) for decorator in node.decorator_list):
            first = re.split(r"[^\w-]", text, maxsplit=1)[0]
            if first not in VERBS:
                yield f"{path}:{node.body[0].lineno}: {node.name} starts with {first!r}, expected an imperative verb"


def page_faults(path: Path) -> Iterator[str]:
    """Yield a line for each line of a page that is too wide, outside tables, code blocks, links and images."""
    text, in_code = path.read_text(encoding="utf-8"), False
    if "Written by `" in text:  # generated, with commands in its sentences
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        exempt = in_code or line.lstrip().startswith("|") or "](" in line or "<" in line
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
