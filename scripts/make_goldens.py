#!/usr/bin/env python3
"""Makes tests/golden: results that the engines and trainers must reproduce.

    scripts/make_goldens.py write [PYTORCH]    # writes tests/golden
    scripts/make_goldens.py check PYTORCH      # compares the network below with PyTorch's results

Needs numpy only. `San` is the published network in double precision, written from its definition
and independent of the Rust code. PYTORCH is a folder with passes of the published network in
PyTorch (san.ckpt, forward_*.safetensors, deform_conv_*.safetensors, eger_*.npz); `check` shows how
closely both agree. Weights and inputs are not stored: `hashed` makes them, and so does
`hashed_weights` in tests/common/mod.rs.
"""

import json
import pathlib
import pickle
import struct
import sys
import zipfile

import numpy as np

# Channels and kernel size of the five levels.
LEVELS = [(16, 5), (32, 3), (64, 3), (128, 3), (128, 3)]
# Passes that are stored: image height and width, event height and width.
PASSES = {"same": (32, 48, 32, 48), "half": (32, 32, 16, 16), "quarter": (64, 64, 16, 16)}


# --- The generator -----------------------------------------------------------------------------

def hashed(name, n):
    """`n` numbers from -1 (included) to 1 (excluded), multiples of 2^-23.

    Number i is lowbias32(fnv1a(name) + i * 0x9E3779B9) / 2^8 * 2^-23 - 1, in 32-bit arithmetic.
    """
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    x = (np.arange(n, dtype=np.uint64) * 0x9E3779B9 + seed) & 0xFFFFFFFF
    x ^= x >> 16
    x = x * 0x7FEB352D & 0xFFFFFFFF
    x ^= x >> 15
    x = x * 0x846CA68B & 0xFFFFFFFF
    x ^= x >> 16
    return (x >> 8).astype(np.float64) * 2.0 ** -23 - 1.0


def shapes():
    """Names and shapes of all parameters."""
    out = {}

    def both(name, *shape):
        out[name + ".weight"], out[name + ".bias"] = shape, shape[:1]

    for encoder, inputs in (("im_enc", 3), ("ev_enc", 96)):
        both(f"{encoder}.conv1", 16, inputs, 7, 7)
        both(f"{encoder}.conv2", 16, 16, 7, 7)
        for i in range(1, 5):
            k, a, b = (5 if i == 1 else 3), LEVELS[i - 1][0], LEVELS[i][0]
            both(f"{encoder}.down{i}.conv1", b, a, k, k)
            both(f"{encoder}.down{i}.conv2", b, b, k, k)
    for i, (c, k) in enumerate(LEVELS, 1):
        for layer in (0, 2, 4, 6):
            both(f"msff{i}.mlp.imnet.layers.{layer}", c, 2 * c + 4 if layer == 0 else c)
        both(f"msff{i}.dcn", c, c, k, k)
        both(f"msff{i}.dcn.conv_offset_mask", 3 * k * k, c, k, k)
    for i, (a, b) in enumerate([(128, 128), (128, 64), (64, 32), (32, 16)], 1):
        both(f"dec.up{i}.conv1", b, a, 3, 3)
        both(f"dec.up{i}.conv2", b, b, 3, 3)
    both("dec.conv", 3, 16, 3, 3)
    return out


def hashed_weights():
    """Weights of typical size: offsets of about a pixel."""
    weights = {}
    for name, shape in shapes().items():
        bound = np.sqrt(3.0 / np.prod(shape[1:])) if len(shape) > 1 else 0.3
        numbers = hashed(name, int(np.prod(shape))) * bound
        weights[name] = numbers.astype(np.float32).reshape(shape)
    return weights


def hashed_inputs(name, image, event):
    """A blurry image from 0 to 1, and counts from 0 to 3, of which most are 0."""
    blur = (hashed(name + ".blur", 3 * image[0] * image[1]) + 1) / 2
    counts = np.maximum(np.floor(hashed(name + ".event", 96 * event[0] * event[1]) * 8) - 4, 0)
    shape = lambda c, size: (c, *size)
    return counts.reshape(shape(96, event)), blur.astype(np.float32).reshape(shape(3, image))


# --- The network -------------------------------------------------------------------------------

def relu(x):
    return np.maximum(x, 0)


def taps(x, k):
    """(c, h, w) -> (c * k * k, h, w): the k x k neighbours of every pixel, zero outside."""
    c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    windows = [padded[:, dy:dy + h, dx:dx + w] for dy in range(k) for dx in range(k)]
    return np.stack(windows, 1).reshape(c * k * k, h, w)


