import torch


def train(accelerator, x, y):
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    inputs, targets = torch.tensor(x).unsqueeze(1), torch.tensor(y).unsqueeze(1)
    prepared = accelerator.prepare(model)
    optimizer = accelerator.prepare(torch.optim.SGD(prepared.parameters(), lr=0.4))
    for _ in range(40):
        loss = torch.nn.functional.mse_loss(prepared(inputs), targets)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
    return accelerator.unwrap_model(prepared)


def predict(slope, x):
    return [slope * value for value in x]
