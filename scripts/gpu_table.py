#!/usr/bin/env python3
"""Writes the section of BENCHMARKS.md from the results of gpu-check and PyTorch on the same GPU:

    gpu_table.py REPORT.json... --golden FOLDER [--out OUTPUT.md] [--pytorch TIMES.json] [--no-pytorch]
    gpu_table.py --floors REPORT.json TFLOPS GB_PER_S

Several reports of one GPU are joined. PyTorch is timed at the first size of the first report alone,
because its compilations take minutes; --pytorch keeps what it has measured between runs, and with
--no-pytorch only what was kept is shown.
The second form computes lower bounds for a GPU of the given speed, from the operation counts of
`gem-live gpu-check --plan-only`; nothing is measured.
Without PyTorch, or without a GPU that it can use, the columns that need it contain "not run" and the
exit status is 4; it is 1 if PyTorch's network is not the published one.
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys

NOT_RUN = "not run"
PARTS = ("events", "image", "rest")
# Largest allowed error of the PyTorch definition against the golden passes.
PUBLISHED = 1e-3
# Targets for a GPU of the H100 class, by key of the row: whether the value must be at most or at least
# the bound, and the bound.
AIMS_AT = ("1152x768", "288x192")
AIMS = [
    ("one instant, host to host, ms", "one_instant_ms", "at most", 4.0),
    ("of it on the card, ms", "card_ms", "at most", 1.0),
    ("each further instant, ms", "further_instant_ms", "at most", 2.0),
    ("times as fast as PyTorch eager", "eager_ratio", "at least", 20.0),
    ("times as fast as torch.compile in half", "half_ratio", "at least", 4.0),
]


class Kept:
    """What PyTorch has measured: its description, the device's peak rates, and times by size. Kept in a
    file, if one is named, as it comes."""

    def __init__(self, path):
        self.path, self.all = path, {"description": "PyTorch not run", "ceilings": None, "times": {}}
        if path and path.exists():
            self.all.update(json.loads(path.read_text()))

    def put(self, **values):
        self.all.update(values)
        if self.path:
            # Whole in any case: this process may be ended at any time.
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(self.all))
            os.replace(part, self.path)


def driver():
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return answer.stdout.split("\n")[0].strip() if answer.returncode == 0 else "unknown"


def pytorch(number, golden, kept):
    """The PyTorch module and its device, of which `kept` gets the peak rates; or None, the reason, and the
    exit status. Without PyTorch the other numbers are still reported."""
    try:
        import san_torch
        on, why = san_torch.device(number)
        if on is None:
            return None, f"{why} ({sys.executable})", 4
        off = san_torch.check(golden, on)
        if not off < PUBLISHED:
            return None, f"the PyTorch definition is off by {off:.1e} and is not worth timing", 1
        kept.put(description=san_torch.description(on), ceilings=san_torch.ceilings(on))
        return (san_torch, on), None, 0
    except Exception as error:  # not installed, or torchvision without its part for cards
        line = (str(error).splitlines() or [type(error).__name__])[0]
        return None, (f"PyTorch cannot be used ({line}): install torch and torchvision of one "
                      f"release for {sys.executable}, then run this again"), 4


def floors(kernels, ceilings):
    """Lower bounds in ms: by operations, by bytes, and the sum of each kernel's larger one."""
    products, bandwidth = ceilings
    by_operations = [1e3 * k["multiplications"] / products for k in kernels]
    by_bytes = [1e3 * k["bytes"] / bandwidth for k in kernels]
    return sum(by_operations), sum(by_bytes), sum(map(max, by_operations, by_bytes))


def table(head, rows):
    return ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head),
            *("| " + " | ".join(row) + " |" for row in rows)]


def number(value):
    return f"{value:.3f}"


def compare(row, times):
    """Adds PyTorch's times, if there are any, and their ratios to a row."""
    row.update(eager_ms=NOT_RUN, half_ms=NOT_RUN, half_by=NOT_RUN)
    row.update(zip(("eager_ms", "half_ms", "half_by"), times or ()))
    for name in ("eager", "half"):
        ms = row[f"{name}_ms"]
        row[f"{name}_ratio"] = None if isinstance(ms, str) else ms / row["card_ms"]


