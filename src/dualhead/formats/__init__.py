"""One file per raw source: its syntax, sample names, classes and protocols.

- `member`, `raw_file`, `zip_member`, `tar_member`: finding files in folders and archives, reading them in place.
- `source`, `file_source`, `recording`, `dense`, `registry`: what all sources share, and their names.
- `ntu`, `ntu_sources`, `synthetic`, `kinetics`, `ucla`: raw recordings, one file each.
- `pyskl`, `ctrgcn`, `published`: what other projects made of them, on `arrays` and `unpickle`.
- `custom`, `clip_file`, `skeleton_file`: a user's own data (docs/custom-data.md).
"""
