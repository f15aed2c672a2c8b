"""From recordings to batches.

- `prepare`, `prepare_worker`, `prepare_report`, `bodies`, `body_places`, `store_writer`: raw recordings to a store;
  `partial_folder`: where it grows.
- `store`, `reading`: a store, or one raw file, as sequences; `export_arrays`, `export_pyskl`: a store as others' files.
- `recipes`, `recipe`, `normalize`, `sampling`, `augment`, `streams`: sequences to clips.
- `dataset`, `sampler`, `holdout`, `datamodule`: clips to batches.
"""