def pytorch_times(row, torch, kept, golden):
    """PyTorch's times at a row's size, measured if they were not kept, as far as they are known; None
    without PyTorch."""
    key, times = f"{row['image']}/{row['sensor']}", kept.all["times"]

    def keep(*known):
        kept.put(times={**times, key: [*known, NOT_RUN, NOT_RUN][:3]})

    if torch and NOT_RUN in times.get(key, [NOT_RUN]):
        module, on = torch
        keep(*module.measure(golden, row["network_image"], row["network_sensor"], on, keep))
    return kept.all["times"].get(key)


def whole_network(rows):
    lines = []
    for row in rows:
        line = [row["image"], row["sensor"]] + [number(row[k]) for k in (
            "one_instant_ms", "one_instant_p95_ms", "further_instant_ms", "sequence_ms", "upload_ms",
            "download_ms", "card_ms")]
        line.append(f"{row['plan_bytes'] / 1e9:.2f}")
        for name in ("eager", "half"):
            ms, ratio = row[f"{name}_ms"], row[f"{name}_ratio"]
            line += [ms, NOT_RUN] if ratio is None else [f"{ms:.2f}", f"{ratio:.1f}"]
        lines.append(line + [row["half_by"]])
    return table(["image", "events", "one instant, host to host", "p95", "further instant",
                  "each of a sequence", "copies in", "copy out", "on the card", "memory, GB",
                  "PyTorch eager", "ratio", "torch.compile, half", "ratio", "half by"], lines)


def graphics(rows):
    """The wgpu engine, host to host."""
    if not rows:
        return []
    lines = [[row["device"], row["precision"].lower(), str(row["matrices"] or "none"), row["image"],
              row["sensor"]] + [number(row[k]) for k in (
                  "one_instant_ms", "one_instant_p95_ms", "further_instant_ms", "sequence_ms")]
             for row in rows]
    return ["", "Through wgpu, in milliseconds:",
            *table(["device", "precision", "cooperative matrices", "image", "events",
                    "one instant, host to host", "p95", "further instant", "each of a sequence"], lines)]


def aims(rows):
    found = [r for r in rows if (r["image"], r["sensor"]) == AIMS_AT]
    if not found:
        return []
    lines = []
    for what, key, side, bound in AIMS:
        value = found[0][key]
        if value is None:
            lines.append([what, f"{side} {bound:g}", NOT_RUN, NOT_RUN])
            continue
        holds = value <= bound if side == "at most" else value >= bound
        lines.append([what, f"{side} {bound:g}", f"{value:.2f}", "holds" if holds else "missed"])
    return ["", f"What has to hold at {AIMS_AT[0]} on a card of the H100's class:",
            *table(["what", "aim", "measured", ""], lines)]


def parts(rows, ceilings):
    lines = []
    for row in rows:
        for part in (*PARTS, "all"):
            kernels = [k for k in row["kernels"] if part in ("all", k["part"])]
            ms = row["card_ms"] if part == "all" else row[f"{part}_ms"]
            line = [row["image"], part, str(len(kernels)), number(ms)]
            if ceilings:
                by_operations, by_bytes, both = floors(kernels, ceilings)
                line += [number(by_operations), number(by_bytes), number(both), f"{ms / both:.1f}"]
            else:
                line += [NOT_RUN] * 4
            lines.append(line)
    return table(["image", "part", "launches", "ms", "by operations", "by bytes", "floor",
                  "times the floor"], lines)


def single_kernels(row, ceilings):
    lines = []
    for k in sorted(row["kernels"], key=lambda k: -k["ms"]):
        line = [k["kernel"], k["part"], f"{k['ms']:.4f}"]
        if ceilings:
            low = floors([k], ceilings)[2]
            line += [f"{low:.4f}", f"{k['ms'] / low:.1f}" if low else ""]
        else:
            line += [NOT_RUN] * 2
        lines.append(line)
    return ["", f"Kernels at {row['image']}, each alone, up to ten launches in a row:",
            *table(["kernel", "part", "ms", "floor", "times the floor"], lines)]


