"""Visit the cities from left to right."""

import math


def first_order(cities):
    """City numbers by their x coordinate."""
    order = sorted(range(len(cities)), key=lambda city: cities[city][0])
    return order


def tour_length(cities, order):
    """Length of the round trip."""
    return sum(math.dist(cities[order[k - 1]], cities[order[k]]) for k in range(len(order)))


def plan_tour(cities):
    """The order to visit the cities in."""
    order = first_order(cities)
    return order