def product(weight, columns, bias):
    matrix = weight.reshape(len(weight), -1)
    return np.tensordot(matrix, columns, 1) + bias[:, None, None]


def halve(x):
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    c, h, w = x.shape
    return x[:, :h // 2 * 2, :w // 2 * 2].reshape(c, h // 2, 2, w // 2, 2).mean((2, 4))


def cubic(n):
    """(2 n, n) matrix of the bicubic interpolation with a = -0.75, without aligned corners."""
    a = -0.75
    near = lambda d: ((a + 2) * d - (a + 3)) * d * d + 1
    far = lambda d: ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    matrix = np.zeros((2 * n, n))
    for i in range(2 * n):
        at = (i + 0.5) / 2 - 0.5
        base = int(np.floor(at))
        t = at - base
        for j, weight in ((-1, far(t + 1)), (0, near(t)), (1, near(1 - t)), (2, far(2 - t))):
            matrix[i, min(max(base + j, 0), n - 1)] += weight
    return matrix


def double(x):
    rows, columns = cubic(x.shape[1]), cubic(x.shape[2])
    return np.einsum("yi,cij,xj->cyx", rows, x, columns, optimize=True)


def corner(n, m, v):
    """Of n image pixels on one axis with m event cells: the event cell and the image pixel that
    corner v (-1 or 1) reads, and the distance from that cell in cells."""
    centre = -1 + (2 * np.arange(n) + 1) / n
    query = np.clip(centre + v / m + 1e-6, -1 + 1e-6, 1 - 1e-6)
    cell = np.clip(np.round(((query + 1) * m - 1) / 2), 0, m - 1).astype(int)
    pixel = np.clip(np.round(((query + 1) * n - 1) / 2), 0, n - 1).astype(int)
    return cell, pixel, (centre - (-1 + (2 * cell + 1) / m)) * m


def deformable(x, offset, mask, weight, bias):
    """DCNv2 with one group; taps outside of the image read zero."""
    c, h, w = x.shape
    k = weight.shape[-1]
    ys, xs = np.mgrid[:h, :w]
    columns = np.zeros((c, k * k, h, w))
    for tap in range(k * k):
        y = ys + tap // k - k // 2 + offset[2 * tap]
        z = xs + tap % k - k // 2 + offset[2 * tap + 1]
        y0, z0 = np.floor(y).astype(int), np.floor(z).astype(int)
        for a in (0, 1):
            for b in (0, 1):
                i, j = y0 + a, z0 + b
                inside = (i >= 0) & (i < h) & (j >= 0) & (j < w)
                share = (1 - abs(y - i)) * (1 - abs(z - j)) * inside * mask[tap]
                columns[:, tap] += share * x[:, np.clip(i, 0, h - 1), np.clip(j, 0, w - 1)]
    return product(weight, columns.reshape(c * k * k, h, w), bias)


class San:
    """event (96, h, w), blur (3, H, W) -> latent and ratio (3, H, W); H and W multiples of 16."""

    def __init__(self, weights):
        self.weights = {name: w.astype(np.float64) for name, w in weights.items()}

    def conv(self, name, x):
        weight = self.weights[name + ".weight"]
        return product(weight, taps(x, weight.shape[-1]), self.weights[name + ".bias"])

    def encode(self, name, x):
        x = relu(self.conv(name + ".conv2", relu(self.conv(name + ".conv1", x))))
        levels = [x]
        for i in range(1, 5):
            x = relu(self.conv(f"{name}.down{i}.conv1", halve(x)))
            x = relu(self.conv(f"{name}.down{i}.conv2", x))
            levels.append(x)
        return levels

    def mlp(self, name, event, image):
        (_, h, w), (_, H, W) = event.shape, image.shape
        total, sums = 0, 0
        corners = [(a, b) for a in (-1, 1) for b in (-1, 1)]
        parts = []
        for a, b in corners:
            (ey, iy, ry), (ex, ix, rx) = corner(H, h, a), corner(W, w, b)
            plane = lambda v: np.broadcast_to(v, (1, H, W))
            x = np.concatenate([
                event[:, ey][:, :, ex],
                plane(ry[:, None]), plane(rx[None]), plane(2 * h / H), plane(2 * w / W),
                image[:, iy][:, :, ix],
            ])
            for layer in (0, 2, 4, 6):
                at = f"{name}.imnet.layers.{layer}"
                x = product(self.weights[at + ".weight"], x, self.weights[at + ".bias"])
                x = relu(x) if layer < 6 else x
            parts.append((x, abs(ry[:, None] * rx[None]) + 1e-9))
        # Each corner is weighted by the area of the opposite one.
        for (x, _), (_, area) in zip(parts, reversed(parts)):
            sums, total = sums + x * area, total + area
        return sums / total

    def fuse(self, name, event, image):
        x = self.mlp(name + ".mlp", event, image)
        raw = self.conv(name + ".dcn.conv_offset_mask", x)
        weight = self.weights[name + ".dcn.weight"]
        n = 2 * weight.shape[-1] ** 2
        mask = 1 / (1 + np.exp(-raw[n:]))
        return deformable(x, raw[:n], mask, weight, self.weights[name + ".dcn.bias"])

    def __call__(self, event, blur):
        blur = blur.astype(np.float64)
        events = self.encode("ev_enc", event.astype(np.float64))
        images = self.encode("im_enc", 2 * blur - 1)
        fused = [self.fuse(f"msff{i}", e, m) for i, (e, m) in enumerate(zip(events, images), 1)]
        x = fused[4]
        for i in range(1, 5):
            x = relu(self.conv(f"dec.up{i}.conv1", double(x)))
            x = relu(self.conv(f"dec.up{i}.conv2", x + fused[4 - i]))
        ratio = np.logaddexp(0, self.conv("dec.conv", x))
        return blur * ratio, ratio


# --- Files -------------------------------------------------------------------------------------

def read_safetensors(path):
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    header.pop("__metadata__", None)
    data = lambda t: np.frombuffer(raw[8 + length:][slice(*t["data_offsets"])], "<f4")
    return {name: data(t).reshape(t["shape"]) for name, t in header.items()}


def write_safetensors(path, tensors):
    header, body = {}, b""
    for name, tensor in tensors.items():
        data = np.ascontiguousarray(tensor, dtype="<f4").tobytes()
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def read_checkpoint(path):
    """The weights of a checkpoint, without PyTorch and without running what it contains."""
    with zipfile.ZipFile(path) as archive:
        folder = archive.namelist()[0].split("/")[0]

        def rebuild(storage, offset, shape, stride, *_):
            items = np.frombuffer(archive.read(f"{folder}/data/{storage[2]}"), "<f4")[offset:]
            return np.lib.stride_tricks.as_strided(items, shape, [4 * s for s in stride]).copy()

        class Inert(dict):
            def __init__(self, *_, **__):
                super().__init__()

        class Loader(pickle.Unpickler):
            def persistent_load(self, pid):
                return pid

            def find_class(self, module, name):
                known = {"_rebuild_tensor_v2": rebuild, "OrderedDict": dict}
                return known.get(name, Inert)

        with archive.open(f"{folder}/data.pkl") as file:
            state = Loader(file).load()["state_dict"]
    return {name[6:]: w for name, w in state.items() if name.startswith("model.")}


def check(folder):
    """Largest differences from PyTorch's single-precision results."""
    weights = read_checkpoint(folder / "san.ckpt")
    expected = shapes()
    assert {name: w.shape for name, w in weights.items()} == expected, "other parameters"
    network = San(weights)
    for path in sorted(folder.glob("forward_*.safetensors")):
        golden = read_safetensors(path)
        got = network(golden["event"][0], golden["blur"][0])
        for name, value in zip(("latent", "ratio"), got):
            print(f"{path.name}: {name} differs by {abs(value - golden[name][0]).max():.1e}")


def write(pytorch):
    target = pathlib.Path(__file__).parent.parent / "tests/golden"
    target.mkdir(exist_ok=True)
    network = San(hashed_weights())
    for name, (height, width, event_height, event_width) in PASSES.items():
        inputs = hashed_inputs(name, (height, width), (event_height, event_width))
        latent, ratio = network(*inputs)
        write_safetensors(target / f"forward_{name}.safetensors", {"latent": latent, "ratio": ratio})
    if pytorch is None:
        return
    # Small enough to be stored as PyTorch made them.
    for path in sorted(pytorch.glob("deform_conv_*.safetensors")):
        (target / path.name).write_bytes(path.read_bytes())
    for path in sorted(pytorch.glob("eger_*.npz")):
        with np.load(path) as arrays:
            np.savez_compressed(target / path.name, **arrays)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "check":
        check(pathlib.Path(sys.argv[2]))
    elif len(sys.argv) in (2, 3) and sys.argv[1] == "write":
        write(pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else None)
    else:
        sys.exit(__doc__)
