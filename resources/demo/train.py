"""Trains the workbench's demo network and writes it with its samples.

Data: the UCI handwritten digits (E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0) in the copy that scikit-learn ships:
1,797 images of 8 x 8 pixels, values 0 to 16. Every fourth image is held out; the files hold the held-out ones.

    pip install torch==2.13.0 scikit-learn
    python resources/demo/train.py resources/demo
"""

import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn


class Digits(nn.Module):
    """Convolution stem, eight image rows as tokens, two pre-norm encoder layers with four heads, linear head."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU())
        self.embed = nn.Linear(64, width)
        self.position = nn.Parameter(torch.zeros(8, width))
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        rows = self.stem(image).permute(0, 2, 1, 3).flatten(2)
        tokens = self.encoder(self.embed(rows) + self.position)
        return self.head(self.norm(tokens).mean(1))


def train(network: nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int = 150) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, epochs * (len(images) // 64 + 1))
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            shift = tuple(torch.randint(-1, 2, (2,)).tolist())
            x = torch.roll(images[batch], shift, dims=(2, 3)) if torch.rand(1) < 0.3 else images[batch]
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x), labels[batch], label_smoothing=0.05).backward()
            optimizer.step()
            schedule.step()


def main(folder: Path) -> None:
    torch.manual_seed(7)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target, dtype=torch.int64)
    held_out = torch.arange(len(images)) % 4 == 3

    network = Digits()
    train(network, images[~held_out], labels[~held_out])
    network.eval()
    samples = images[held_out]
    with torch.no_grad():
        accuracy = (network(samples).argmax(1) == labels[held_out]).float().mean().item()
    print(f"held-out accuracy {accuracy:.4f} on {len(samples)} samples")
    assert accuracy >= 0.97

    torch.jit.script(network).save(str(folder / "digits.pt"))
    np.savez_compressed(folder / "samples.npz", image=samples.numpy())
    np.savez_compressed(folder / "labels.npz", label=labels[held_out].numpy())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
