"""The published network in PyTorch on a card: `check` compares it with golden passes, the rest measures.

Needs torch and torchvision.
"""
import json
import pathlib
import struct
import time

import torch

from pytorch_san import San


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
    model = San()
    model.load_state_dict(read_safetensors(pathlib.Path(folder) / "san.safetensors"))
    model = model.to(device).eval()
    worst = 0.0
    for k in range(4):
        golden = {n: t.to(device) for n, t in
                  read_safetensors(pathlib.Path(folder) / f"forward_{k}.safetensors").items()}
        with torch.no_grad():
            off = (model(golden["event"], golden["blur"])[0] - golden["latent"]).abs().max().item()
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
    """Milliseconds on the card, eager in single precision and torch.compile in half, or why not;
    and how half precision was asked for."""
    torch.manual_seed(0)
    event = torch.rand(1, 96, sensor[1], sensor[0], device="cuda")
    blur = torch.rand(1, 3, image[1], image[0], device="cuda")

    def attempt(f):
        try:
            with torch.no_grad():
                return median_ms(f, repeats)
        except Exception as error:  # out of memory, or no working compiler
            lines = str(error).splitlines() or [type(error).__name__]
            return f"failed: {lines[0][:60]}"
        finally:
            torch.cuda.empty_cache()

    model = San().cuda().eval()
    eager = attempt(lambda: model(event, blur))
    kind = "weights"
    halved = torch.compile(San().cuda().eval().half())
    inputs = event.half(), blur.half()
    half = attempt(lambda: halved(*inputs))
    if isinstance(half, str):
        kind, compiled = "autocast", torch.compile(model)

        def autocast():
            with torch.autocast("cuda", torch.float16):
                compiled(event, blur)

        half = attempt(autocast)
    return eager, half, kind
