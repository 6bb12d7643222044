"""What the curve should be."""

import math


def truth(x):
    return 0.5 * x + 1.0 + 0.8 * math.sin(x)
