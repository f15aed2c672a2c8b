"""Generated recordings: the syntax, names and protocols of NTU RGB+D with the generator's own actions."""

from __future__ import annotations

from dualhead.formats.ntu.sources import XSET_120, XSUB_60, XVIEW_60, NtuSource
from dualhead.formats.source import load_class_names
from dualhead.skeleton import NTU25


def synthetic() -> NtuSource:
    """Register the files of `dualhead.synthetic`; protocols `xsub`, `xview` of NTU RGB+D 60, `xset` of NTU 120."""
    return NtuSource(
        name="synthetic",
        fps=30.0,
        skeleton=NTU25,
        classes=load_class_names("synthetic"),
        protocols={"xsub": XSUB_60, "xview": XVIEW_60, "xset": XSET_120},
        num_setups=32,
    )
