"""Building blocks with flat arguments; tensors in, tensors out.

Convention: an activation is `(B, C, T, V)` with bodies folded into B, kept channels-last in memory, so that the same
storage is a contiguous `(B, T, V, C)`: mixing channels and aggregating joints are matrix products without copies.
"""

__all__ = ["input_norm"]
