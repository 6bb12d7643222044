"""A convolutional network, trained by AdamW with a falling learning rate."""

import math

import numpy as np
import torch
from torch import nn

MEMBERS = 1
"""Networks that are trained from different beginnings and asked together."""
EPOCHS = 60
BATCH = 32
WIDTH = 32
RATE = 0.1
TEMPERATURE = 1.0
"""Scores are divided by it: above 1 makes predictions less sure of themselves."""


def convolutional_network(channels=16, hidden=64):
    """Two layers of 3 x 3 filters, each with pooling or a stride, and a fully connected one."""
    network = nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(channels, 2 * channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(8 * channels, hidden), nn.ReLU(), nn.Linear(hidden, 10),
    )
    return network


def adamw(network, rate=0.003, decay=0.01):
    """AdamW over all weights."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
    return optimizer


def cosine_rate(optimizer, progress, floor=0.01):
    """The optimizer with its learning rate on a cosine; `progress` runs from 0 to 1."""
    share = floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * progress))
    for group in optimizer.param_groups:
        group.setdefault("first_rate", group["lr"])
        group["lr"] = share * group["first_rate"]
    return optimizer


def prepare(images):
    """Pixels as a tensor of shape (n, 1, 8, 8) with ink from 0 to 1."""
    pixels = torch.from_numpy(np.asarray(images, dtype=np.float32)) / 255.0
    pixels = pixels.unsqueeze(1)
    return pixels


def build_network():
    """A network from (n, 1, 8, 8) to ten scores each."""
    network = convolutional_network()
    return network


def make_optimizer(network):
    """What changes the weights after each batch."""
    optimizer = adamw(network)
    return optimizer


def measure_loss(scores, targets):
    """Cross entropy against targets that are probabilities, shape (n, 10) both."""
    loss = -(targets * torch.log_softmax(scores, dim=1)).sum(dim=1).mean()
    return loss


def fit(network, pixels, targets):
    """The network after EPOCHS passes over shuffled batches."""
    optimizer = make_optimizer(network)
    network.train()
    for epoch in range(EPOCHS):
        progress = epoch / EPOCHS
        optimizer = cosine_rate(optimizer, progress)
        for chosen in torch.randperm(len(pixels)).split(BATCH):
            batch, wanted = pixels[chosen], targets[chosen]
            loss = measure_loss(network(batch), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


def train(images, labels, held_images, held_labels):
    """Weights by name as numpy arrays, from images of shape (n, 8, 8) and labels of shape (n,)."""
    pixels, held_pixels = prepare(images), prepare(held_images)
    targets = torch.eye(10)[torch.from_numpy(labels)]
    held_targets = torch.eye(10)[torch.from_numpy(held_labels)]
    weights = {}
    for member in range(MEMBERS):
        network = build_network()
        network = fit(network, pixels, targets)
        weights |= {f"{member}.{name}": value.numpy() for name, value in network.state_dict().items()}
    return weights


def ask(network, pixels):
    """Ten scores for each image."""
    scores = network(pixels)
    return scores


def predict(weights, images):
    """Probabilities of the ten digits, shape (n, 10), with the weights that train() returned."""
    pixels = prepare(images)
    total = torch.zeros(len(pixels), 10)
    for member in range(MEMBERS):
        network = build_network()
        network.load_state_dict({name.partition(".")[2]: torch.from_numpy(value) for name, value in weights.items()
                                 if name.startswith(f"{member}.")})
        network.eval()
        with torch.no_grad():
            scores = ask(network, pixels)
        total = total + torch.softmax(scores / TEMPERATURE, dim=1)
    return (total / MEMBERS).numpy()
