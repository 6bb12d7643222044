"""Makes inputs/ and private/ from the digits that scikit-learn ships: `python make_data.py`; needs scikit-learn, scipy.

Every image is turned, scaled, moved, changed in contrast and given noise, each with numbers of its own, so that no
image of the task is one of the collection's.
"""

from pathlib import Path

import numpy as np
from scipy.ndimage import affine_transform
from sklearn.datasets import load_digits

LABELLED = 30
"""Images of each digit that programs get with their labels; all others are hidden."""
DEGREES, SCALE, MOVE, CONTRAST, NOISE = 14.0, 0.12, 0.7, 0.2, 0.06
"""Largest turn, change of size, move in pixels, change of contrast; standard deviation of the noise, of full ink."""


def distorted(image, generator):
    """One image of shape (8, 8) with ink from 0 to 1, drawn anew."""
    angle = np.deg2rad(generator.uniform(-DEGREES, DEGREES))
    stretch = 1.0 + generator.uniform(-SCALE, SCALE, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / stretch
    middle = np.array([3.5, 3.5])
    offset = middle - turn @ (middle + generator.uniform(-MOVE, MOVE, 2))
    image = affine_transform(image, turn, offset=offset, order=1)
    image = image * (1.0 + generator.uniform(-CONTRAST, CONTRAST)) + generator.normal(0.0, NOISE, image.shape)
    return np.clip(image, 0.0, 1.0)


def main():
    digits = load_digits()
    generator = np.random.default_rng(20_260)
    order = generator.permutation(len(digits.target))
    images = np.stack([distorted(digits.images[index] / 16.0, generator) for index in order])
    pixels, labels = np.round(images * 255.0).astype(np.uint8), digits.target[order].astype(np.int64)
    rank = np.array([np.count_nonzero(labels[:place] == label) for place, label in enumerate(labels)])
    shown = rank < LABELLED
    root = Path(__file__).parent
    for folder in ("inputs/train", "inputs/predict", "private"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    np.save(root / "inputs/train/images.npy", pixels[shown])
    np.save(root / "inputs/train/labels.npy", labels[shown])
    np.save(root / "inputs/predict/images.npy", pixels[~shown])
    np.save(root / "private/labels.npy", labels[~shown])


if __name__ == "__main__":
    main()
