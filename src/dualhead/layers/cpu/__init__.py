"""The layers' formulas scheduled for a CPU: some bodies, frames or windows at a time, which stay in cache.

A formula that is written one operation after the other touches memory for each of them, and touching memory is what a
CPU spends its time on. What is here computes the same results, in values and gradients, piece by piece. The layers
ask `dualhead.layers.prepared.is_eager` whether they may use it; everywhere else the formula itself runs.
"""

__all__: list[str] = []
