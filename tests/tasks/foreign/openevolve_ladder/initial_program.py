"""A curve through given points, to be bent nearer to them."""
import math


# EVOLVE-BLOCK-START
SLOPE = 0.2
LIFT = 0.0
WAVE = 0.1


def height(x):
    """The curve's height at x."""
    line = SLOPE * x + LIFT
    return line + WAVE * math.sin(x)


# EVOLVE-BLOCK-END


def heights(points):
    """Called by the evaluator; it stays as it is."""
    return [height(x) for x in points]
