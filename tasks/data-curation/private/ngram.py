"""A byte model for the proxy stage: interpolated 6-grams with Witten-Bell smoothing (Witten and Bell 1991)."""

import numpy as np

ORDER = 6


class ByteModel:
    """p(c | h) = (count(h c) + kinds(h) p(c | shorter h)) / (count(h) + kinds(h)), down to a uniform distribution.

    count(h) is how often a history of up to five bytes was seen, kinds(h) how many different bytes followed it.
    """

    def __init__(self, data: bytes) -> None:
        """Count all n-grams of the training data."""
        array = np.frombuffer(data, dtype=np.uint8).astype(np.uint64)
        self._tables = []
        for order in range(1, ORDER + 1):
            grams, counts = np.unique(_windows(array, order), return_counts=True)
            histories, first = np.unique(grams >> np.uint64(8), return_index=True)
            kinds = np.diff(np.append(first, len(grams)))
            totals = np.add.reduceat(counts, first) if len(first) else counts
            self._tables.append((grams, counts, histories, kinds, totals))

    def log2(self, data: bytes) -> np.ndarray:
        """log2 of each byte's probability given the bytes before it, shape (len(data),)."""
        padded = np.frombuffer(b"\0" * (ORDER - 1) + data, dtype=np.uint8).astype(np.uint64)
        # Sorted queries find their places several times faster.
        windows, back = np.unique(_windows(padded, ORDER), return_inverse=True)
        probability = np.full(len(windows), 1.0 / 256.0)
        for order, (grams, counts, histories, kinds, totals) in enumerate(self._tables, 1):
            gram = windows & np.uint64((1 << (8 * order)) - 1)
            seen = _looked_up(grams, counts, gram)
            kind, total = (_looked_up(histories, values, gram >> np.uint64(8)) for values in (kinds, totals))
            known = total > 0
            mixed = (seen + kind * probability) / np.maximum(total + kind, 1)
            probability = np.where(known, mixed, probability)
        return np.log2(probability)[back]

    def log2_of_ends(self, fragments: list[tuple[bytes, bytes]]) -> np.ndarray:
        """log2 of the probability of the second part of each fragment given the first, shape (len(fragments),)."""
        known = [(before[-(ORDER - 1):].rjust(ORDER - 1, b"\0"), end) for before, end in fragments]
        sums = np.concatenate(([0.0], np.cumsum(self.log2(b"".join(before + end for before, end in known)))))
        ends = np.cumsum([len(before) + len(end) for before, end in known])
        return sums[ends] - sums[ends - np.array([len(end) for _, end in known])]


def _windows(array: np.ndarray, size: int) -> np.ndarray:
    """Each run of `size` bytes as one number."""
    count = max(len(array) - size + 1, 0)
    windows = np.zeros(count, dtype=np.uint64)
    for at in range(size):
        windows = (windows << np.uint64(8)) | array[at:at + count]
    return windows


def _looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value of each wanted key, 0 for those that are not there."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
