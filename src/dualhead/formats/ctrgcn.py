"""The npz files of CTR-GCN and its successors, such as `NTU60_CS.npz` (Chen et al., ICCV 2021)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dualhead.formats.dense import dense_recording
from dualhead.formats.file_format import Evidence, FileFormat, RawFile
from dualhead.formats.files.array_rows import Rows, npz_rows
from dualhead.formats.files.member import list_members
from dualhead.formats.recording import Recording
from dualhead.formats.source import Item, Listing, Sample, Source, SplitRule, load_class_names, names_to_leave_out
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import NTU25

_SPLITS = ("train", "test")
_PROTOCOLS = {"CS": "xsub", "CSUB": "xsub", "CV": "xview", "CSET": "xset"}
_LETTERS = re.compile(r"[_-]([A-Z]+)\.NPZ$")


@dataclass(frozen=True, kw_only=True)
class CtrgcnSource(Source):
    """One npz with `x_train`, `x_test` `(N, T, M * V * C)` and one-hot `y_train`, `y_test` `(N, K)`.

    Samples have no names in it: they are called `train_000000` and so on, in its order. The protocol is named by the
    end of the file's name (CS, CSub: xsub; CV: xview; CSet: xset; else `official`).

    Attributes:
        rows: The coordinates of each split, once listed.
    """

    rows: tuple[Rows, ...] = ()

    def read(self, item: Item) -> Recording:
        """Read one row, without the zeros that pad it; see `Source.read`."""
        values = self.rows[item.sample.fields["side"]].parse(item.member.read())  # (T, M * V * C)
        skeleton = self.skeleton
        with np.errstate(invalid="ignore"):  # damaged bytes can be any number, NaN that signals too
            filled = np.flatnonzero(values.any(axis=1))
        length = int(filled[-1]) + 1 if filled.size else len(values)  # no person is seen: all of it is that
        joints = values[:length].reshape(length, -1, skeleton.num_joints, skeleton.dimensions).swapaxes(0, 1)
        return dense_recording(joints, None, skeleton, item.member.where, has_confidence=False)

    def list_items(self, raw: Sequence[Path], missing_list: Path | None = None) -> Listing:
        """List the rows of both splits; see `Source.list_items`."""
        files = [member for member in list_members(raw) if member.file_name.lower().endswith(".npz")]
        if len(files) != 1:
            raise FormatError(f"{len(files)} npz files: pass one, such as NTU60_CS.npz", ", ".join(map(str, raw)))
        found = npz_rows(files[0], tuple(f"{letter}_{split}" for letter in "xy" for split in _SPLITS))
        body = self.skeleton.num_joints * self.skeleton.dimensions
        items: dict[str, Item] = {}
        classes = 0
        for number, split in enumerate(_SPLITS):
            x, y = found[f"x_{split}"], found[f"y_{split}"]
            if len(x.header.shape) != 3 or x.header.shape[2] % body:
                raise FormatError(
                    f"x_{split} has shape {x.header.shape}, whose last number is not a multiple of the {body} "
                    f"coordinates "
                    f"of a body of {self.skeleton.name!r}: is it of another skeleton?",
                    files[0].where,
                )
            if len(y.header.shape) == 1:
                raise FormatError(
                    f"y_{split} holds class numbers, which do not determine the number of classes: save it one-hot, "
                    f"numpy.eye(60)[y_{split}] for 60 classes",
                    files[0].where,
                )
            one_hot = y.all()
            if one_hot.ndim != 2 or len(one_hot) != len(x) or ((one_hot != 0).sum(axis=1) != 1).any():
                raise FormatError(f"y_{split} does not have one label for each of {len(x)} rows", files[0].where)
            classes = max(classes, one_hot.shape[1])
            for row, label in enumerate(one_hot.argmax(axis=1).tolist()):
                name = f"{split}_{row:06d}"
                items[name] = Item(Sample(name, label, {"side": number}), x.member(row))
        letters = _LETTERS.search(files[0].file_name.upper())
        protocol = _PROTOCOLS.get(letters[1], "official") if letters else "official"
        names = load_class_names("ntu120")
        is_ntu = self.skeleton == NTU25 and classes in (60, 120)
        source = replace(
            self,
            classes=names[:classes] if is_ntu else tuple(f"class {label}" for label in range(classes)),
            protocols={protocol: SplitRule("side", (0,), (1,))},
            rows=tuple(found[f"x_{split}"] for split in _SPLITS),
        )
        ordered = tuple(items[name] for name in sorted(items))
        return Listing(ordered, missing=names_to_leave_out(missing_list, items), source=source)


def ctrgcn() -> CtrgcnSource:
    """Register the npz of CTR-GCN's scripts: bodies chosen, a constant subtracted from each recording, zero-padded."""
    return CtrgcnSource(
        name="ctrgcn",
        skeleton=NTU25,
        classes=(),
        fields=("side",),
        protocols={},
        body_selection="order",
        skeleton_is_free=True,
        unit_is_free=True,
        notes=(
            "The origin joint of the first frame was subtracted from every joint before these files were written, so "
            "where people stood is lost; recipes that subtract it again change nothing.",
            "Trailing frames of zeros were padding and are left out.",
        ),
    )


def _recognise(file: RawFile) -> Evidence | None:
    return Evidence("arrays x_train and y_train") if {"x_train", "y_train"} <= file.arrays.keys() else None


CTRGCN_ARRAYS = FileFormat(
    name="ctrgcn",
    title="a whole data set as CTR-GCN has it",
    suffixes=(".npz",),
    recognise=_recognise,
    instead="`dualhead prepare ctrgcn` makes a store of it",
    holds_many=True,
)
