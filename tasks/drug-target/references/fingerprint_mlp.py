"""A network of two hidden layers on the fingerprints of both, side by side."""

import re
import zlib

import numpy as np
import torch
from torch import nn

WIDTH = 64
EPOCHS = 12
BATCH = 64
LEARNING_RATE = 0.001
WEIGHT_DECAY = 0.01
DROPOUT = 0.2

SMILES_TOKEN = re.compile(r"\[[^\]]+\]|Br|Cl|@@|%\d\d|.")
DRUG_BINS, TARGET_BINS = 512, 512
ORDERS, KMER = (1, 2, 3, 4, 5), 3


def bucket(text, size):
    """A number from 0 to size - 1 that depends on the text alone."""
    return zlib.crc32(text.encode()) % size


def fingerprints(drugs):
    """Which hashed n-grams of SMILES tokens each drug has, 0 or 1, shape (drugs, DRUG_BINS)."""
    bits = np.zeros((len(drugs), DRUG_BINS), dtype=np.float32)
    for row, smiles in enumerate(drugs):
        tokens = SMILES_TOKEN.findall(smiles)
        for order in ORDERS:
            for place in range(len(tokens) - order + 1):
                bits[row, bucket(" ".join(tokens[place : place + order]), DRUG_BINS)] = 1.0
    return bits


def kmer_counts(targets):
    """Counts of hashed k-mers, as their square roots, shape (targets, TARGET_BINS)."""
    counts = np.zeros((len(targets), TARGET_BINS), dtype=np.float32)
    for row, sequence in enumerate(targets):
        for place in range(len(sequence) - KMER + 1):
            counts[row, bucket(sequence[place : place + KMER], TARGET_BINS)] += 1.0
    return np.sqrt(counts)


class Network(nn.Module):
    """Logits of pairs."""

    def __init__(self, scale=1):
        super().__init__()
        width = 2 * WIDTH * scale
        self.layers = nn.Sequential(nn.Linear(DRUG_BINS + TARGET_BINS, width), nn.ReLU(), nn.Dropout(DROPOUT),
                                    nn.Linear(width, width // 2), nn.ReLU(), nn.Linear(width // 2, 1))

    def forward(self, drug_x, target_x):
        """Shapes (batch, drug bins) and (batch, target bins) to (batch,)."""
        return self.layers(torch.cat([drug_x, target_x], dim=1)).squeeze(1)


def train(network, drug_x, target_x, pairs, labels, setting):
    """Fit the network to labelled pairs."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    network, optimiser = setting.prepare(network, optimiser)
    generator = torch.Generator().manual_seed(setting.seed)
    network.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(pairs), generator=generator).split(BATCH):
            rows = setting.share(batch)
            logits = network(drug_x[pairs[rows, 0]], target_x[pairs[rows, 1]])
            loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), labels[rows])
            optimiser.zero_grad()
            setting.backward(loss)
            optimiser.step()


def on_device(array, setting):
    """The array as a tensor where the network is."""
    return torch.from_numpy(array).to(setting.device)


def fit(drugs, targets, pairs, labels, setting):
    """The network's weights."""
    network = Network(setting.scale).to(setting.device)
    drug_x, target_x = on_device(fingerprints(drugs), setting), on_device(kmer_counts(targets), setting)
    train(network, drug_x, target_x, on_device(pairs, setting), on_device(labels, setting).float(), setting)
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}


def predict(state, drugs, targets, pairs, setting):
    """Probabilities of pairs, shape (pairs,)."""
    network = Network(setting.scale).to(setting.device)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    network.eval()
    drug_x, target_x = on_device(fingerprints(drugs), setting), on_device(kmer_counts(targets), setting)
    with torch.no_grad():
        logits = [network(drug_x[part[:, 0]], target_x[part[:, 1]]) for part in on_device(pairs, setting).split(4096)]
    return torch.cat(logits).sigmoid().cpu().numpy()
