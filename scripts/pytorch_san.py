"""SAN as published by its authors, in PyTorch, for comparison with GEM Live.

Every corner of the fusion runs the whole MLP, as in the published code; no identity is used.

    python pytorch_san.py check INPUTS.safetensors WEIGHTS.safetensors   # event, blur, latent
    python pytorch_san.py time 288x192 4 --runs 5                        # one line of JSON
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import DeformConv2d

LEVELS = [(16, 5), (32, 3), (64, 3), (128, 3), (128, 3)]


def conv(inputs, outputs, k):
    return nn.Conv2d(inputs, outputs, k, padding=k // 2)


class Two(nn.Module):
    """Two convolutions, each with a ReLU."""

    def __init__(self, inputs, outputs, k):
        super().__init__()
        self.conv1, self.conv2 = conv(inputs, outputs, k), conv(outputs, outputs, k)

    def forward(self, x, skip=0.0):
        return self.conv2(self.conv1(x).relu() + skip).relu()


class Encoder(Two):
    def __init__(self, inputs):
        super().__init__(inputs, 16, 7)
        for i in range(1, 5):
            self.add_module(f"down{i}", Two(LEVELS[i - 1][0], LEVELS[i][0], 5 if i == 1 else 3))

    def forward(self, x):
        features = [super().forward(x)]
        for i in range(1, 5):
            features.append(getattr(self, f"down{i}")(F.avg_pool2d(features[-1], 2)))
        return features


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        for i, (a, b) in enumerate([(128, 128), (128, 64), (64, 32), (32, 16)], 1):
            self.add_module(f"up{i}", Two(a, b, 3))
        self.conv = conv(16, 3, 3)

    def forward(self, features):
        x = features[4]
        for i in range(1, 5):
            larger = F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
            x = getattr(self, f"up{i}")(larger, features[4 - i])
        return self.conv(x)


def centres(n, device):
    return (torch.arange(n, device=device, dtype=torch.float64) * 2 + 1) / n - 1


class Corners(nn.Module):
    """The local implicit function: an MLP on event and image features at four corners."""

    def __init__(self, c):
        super().__init__()
        layers = [nn.Linear(2 * c + 4, c)]
        for _ in range(3):
            layers += [nn.ReLU(), nn.Linear(c, c)]
        self.imnet = nn.Module()
        self.imnet.layers = nn.Sequential(*layers)

    def axis(self, pixels, cells, side, device):
        """Nearest event and image sample of every pixel, and its distance in event cells."""
        at = centres(pixels, device)
        query = (at + side / cells + 1e-6).clamp(-1 + 1e-6, 1 - 1e-6)
        near = [(((query + 1) * n - 1) / 2).round().long().clamp(0, n - 1) for n in (cells, pixels)]
        return near[0], near[1], ((at - centres(cells, device)[near[0]]) * cells).float()

    def forward(self, events, image):
        (n, _, h, w), (cells_y, cells_x) = image.shape, events.shape[-2:]
        results, areas = [], []
        for side_y in (-1, 1):
            ey, iy, dy = self.axis(h, cells_y, side_y, image.device)
            for side_x in (-1, 1):
                ex, ix, dx = self.axis(w, cells_x, side_x, image.device)
                place = torch.stack([dy[:, None].expand(h, w), dx[None, :].expand(h, w)])
                cell = image.new_tensor([2 * cells_y / h, 2 * cells_x / w])
                parts = [
                    events[:, :, ey][..., ex],
                    place.expand(n, -1, -1, -1).to(image.dtype),
                    cell[None, :, None, None].expand(n, -1, h, w),
                    image[:, :, iy][..., ix],
                ]
                rows = torch.cat(parts, 1).permute(0, 2, 3, 1).flatten(0, 2)
                results.append(self.imnet.layers(rows).view(n, h, w, -1))
                areas.append((dy[:, None] * dx[None, :]).abs() + 1e-9)
        total = sum(areas)
        weights = [(a / total).to(image.dtype)[..., None] for a in reversed(areas)]
        blend = sum(r * w for r, w in zip(results, weights))
        return blend.permute(0, 3, 1, 2)


class Modulated(DeformConv2d):
    def __init__(self, c, k):
        super().__init__(c, c, k, padding=k // 2)
        self.conv_offset_mask = conv(c, 3 * k * k, k)

    def forward(self, x):
        # Under autocast, maps have another dtype than weights, which torchvision rejects.
        given, x = self.conv_offset_mask(x).to(self.weight.dtype), x.to(self.weight.dtype)
        n = 2 * self.kernel_size[0] ** 2
        return super().forward(x, given[:, :n].contiguous(), given[:, n:].sigmoid())


class Fusion(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.mlp, self.dcn = Corners(c), Modulated(c, k)

    def forward(self, events, image):
        return self.dcn(self.mlp(events, image).contiguous())


class San(nn.Module):
    """event (N, 96, h, w), blur (N, 3, H, W) -> latent and ratio, both (N, 3, H, W)."""

    def __init__(self):
        super().__init__()
        self.im_enc, self.ev_enc, self.dec = Encoder(3), Encoder(96), Decoder()
        for i, (c, k) in enumerate(LEVELS, 1):
            self.add_module(f"msff{i}", Fusion(c, k))

    def forward(self, event, blur):
        pairs = enumerate(zip(self.ev_enc(event), self.im_enc(2 * blur - 1)), 1)
        ratio = F.softplus(self.dec([getattr(self, f"msff{i}")(e, m) for i, (e, m) in pairs]))
        return blur * ratio, ratio


def measure(size, scale, runs, threads):
    if threads:
        torch.set_num_threads(threads)
    width, height = map(int, size.split("x"))
    net = San().eval()
    event = torch.randint(0, 3, (1, 96, round(height / scale), round(width / scale))).float()
    blur = torch.rand(1, 3, height, width)
    times = []
    with torch.inference_mode():
        for _ in range(runs + 1):
            start = time.perf_counter()
            net(event, blur)
            times.append((time.perf_counter() - start) * 1e3)
    times = times[1:]
    print(json.dumps({
        "median_ms": statistics.median(times), "min_ms": min(times), "max_ms": max(times),
        "runs": runs, "threads": torch.get_num_threads(), "torch": torch.__version__,
    }))


def check(inputs, weights):
    from safetensors.torch import load_file  # only this command needs it

    net = San().eval()
    net.load_state_dict(load_file(weights))
    case = load_file(inputs)
    with torch.inference_mode():
        latent, _ = net(case["event"], case["blur"])
    print(json.dumps({"largest_difference": (latent - case["latent"]).abs().max().item()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    timing = commands.add_parser("time")
    timing.add_argument("size")
    timing.add_argument("scale", type=float)
    timing.add_argument("--runs", type=int, default=5)
    timing.add_argument("--threads", type=int, default=0)
    checking = commands.add_parser("check")
    checking.add_argument("inputs")
    checking.add_argument("weights")
    options = parser.parse_args()
    if options.command == "time":
        measure(options.size, options.scale, options.runs, options.threads)
    else:
        check(options.inputs, options.weights)
