"""Writes the spirals: `python make_data.py`, here."""

from pathlib import Path

import numpy

rng = numpy.random.default_rng(7)
label = rng.integers(0, 2, 2000)
turn = rng.uniform(0.3, 2.2, 2000)
angle = numpy.pi * (turn + label) * 1.0
x = numpy.stack([turn * numpy.cos(angle), turn * numpy.sin(angle)], axis=1) + rng.normal(0.0, 0.1, (2000, 2))
flipped = numpy.where(rng.uniform(size=2000) < 0.05, 1 - label, label)
here = Path(__file__).parent
numpy.savez(here / "public" / "train.npz", x=x[:1000], y=flipped[:1000], hidden=x[1000:])
numpy.save(here / "private" / "labels.npy", label[1000:])
