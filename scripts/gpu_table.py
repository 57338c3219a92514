#!/usr/bin/env python3
"""The table of BENCHMARKS.md from gpu-check's numbers and PyTorch's on the same card:

    gpu_table.py REPORT.json GOLDEN_FOLDER [OUTPUT.md]
    gpu_table.py --floors REPORT.json TFLOPS GB_PER_S

The second form computes what a card of the given speed needs at least, from the counted work of
`gem-live gpu-check --plan-only`: nothing in it is measured.
Without PyTorch, or without a card that it can use, the columns that need it say "not run" and the
exit status is 4.
"""
import datetime
import json
import pathlib
import subprocess
import sys

NOT_RUN = "not run"
PARTS = ("events", "image", "rest")


def driver():
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True).stdout.split("\n")[0].strip()
    except OSError:
        return "unknown"


def pytorch(golden):
    """The module that measures, or why there is none."""
    try:
        import san_torch
    except ImportError as error:
        return None, (f"PyTorch cannot be imported ({error}): install torch and torchvision for "
                      f"{sys.executable}, then run this again")
    if not san_torch.torch.cuda.is_available():
        return None, f"PyTorch {san_torch.torch.__version__} of {sys.executable} sees no CUDA card"
    off = san_torch.check(golden, "cuda")
    if not off < 1e-3:
        sys.exit(f"the PyTorch definition is off by {off} and is not worth timing")
    return san_torch, None


def floors(kernels, ceilings):
    """Milliseconds: by operations, by bytes, and each kernel's greater one, added up."""
    products, bandwidth = ceilings
    by_operations = [1e3 * k["multiplications"] / products for k in kernels]
    by_bytes = [1e3 * k["bytes"] / bandwidth for k in kernels]
    return sum(by_operations), sum(by_bytes), sum(map(max, by_operations, by_bytes))


def table(head, rows):
    return ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head),
            *("| " + " | ".join(row) + " |" for row in rows)]


def render(report, torch, ceilings):
    times, parts = [], []
    number = lambda v: f"{v:.3f}"
    for row in report["sizes"]:
        line = [row["image"], row["sensor"]] + [number(row[k]) for k in (
            "one_instant_ms", "further_instant_ms", "sequence_ms", "upload_ms", "download_ms",
            "card_ms")]
        line.append(f"{row['plan_bytes'] / 1e9:.2f}")
        if torch:
            eager, half, kind = torch.measure(row["network_image"], row["network_sensor"])
            for t in (eager, half):
                line += [t if isinstance(t, str) else f"{t:.2f}",
                         "" if isinstance(t, str) else f"{t / row['card_ms']:.1f}"]
            line.append(kind)
        else:
            line += [NOT_RUN] * 5
        times.append(line)
        for part in (*PARTS, "all"):
            kernels = [k for k in row["kernels"] if part in ("all", k["part"])]
            ms = row["card_ms"] if part == "all" else row[f"{part}_ms"]
            line = [row["image"], part, str(len(kernels)), number(ms)]
            if ceilings:
                by_operations, by_bytes, both = floors(kernels, ceilings)
                line += [number(by_operations), number(by_bytes), number(both), f"{ms / both:.1f}"]
            else:
                line += [NOT_RUN] * 4
            parts.append(line)
    lines = table(["image", "events", "one instant, host to host", "further instant",
                   "each of a sequence", "copies in", "copy out", "on the card", "memory, GB",
                   "PyTorch eager", "ratio", "compiled, half", "ratio", "half by"], times)
    lines += ["", "Ratios are to the time on the card: PyTorch's inputs and outputs stay there too."]
    lines += table(["image", "part", "launches", "ms", "by operations", "by bytes", "floor",
                    "times the floor"], parts)
    detailed = [r for r in report["sizes"] if r["image"] == "1152x768"] or report["sizes"][:1]
    for row in detailed:
        rows = []
        for k in sorted(row["kernels"], key=lambda k: -k["ms"]):
            low = floors([k], ceilings)[2] if ceilings else 0
            rows.append([k["kernel"], k["part"], f"{k['ms']:.4f}"] +
                        ([f"{low:.4f}", f"{k['ms'] / low:.1f}" if low else ""] if ceilings
                         else [NOT_RUN] * 2))
        lines += ["", f"Kernels at {row['image']}, each launched alone:"]
        lines += table(["kernel", "part", "ms", "floor", "times the floor"], rows)
    return lines


def computed(report, ceilings):
    rows = []
    for row in report["sizes"]:
        for part in (*PARTS, "all"):
            kernels = [k for k in row["kernels"] if part in ("all", k["part"])]
            work = [sum(k[n] for k in kernels) for n in ("multiplications", "bytes")]
            rows.append([row["image"], row["sensor"], part, str(len(kernels)),
                         f"{2 * work[0] / 1e9:.1f}", f"{work[1] / 1e6:.0f}"] +
                        [f"{ms:.3f}" for ms in floors(kernels, ceilings)] +
                        [f"{row['plan_bytes'] / 1e9:.2f}" if part == "all" else ""])
    return table(["image", "events", "part", "launches", "GFLOP", "MB", "ms by operations",
                  "ms by bytes", "floor, ms", "memory, GB"], rows)


def main():
    if sys.argv[1] == "--floors":
        report, (flops, speed) = json.loads(pathlib.Path(sys.argv[2]).read_text()), sys.argv[3:]
        print("\n".join(computed(report, (float(flops) * 1e12 / 2, float(speed) * 1e9))))
        return
    report = json.loads(pathlib.Path(sys.argv[1]).read_text())
    torch, why = pytorch(sys.argv[2])
    version = torch.torch.__version__ if torch else NOT_RUN
    lines = [f"{report['card']}, driver {driver()}, PyTorch {version}, {datetime.date.today()}. "
             "Milliseconds, medians."]
    ceilings = torch.ceilings() if torch else None
    if ceilings:
        lines.append(f"Reached by PyTorch on this card: {ceilings[0] * 2 / 1e12:.0f} TFLOP/s in half "
                     f"precision, {ceilings[1] / 1e9:.0f} GB/s; the floors are made of these.")
    if not all(row["graphs"] for row in report["sizes"]):
        lines.append("The driver captured no graphs: kernels were launched one by one.")
    for k, g in enumerate(report["golden"] or []):
        lines.append(f"Golden pass {k}: float32 off by {g['single_worst']:.1e}, half "
                     f"{g['half_psnr_db']:.1f} dB of it.")
    text = "\n".join(lines + render(report, torch, ceilings)) + "\n"
    print(text)
    if len(sys.argv) > 3:
        pathlib.Path(sys.argv[3]).write_text(text)
    if why:
        print(why, file=sys.stderr)
        sys.exit(4)


if __name__ == "__main__":
    main()