def section(report, torch, kept, golden):
    """The section of BENCHMARKS.md for this GPU, as lines."""
    rows, today = report["sizes"], datetime.date.today()
    lines = [f"## On a card: {report['card']}, {today}", ""]
    lines.append(f"`scripts/gpu-check`, version {report['program']}: {report['card']} (compute "
                 f"capability {report['capability']}), driver {driver()}, "
                 f"{kept.all['description']}. Milliseconds, "
                 f"medians of {report['repeats']}.")
    lines += [f"**Failed:** {text}" for text in report["failures"]]
    ceilings = kept.all["ceilings"]
    if ceilings:
        lines.append(f"Reached by PyTorch on this card: {ceilings[0] * 2 / 1e12:.4g} TFLOP/s in half "
                     f"precision, {ceilings[1] / 1e9:.0f} GB/s; the floors are made of these.")
    refused = sorted({row["no_graphs"] for row in rows if row["no_graphs"]})
    if refused:
        lines.append(f"The driver captured no graphs ({'; '.join(refused)}): kernels were launched "
                     "individually.")
    lines.append(f"Weights: {report['weights']}.")
    for row in rows:
        if row["clocks"]:
            lines.append(f"Clocks after {row['image']}: {row['clocks']}.")
    for g in report["golden"]:
        lines.append(f"Golden pass {g['name']}: float32 error {g['single_worst']:.1e}, half "
                     f"{g['half_psnr_db']:.1f} dB.")
    through_wgpu = graphics(report.get("graphics", []))
    if not rows:
        return lines + through_wgpu
    for i, row in enumerate(rows):
        compare(row, pytorch_times(row, torch, kept, golden) if i == 0 else None)
    lines += whole_network(rows)
    lines += ["", "Ratios are relative to the time on the card: PyTorch's inputs and outputs stay there too."]
    lines += aims(rows) + parts(rows, ceilings)
    for row in [r for r in rows if r["image"] == AIMS_AT[0]] or rows[:1]:
        lines += single_kernels(row, ceilings)
    return lines + through_wgpu


def computed(report, ceilings):
    rows = []
    for row in report["sizes"]:
        for part in (*PARTS, "all"):
            kernels = [k for k in row["kernels"] if part in ("all", k["part"])]
            work = [sum(k[n] for k in kernels) for n in ("multiplications", "bytes")]
            rows.append([row["image"], row["sensor"], part, str(len(kernels)),
                         f"{2 * work[0] / 1e9:.1f}", f"{work[1] / 1e6:.0f}"] +
                        [number(ms) for ms in floors(kernels, ceilings)] +
                        [f"{row['plan_bytes'] / 1e9:.2f}" if part == "all" else ""])
    return table(["image", "events", "part", "launches", "GFLOP", "MB", "ms by operations",
                  "ms by bytes", "floor, ms", "memory, GB"], rows)


def main():
    if sys.argv[1] == "--floors":
        report, (flops, speed) = json.loads(pathlib.Path(sys.argv[2]).read_text()), sys.argv[3:]
        print("\n".join(computed(report, (float(flops) * 1e12 / 2, float(speed) * 1e9))))
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reports", nargs="+", type=pathlib.Path)
    parser.add_argument("--golden", required=True, type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--pytorch", type=pathlib.Path)
    parser.add_argument("--no-pytorch", action="store_true", help="only what was kept of it is shown")
    args = parser.parse_args()
    report, *others = [json.loads(path.read_text()) for path in args.reports]
    for other in others:
        for name in ("sizes", "failures", "graphics"):
            report[name] = report.get(name, []) + other.get(name, [])
    kept, torch, why, status = Kept(args.pytorch), None, None, 0
    if not args.no_pytorch:
        torch, why, status = pytorch(report["device"], args.golden, kept)
    text = "\n".join(section(report, torch, kept, args.golden)) + "\n"
    print(text)
    if args.out:
        args.out.write_text(text)
    if why:
        print(why, file=sys.stderr)
        sys.exit(status)


if __name__ == "__main__":
    main()
