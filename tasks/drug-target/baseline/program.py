"""Bilinear attention between the pieces of a drug and the segments of a target, in the manner of DrugBAN (2023).

A drug is read as overlapping pieces of its SMILES, a target as segments of its sequence. Every glimpse weighs all pairs
of piece and segment and pools their bilinear features; a small classifier reads the glimpses' sum.
"""

import re
import zlib

import numpy as np
import torch
from torch import nn

PIECES = 40
"""Positions of a SMILES that are read; longer ones are cut."""
ORDERS = (1, 2, 4)
"""Lengths, in SMILES tokens, of the pieces that begin at a position."""
VOCABULARY = 1024
"""Rows of the table that pieces are hashed into; row 0 is padding."""
SEGMENTS = 12
KMER = 3
KMER_BINS = 512
WIDTH = 32
GLIMPSES = 2
EPOCHS = 12
BATCH = 64
LEARNING_RATE = 0.003
WEIGHT_DECAY = 0.01
DROPOUT = 0.1

SMILES_TOKEN = re.compile(r"\[[^\]]+\]|Br|Cl|@@|%\d\d|.")


def bucket(text, size):
    """A number from 0 to size - 1 that depends on the text alone."""
    return zlib.crc32(text.encode()) % size


def drug_features(drugs):
    """Hashed pieces of each SMILES, shape (drugs, PIECES, orders), 0 where there is none."""
    features = np.zeros((len(drugs), PIECES, len(ORDERS)), dtype=np.int64)
    for row, smiles in enumerate(drugs):
        tokens = SMILES_TOKEN.findall(smiles)[:PIECES]
        for place in range(len(tokens)):
            for column, order in enumerate(ORDERS):
                if place + order <= len(tokens):
                    piece = " ".join(tokens[place : place + order])
                    features[row, place, column] = 1 + bucket(piece, VOCABULARY - 1)
    return features


def residue_code(sequence):
    """The letters that k-mers are made of."""
    return sequence


def target_features(targets):
    """Counts of hashed k-mers in each segment, shape (targets, SEGMENTS, KMER_BINS)."""
    counts = np.zeros((len(targets), SEGMENTS, KMER_BINS), dtype=np.float32)
    for row, sequence in enumerate(targets):
        code = residue_code(sequence)
        last = len(code) - KMER + 1
        for place in range(last):
            counts[row, place * SEGMENTS // last, bucket(code[place : place + KMER], KMER_BINS)] += 1.0
    return counts


class Network(nn.Module):
    """Logits of pairs, from the features of their drugs and their targets."""

    def __init__(self, scale=1):
        super().__init__()
        width = WIDTH * scale
        self.pieces = nn.Embedding(VOCABULARY, width, padding_idx=0)
        self.drug = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU())
        self.target = nn.Sequential(nn.Linear(KMER_BINS, width), nn.LayerNorm(width), nn.ReLU())
        self.attend = nn.Parameter(torch.randn(GLIMPSES, width) / width**0.5)
        self.joint_drug, self.joint_target = nn.Linear(width, width), nn.Linear(width, width)
        self.classify = nn.Sequential(nn.LayerNorm(width), nn.Dropout(DROPOUT), nn.Linear(width, 2 * width), nn.ReLU(),
                                      nn.Linear(2 * width, 1))

    def forward(self, drug_x, target_x):
        """Shapes (batch, pieces, orders) and (batch, segments, bins) to (batch,)."""
        present = (drug_x[:, :, 0] > 0).unsqueeze(2)
        drug = self.drug(self.pieces(drug_x).sum(dim=2)) * present
        target = self.target(target_x)
        left, right = torch.relu(self.joint_drug(drug)), torch.relu(self.joint_target(target))
        scores = (left.unsqueeze(1) * self.attend[:, None, :]) @ right.unsqueeze(1).transpose(2, 3)
        scores = scores.masked_fill(~present.unsqueeze(1), -1e4)
        weights = scores.flatten(2).softmax(dim=2).view_as(scores).sum(dim=1)
        joint = (left * (weights @ right)).sum(dim=1)
        return self.classify(joint).squeeze(1)


def step_size(step, steps):
    """The learning rate's factor at a step."""
    return 1.0


def loss_of(logits, labels):
    """What training minimises, a scalar."""
    return nn.functional.binary_cross_entropy_with_logits(logits, labels)


def batch_of(drug_x, target_x, pairs, rows):
    """What the network sees of some pairs while it learns: shapes (batch, pieces, orders), (batch, segments, bins)."""
    drug_batch = drug_x[pairs[rows, 0]]
    target_batch = target_x[pairs[rows, 1]]
    return drug_batch, target_batch


def train(network, drug_x, target_x, pairs, labels, setting):
    """Fit the network to labelled pairs."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    network, optimiser = setting.prepare(network, optimiser)
    generator = torch.Generator().manual_seed(setting.seed)
    batches = -(-len(pairs) // BATCH)
    network.train()
    for step in range(EPOCHS * batches):
        if step % batches == 0:
            order = torch.randperm(len(pairs), generator=generator)
        rows = setting.share(order[step % batches * BATCH :][:BATCH])
        logits = network(*batch_of(drug_x, target_x, pairs, rows))
        loss = loss_of(logits.float(), labels[rows])
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * step_size(step, EPOCHS * batches)
        optimiser.zero_grad()
        setting.backward(loss)
        optimiser.step()
    return network


def fit(drugs, targets, pairs, labels, setting):
    """Arrays that predict() needs, learned from labelled pairs."""
    drug_x = torch.from_numpy(drug_features(drugs)).to(setting.device)
    target_x = torch.from_numpy(target_features(targets)).to(setting.device)
    pairs = torch.from_numpy(pairs).to(setting.device)
    labels = torch.from_numpy(labels).float().to(setting.device)
    network = Network(setting.scale).to(setting.device)
    train(network, drug_x, target_x, pairs, labels, setting)
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}


def predict(state, drugs, targets, pairs, setting):
    """Scores of pairs, shape (pairs,); larger means more likely to interact."""
    network = Network(setting.scale).to(setting.device)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    network.eval()
    drug_x = torch.from_numpy(drug_features(drugs)).to(setting.device)
    target_x = torch.from_numpy(target_features(targets)).to(setting.device)
    pairs = torch.from_numpy(pairs).to(setting.device)
    with torch.no_grad():
        logits = [network(drug_x[part[:, 0]], target_x[part[:, 1]]) for part in pairs.split(1024)]
    return torch.cat(logits).sigmoid().cpu().numpy()
