"""How deep the V-Net is, for whoever counts with it and needs no torch."""

CONVOLUTIONS_DOWN = (1, 2, 3, 3, 3)
"""Of each level, the finest first."""
CONVOLUTIONS_UP = (3, 3, 2, 1)
"""Of each level on the way back, the coarsest first."""
