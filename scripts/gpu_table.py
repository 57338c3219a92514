#!/usr/bin/env python3
"""The table of BENCHMARKS.md from gpu-check's numbers and PyTorch's on the same card:
gpu_table.py REPORT.json GOLDEN_FOLDER [OUTPUT.md]"""
import datetime
import json
import pathlib
import subprocess
import sys

import torch

import san_torch


def driver():
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True).stdout.split("\n")[0].strip()


def main():
    report = json.loads(pathlib.Path(sys.argv[1]).read_text())
    off = san_torch.check(sys.argv[2], "cuda")
    if not off < 1e-3:
        sys.exit(f"the PyTorch definition is off by {off} and is not worth timing")
    products, bandwidth = san_torch.ceilings()
    lines = [f"{report['card']}, driver {driver()}, PyTorch {torch.__version__}, {datetime.date.today()}.",
             f"Reached by PyTorch on this card: {products * 2 / 1e12:.0f} TFLOP/s in half precision,"
             f" {bandwidth / 1e9:.0f} GB/s. Milliseconds, medians.", "",
             "| image | events | one instant, host to host | on the card | further instant | events"
             " | image | rest | floor | PyTorch eager | compiled half | ratios |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    detail = []
    floor = lambda k: 1e3 * max(k["multiplications"] / products, k["bytes"] / bandwidth)
    for row in report["sizes"]:
        try:
            eager, half = san_torch.measure(row["image"], row["sensor"])
            torch_text = f"{eager:.2f} | {half:.2f} | {eager / row['card_ms']:.1f}, {half / row['card_ms']:.1f}"
        except Exception as error:  # PyTorch out of memory, or without a working compiler
            torch.cuda.empty_cache()
            torch_text = f"failed: {str(error).splitlines()[0][:60]} | |"
        size = lambda s: f"{s[0]}x{s[1]}"
        bound = sum(map(floor, row["kernels"]))
        lines.append(f"| {size(row['image'])} | {size(row['sensor'])} | {row['one_instant_ms']:.3f} | "
                     f"{row['card_ms']:.3f} | {row['further_instant_ms']:.3f} | {row['events_ms']:.3f} | "
                     f"{row['image_ms']:.3f} | {row['rest_ms']:.3f} | {bound:.3f} | {torch_text} |")
        if row["image"] == [1152, 768]:
            detail = ["", "Kernels at 1152x768, each launched alone:", "",
                      "| kernel | ms | floor | times the floor |", "|---|---|---|---|"]
            for k in sorted(row["kernels"], key=lambda k: -k["ms"]):
                low = floor(k)
                far = f"{k['ms'] / low:.1f}" if low else ""
                detail.append(f"| {k['kernel']} | {k['ms']:.4f} | {low:.4f} | {far} |")
    text = "\n".join(lines + detail) + "\n"
    print(text)
    if len(sys.argv) > 3:
        pathlib.Path(sys.argv[3]).write_text(text)


if __name__ == "__main__":
    main()
