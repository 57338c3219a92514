"""SAN in PyTorch, in the published form: every layer of the fusion at each of four corners.

Written for comparison with the CUDA engine: `check(folder)` compares with golden passes, the rest
measures. Needs torch and torchvision.
"""
import struct
import json
import pathlib
import time

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import deform_conv2d

CHANNELS = (16, 32, 64, 128, 128)


def pair(cin, cout, k):
    return nn.ModuleDict({"conv1": nn.Conv2d(cin, cout, k, padding=k // 2),
                          "conv2": nn.Conv2d(cout, cout, k, padding=k // 2)})


class Encoder(nn.Module):
    def __init__(self, cin):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(cin, 16, 7, padding=3), nn.Conv2d(16, 16, 7, padding=3)
        for i, k in enumerate((5, 3, 3, 3)):
            setattr(self, f"down{i + 1}", pair(CHANNELS[i], CHANNELS[i + 1], k))

    def forward(self, x):
        features = [F.relu(self.conv2(F.relu(self.conv1(x))))]
        for i in range(1, 5):
            layer = getattr(self, f"down{i}")
            x = F.relu(layer["conv1"](F.avg_pool2d(features[-1], 2)))
            features.append(F.relu(layer["conv2"](x)))
        return features


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        for i in range(4):
            setattr(self, f"up{i + 1}", pair(CHANNELS[4 - i], CHANNELS[3 - i], 3))
        self.conv = nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, features):
        x = features[4]
        for i in range(4):
            layer = getattr(self, f"up{i + 1}")
            x = F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
            x = F.relu(layer["conv2"](F.relu(layer["conv1"](x)) + features[3 - i]))
        return self.conv(x)


def axis(pixels, cells, side, device):
    """Per pixel of an axis: event sample, image sample and relative position of one corner."""
    centre = -1 + (2 * torch.arange(pixels, dtype=torch.float64, device=device) + 1) / pixels
    query = (centre + side / cells + 1e-6).clamp(-1 + 1e-6, 1 - 1e-6)
    nearest = lambda n: torch.round(((query + 1) * n - 1) / 2).long().clamp(0, n - 1)
    event = nearest(cells)
    relative = (centre - (-1 + (2 * event + 1) / cells)) * cells
    return event, nearest(pixels), relative.float()


class Fusion(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        layers = [nn.Linear(2 * c + 4, c), nn.ReLU(), nn.Linear(c, c), nn.ReLU(), nn.Linear(c, c),
                  nn.ReLU(), nn.Linear(c, c)]
        self.mlp = nn.ModuleDict({"imnet": nn.ModuleDict({"layers": nn.Sequential(*layers)})})
        self.dcn = Deformable(c, k)

    def forward(self, event, image):
        n, c, height, width = image.shape
        rows, columns = event.shape[-2:]
        ys = [axis(height, rows, side, image.device) for side in (-1, 1)]
        xs = [axis(width, columns, side, image.device) for side in (-1, 1)]
        cell = torch.tensor([2 * rows / height, 2 * columns / width], device=image.device,
                            dtype=image.dtype).view(1, 2, 1, 1).expand(n, 2, height, width)
        values, areas = [], []
        for event_y, image_y, relative_y in ys:
            for event_x, image_x, relative_x in xs:
                relative = torch.stack([relative_y[:, None].expand(height, width),
                                        relative_x[None].expand(height, width)])
                z = torch.cat([event[:, :, event_y][:, :, :, event_x],
                               relative.to(image.dtype).expand(n, 2, height, width), cell,
                               image[:, :, image_y][:, :, :, image_x]], 1)
                z = self.mlp["imnet"]["layers"](z.permute(0, 2, 3, 1).reshape(-1, 2 * c + 4))
                values.append(z.view(n, height, width, c))
                areas.append((relative_y[:, None] * relative_x[None]).abs() + 1e-9)
        total = sum(areas)
        blend = sum(v * (a / total)[None, :, :, None].to(v.dtype)
                    for v, a in zip(values, reversed(areas)))
        return self.dcn(blend.permute(0, 3, 1, 2).contiguous())


class Deformable(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.k = k
        self.weight, self.bias = nn.Parameter(torch.randn(c, c, k, k) / (c * k * k) ** 0.5), nn.Parameter(torch.zeros(c))
        self.conv_offset_mask = nn.Conv2d(c, 3 * k * k, k, padding=k // 2)

    def forward(self, x):
        given, split = self.conv_offset_mask(x), 2 * self.k * self.k
        # torchvision takes one number format for all.
        dtype = given.dtype
        return deform_conv2d(x.to(dtype), given[:, :split].contiguous(), self.weight.to(dtype),
                             self.bias.to(dtype), padding=self.k // 2,
                             mask=torch.sigmoid(given[:, split:]))


class San(nn.Module):
    def __init__(self):
        super().__init__()
        self.im_enc, self.ev_enc, self.dec = Encoder(3), Encoder(96), Decoder()
        for i, c in enumerate(CHANNELS):
            setattr(self, f"msff{i + 1}", Fusion(c, 3 if i else 5))

    def forward(self, event, blur):
        features = zip(self.ev_enc(event), self.im_enc((blur - 0.5) / 0.5))
        fused = [getattr(self, f"msff{i + 1}")(e, m) for i, (e, m) in enumerate(features)]
        return blur * F.softplus(self.dec(fused))


def read_safetensors(path):
    raw = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    header.pop("__metadata__", None)
    body = bytearray(raw[8 + length:])
    take = lambda t: torch.frombuffer(body, dtype=torch.float32, offset=t["data_offsets"][0],
                                      count=(t["data_offsets"][1] - t["data_offsets"][0]) // 4)
    return {name: take(t).view(t["shape"]) for name, t in header.items() if t["dtype"] == "F32"}


def check(folder, device):
    """The largest difference from the golden passes; a definition that is off must not be timed."""
    state = torch.load(pathlib.Path(folder) / "san.ckpt", map_location="cpu", weights_only=False)["state_dict"]
    model = San()
    model.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("model.")})
    model = model.to(device).eval()
    worst = 0.0
    for k in range(4):
        golden = {n: t.to(device) for n, t in
                  read_safetensors(pathlib.Path(folder) / f"forward_{k}.safetensors").items()}
        with torch.no_grad():
            off = (model(golden["event"], golden["blur"]) - golden["latent"]).abs().max().item()
        worst = max(worst, off)
    return worst


def median_ms(f, repeats):
    for _ in range(3):
        f()
    times = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        start = time.perf_counter()
        f()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1e3)
    return sorted(times)[repeats // 2]


def ceilings():
    """What the card reaches: half-precision products per second, and bytes per second."""
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.float16)
    products = 8192 ** 3 / (median_ms(lambda: a @ a, 10) / 1e3)
    b = torch.empty(1 << 28, device="cuda", dtype=torch.float32).normal_()
    c = torch.empty_like(b)
    return products, 2 * b.numel() * 4 / (median_ms(lambda: c.copy_(b), 10) / 1e3)


def measure(image, sensor, repeats=10):
    """Milliseconds on the card: eager in single precision, torch.compile in half."""
    torch.manual_seed(0)
    model = San().cuda().eval()
    event = torch.rand(1, 96, sensor[1], sensor[0], device="cuda")
    blur = torch.rand(1, 3, image[1], image[0], device="cuda")
    with torch.no_grad():
        eager = median_ms(lambda: model(event, blur), repeats)
        compiled = torch.compile(model)
        with torch.autocast("cuda", torch.float16):
            half = median_ms(lambda: compiled(event, blur), repeats)
    return eager, half
