"""One file per raw source: its syntax, sample names, classes and protocols."""
