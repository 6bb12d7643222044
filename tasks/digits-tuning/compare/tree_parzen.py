"""What a tuner does: a space that a person declared from the notes, searched by Optuna's TPE with cross-validation.

Needs optuna (`pip install 'evolver[tune]'`). `benchmarks/tuning.py` sets CHOSEN and searches from outside.
"""

import json
import math

import numpy as np
import torch
from evolver_trial import time_left
from torch import nn
from torch.nn import functional

CHOSEN = None
"""A configuration to train with, in the place of a search."""
FOLDS = 3
KEPT = 0.15
"""Share of the time that is kept for training with the winner."""
SPACE = {
    "kind": ["dense", "convolutional", "normalised"],
    "width": (8, 32, "int log"),
    "drop": (0.0, 0.5, "float"),
    "rate": (5e-4, 3e-2, "float log"),
    "decay": (1e-4, 1e-1, "float log"),
    "epochs": (20, 150, "int log"),
    "batch": [8, 16, 32, 64],
    "falling": [False, True],
    "smooth": (0.0, 0.2, "float"),
    "turn": (0.0, 0.4, "float"),
    "stretch": (0.0, 0.3, "float"),
    "move": (0.0, 0.3, "float"),
    "members": (1, 4, "int"),
}


def default():
    """Where every search begins: near the task's baseline."""
    return {"kind": "dense", "width": 8, "drop": 0.0, "rate": 3e-3, "decay": 1e-4, "epochs": 60, "batch": 32,
            "falling": False, "smooth": 0.0, "turn": 0.0, "stretch": 0.0, "move": 0.0, "members": 1}


def suggest(trial):
    """A configuration from an Optuna trial."""
    chosen = {}
    for name, values in SPACE.items():
        if isinstance(values, list):
            chosen[name] = trial.suggest_categorical(name, values)
        else:
            low, high, kind = values
            ask = trial.suggest_int if kind.startswith("int") else trial.suggest_float
            chosen[name] = ask(name, low, high, log=kind.endswith("log"))
    return chosen


def build(c):
    w = c["width"]
    if c["kind"] == "dense":
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8 * w), nn.ReLU(), nn.Dropout(c["drop"]), nn.Linear(8 * w, 10))
    if c["kind"] == "convolutional":
        return nn.Sequential(nn.Conv2d(1, w, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                             nn.Conv2d(w, 2 * w, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                             nn.Dropout(c["drop"]), nn.Linear(8 * w, 64), nn.ReLU(), nn.Linear(64, 10))
    return nn.Sequential(nn.Conv2d(1, w, 3, padding=1), nn.BatchNorm2d(w), nn.ReLU(),
                         nn.Conv2d(w, 2 * w, 3, padding=1), nn.BatchNorm2d(2 * w), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(2 * w, 2 * w, 3, padding=1), nn.BatchNorm2d(2 * w), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(c["drop"]), nn.Linear(8 * w, 10))


def warp(batch, c):
    count = len(batch)
    angle = c["turn"] * (2.0 * torch.rand(count) - 1.0)
    scale = 1.0 + c["stretch"] * (2.0 * torch.rand(count, 2) - 1.0)
    away = c["move"] * (2.0 * torch.rand(count, 2) - 1.0)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    rows = torch.stack([cosine * scale[:, 0], -sine * scale[:, 1], away[:, 0], sine * scale[:, 0],
                        cosine * scale[:, 1], away[:, 1]], dim=1)
    grid = functional.affine_grid(rows.view(count, 2, 3), list(batch.shape), align_corners=False)
    return functional.grid_sample(batch, grid, align_corners=False)


def fit(c, pixels, labels):
    network = build(c)
    optimizer = torch.optim.AdamW(network.parameters(), lr=c["rate"], weight_decay=c["decay"])
    warped = c["turn"] + c["stretch"] + c["move"] > 0.0
    network.train()
    for epoch in range(c["epochs"]):
        if c["falling"]:
            share = 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * epoch / c["epochs"]))
            optimizer.param_groups[0]["lr"] = share * c["rate"]
        for chosen in torch.randperm(len(pixels)).split(c["batch"]):
            batch = warp(pixels[chosen], c) if warped else pixels[chosen]
            loss = functional.cross_entropy(network(batch), labels[chosen], label_smoothing=c["smooth"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


@torch.no_grad()
def ask(networks, pixels):
    return sum(torch.softmax(network(pixels), dim=1) for network in networks) / len(networks)


def prepare(images):
    return torch.from_numpy(np.asarray(images, dtype=np.float32) / 255.0).unsqueeze(1)


def cross_validated(c, pixels, labels):
    """Mean negative log-likelihood over folds, one network each."""
    total = 0.0
    for fold in range(FOLDS):
        held = torch.arange(len(pixels)) % FOLDS == fold
        probabilities = ask([fit(c, pixels[~held], labels[~held])], pixels[held])
        right = probabilities[torch.arange(int(held.sum())), labels[held]]
        total += float(-torch.log(right.clamp_min(1e-7)).sum())
    return total / len(pixels)


def search(pixels, labels):
    """The best configuration that TPE finds until the time is spent."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed, whole = int(torch.randint(2**31, (1,))), time_left()
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(default())
    while time_left() > KEPT * whole:
        trial = study.ask()
        study.tell(trial, cross_validated(suggest(trial), pixels, labels))
    return study.best_params


def train(images, labels, held_images, held_labels):
    """Weights of the winner's members, trained on all labelled images, and the configuration."""
    pixels = prepare(np.concatenate([images, held_images]))
    answers = torch.from_numpy(np.concatenate([labels, held_labels]))
    c = CHOSEN or search(pixels, answers)
    networks = [fit(c, pixels, answers) for _ in range(c["members"])]
    weights = {f"{member}.{name}": value.numpy() for member, network in enumerate(networks)
               for name, value in network.state_dict().items()}
    return {**weights, "chosen": np.frombuffer(json.dumps(c).encode(), dtype=np.uint8)}


def predict(weights, images):
    """Probabilities, shape (n, 10)."""
    c = json.loads(weights["chosen"].tobytes())
    networks = []
    for member in range(c["members"]):
        network = build(c)
        network.load_state_dict({name.partition(".")[2]: torch.from_numpy(value) for name, value in weights.items()
                                 if name.startswith(f"{member}.")})
        networks.append(network.eval())
    return ask(networks, prepare(images)).numpy()
