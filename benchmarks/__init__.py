"""Measurements and long checks that are run by hand; each module says how in its docstring."""
