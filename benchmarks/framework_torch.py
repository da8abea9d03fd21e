"""The network of scripts/landmark_56.flags in PyTorch, for `benchmarks.frameworks`.

Runs in an environment with PyTorch alone; makes as many steps as each line on standard
input asks for, on one batch of random numbers, and prints the seconds that they took.
"""

import sys
import time

import torch
from torch import nn

BATCH, SIZE, POINTS, BINS = 32, 56, 68, 168
WING_W, WING_EPS, BINS_WEIGHT, DEVIATION = 0.18, 0.036, 0.02, 1.5


def conv(inputs, outputs, stride=1, is_rectified=True):
    """A 3x3 convolution with batch norm."""
    layers = [
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *[nn.ReLU()] * is_rectified)


class Block(nn.Module):
    """Two convolutions, added to what comes in."""

    def __init__(self, width):
        super().__init__()
        self.residual = nn.Sequential(
            conv(width, width), conv(width, width, is_rectified=False)
        )

    def forward(self, net):
        return torch.relu(net + self.residual(net))


class Network(nn.Module):
    """nets.resnet_simcc at a depth multiplier of 2, as its recipe has it."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            *(conv(3, 32, 2), Block(32)),
            *(conv(32, 64, 2), Block(64), conv(64, 96, 2), Block(96)),
            nn.Conv2d(96, POINTS, 3, 1, 1),
        )
        self.token, self.bins = nn.Linear(49, 128), nn.Linear(128, 2 * BINS)
        centres = (torch.arange(BINS) + 0.5) / BINS * 1.5 - 0.25
        self.register_buffer("centres", centres)

    def forward(self, images):
        tokens = torch.relu(self.token(self.trunk(images).flatten(2)))
        logits = self.bins(tokens).view(-1, POINTS, 2, BINS)
        return logits, logits.softmax(-1) @ self.centres


def measure_loss(logits, points, truth, centres):
    """The wing loss, and the cross-entropy of the bins."""
    error = (points - truth).abs()
    offset = WING_W - WING_W * torch.log(torch.tensor(1 + WING_W / WING_EPS))
    curve = WING_W * torch.log(1 + error / WING_EPS)
    wing = torch.where(error < WING_W, curve, error - offset).mean()
    width = DEVIATION * (centres[1] - centres[0])
    target = (-0.5 * ((centres - truth[..., None]) / width) ** 2).softmax(-1)
    return wing - BINS_WEIGHT * (target * logits.log_softmax(-1)).sum(-1).mean()


def main():
    torch.manual_seed(0)
    network = Network().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), 0.005, weight_decay=0.05)
    images = torch.rand(BATCH, 3, SIZE, SIZE).to(memory_format=torch.channels_last)
    truth = torch.rand(BATCH, POINTS, 2)
    print(sum(p.numel() for p in network.parameters()), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            logits, points = network(images)
            loss = measure_loss(logits, points, truth, network.centres)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()  # A training looks at its loss.
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
