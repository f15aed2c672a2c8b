"""One file or folder per raw source: its syntax, sample names, classes and protocols.

- `files`: what a file is, and reading it in place without trust.
- `source`, `file_source`, `recording`, `dense`, `registry`: what all sources share, and their names.
- `ntu`, `kinetics`, `ucla`, `openpose`, `synthetic`: raw recordings.
- `pyskl`, `ctrgcn`, `published`: what other projects made of them.
- `custom`: a user's own data (docs/custom-data.md).
"""

__all__ = ["file_format", "recording"]
