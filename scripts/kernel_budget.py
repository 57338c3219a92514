#!/usr/bin/env python3
"""Registers, shared memory, spills and tensor-core instructions of every kernel.

    kernel_budget.py TOOLS PTX_FOLDER TABLE [--write]

Assembles the PTX for every architecture like a driver does. The table holds bounds: a kernel may
use fewer registers and less shared memory than it says, not more, because both limit how many blocks
run at once on a multiprocessor. Spills are never allowed.
"""
import csv
import io
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ARCHITECTURES = (75, 80, 86, 89, 90, 120)
COLUMNS = ("kernel", "sm", "registers", "shared_bytes", "spill_bytes", "tensor_instructions")
NO_TENSOR_CORES = ("single_", "eger_", "prior_", "voxels_", "finish_")


def measure(tools, folder, sm):
    ptx = folder / f"san_{75 if sm < 80 else 80}.ptx"
    cubin = folder / f"san_{sm}.cubin"
    log = subprocess.run([tools / "ptxas", f"-arch=sm_{sm}", "-v", ptx, "-o", cubin], check=True,
                         capture_output=True, text=True).stderr
    rows = {}
    for part in log.split("Compiling entry function '")[1:]:
        number = lambda pattern: int((re.search(pattern, part) or [0, 0])[1])
        rows[part.split("'")[0]] = [number(r"Used (\d+) registers"), number(r"(\d+) bytes smem"),
                                    number(r"(\d+) bytes spill stores")]
    sass = subprocess.run([tools / "cuobjdump", "-sass", cubin], check=True, capture_output=True,
                          text=True).stdout
    for part in sass.split("Function : ")[1:]:
        rows[part.split()[0]].append(len(re.findall(r"\bHMMA\.", part)))
    return [(name, sm, *row) for name, row in rows.items()]


def faults(rows):
    for kernel, sm, _, shared, spill, tensor in rows:
        if spill:
            yield f"{kernel} spills {spill} bytes on sm_{sm}"
        if shared > 48 * 1024:
            yield f"{kernel} needs {shared} bytes of shared memory on sm_{sm}"
        if (tensor == 0) != kernel.startswith(NO_TENSOR_CORES):
            yield f"{kernel} has {tensor} tensor-core instructions on sm_{sm}"


def exceeded(rows, bounds):
    """What is above its bound, or has none."""
    for kernel, sm, registers, shared, _, _ in rows:
        bound = bounds.get((kernel, sm))
        if not bound:
            yield f"{kernel} has no bounds for sm_{sm}: run scripts/check-kernels --write"
        elif registers > bound[0]:
            yield f"{kernel} uses {registers} registers on sm_{sm}, {bound[0]} are allowed"
        elif shared > bound[1]:
            yield f"{kernel} uses {shared} bytes of shared memory on sm_{sm}, {bound[1]} are allowed"


def read_bounds(table):
    with open(table, newline="") as file:
        return {(r["kernel"], int(r["sm"])): (int(r["registers"]), int(r["shared_bytes"]))
                for r in csv.DictReader(file)}


def main():
    tools, folder, table = map(pathlib.Path, sys.argv[1:4])
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(lambda sm: measure(tools, folder, sm), ARCHITECTURES)
    rows = sorted(row for part in parts for row in part)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    found = list(faults(rows))
    if "--write" in sys.argv:
        table.write_text(text.getvalue())
    else:
        found += exceeded(rows, read_bounds(table))
    sys.exit("\n".join(found) or 0)


if __name__ == "__main__":
    main()
