"""The published network in PyTorch on a GPU: checks that it is the published one, and measures it.

Needs torch and torchvision. GEM_LIVE_TORCH_DEVICE=cpu runs everything on the CPU, to test this script
without a GPU; the times are then meaningless.
"""
import itertools
import json
import os
import pathlib
import struct
import time

import torch

from pytorch_san import San


def device(number):
    """PyTorch's device for GPU `number`, or None and the reason why there is none."""
    wanted = os.environ.get("GEM_LIVE_TORCH_DEVICE")
    if wanted:
        return torch.device(wanted), None
    if torch.cuda.is_available() and number < torch.cuda.device_count():
        torch.cuda.set_device(number)
        return torch.device("cuda", number), None
    return None, f"PyTorch {torch.__version__} finds no CUDA device {number}"


def description(on):
    """PyTorch's version and the device."""
    name = torch.cuda.get_device_name(on) if on.type == "cuda" else "the CPU: no comparison"
    return f"PyTorch {torch.__version__} on {name}"


def read_safetensors(path):
    raw = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    header.pop("__metadata__", None)
    body = bytearray(raw[8 + length:])
    take = lambda t: torch.frombuffer(body, dtype=torch.float32, offset=t["data_offsets"][0],
                                      count=(t["data_offsets"][1] - t["data_offsets"][0]) // 4)
    return {name: take(t).view(t["shape"]) for name, t in header.items() if t["dtype"] == "F32"}


def published(folder, on):
    model = San()
    model.load_state_dict(read_safetensors(pathlib.Path(folder) / "san.safetensors"))
    return model.to(on).eval()


def check(folder, on):
    """The largest difference from the golden passes; a wrong definition must not be measured."""
    model, worst = published(folder, on), 0.0
    # TF32 convolutions, PyTorch's default on a GPU, have only ten bits of mantissa.
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        for path in sorted(pathlib.Path(folder).glob("forward_*.safetensors")):
            golden = {n: t.to(on) for n, t in read_safetensors(path).items()}
            off = (model(golden["event"], golden["blur"])[0] - golden["latent"]).abs().max().item()
            worst = off if not off <= worst else worst
    return worst


def synchronize(on):
    if on.type == "cuda":
        torch.cuda.synchronize(on)


def median_ms(f, repeats, on):
    f()
    synchronize(on)
    # An idle card runs at a fraction of its clock, also after the minutes that the first call compiled.
    start, least = time.perf_counter(), 1 if on.type == "cuda" else 0
    for warm in itertools.count(1):
        if warm >= min(repeats, 3) and time.perf_counter() - start >= least:
            break
        f()
        synchronize(on)
    times = []
    for _ in range(repeats):
        synchronize(on)
        start = time.perf_counter()
        f()
        synchronize(on)
        times.append((time.perf_counter() - start) * 1e3)
    return sorted(times)[repeats // 2]


def ceilings(on, repeats=10):
    """Peak rates of the device: half-precision products per second, and bytes per second."""
    side, numbers = (8192, 1 << 28) if on.type == "cuda" else (512, 1 << 20)
    a = torch.randn(side, side, device=on, dtype=torch.float16)
    products = side ** 3 / (median_ms(lambda: a @ a, repeats, on) / 1e3)
    b = torch.empty(numbers, device=on, dtype=torch.float32).normal_()
    c = torch.empty_like(b)
    return products, 2 * b.numel() * 4 / (median_ms(lambda: c.copy_(b), repeats, on) / 1e3)


def measure(folder, image, sensor, on, keep, repeats=10):
    """Milliseconds with the published weights in `folder`, inputs and outputs on the device: eager in
    single precision as published (PyTorch's defaults), and torch.compile in half precision, each as a
    number or as text with the reason of a failure; and how half precision was selected. `keep` gets the
    first of them at once: compiling takes minutes, and may not end. The deformable convolutions take
    longer the further their offsets reach, so the weights are those that GEM Live is measured with."""
    torch.manual_seed(0)
    event = torch.randint(0, 3, (1, 96, sensor[1], sensor[0]), device=on).float()
    blur = torch.rand(1, 3, image[1], image[0], device=on)

    def attempt(f):
        try:
            with torch.inference_mode():
                return median_ms(f, repeats, on)
        except Exception as error:  # out of memory, or no working compiler
            lines = str(error).splitlines() or [type(error).__name__]
            return f"failed: {lines[0][:60]}"
        finally:
            if on.type == "cuda":
                torch.cuda.empty_cache()

    model = published(folder, on)
    eager = attempt(lambda: model(event, blur))
    keep(eager)
    kind = "weights"
    # Compile every size separately: dynamic shapes would be slower.
    torch._dynamo.reset()
    halved = torch.compile(published(folder, on).half(), dynamic=False)
    inputs = event.half(), blur.half()
    half = attempt(lambda: halved(*inputs))
    if isinstance(half, str):
        kind, compiled = "autocast", torch.compile(model, dynamic=False)

        def autocast():
            with torch.autocast(on.type, torch.float16):
                compiled(event, blur)

        half = attempt(autocast)
    return eager, half, kind
