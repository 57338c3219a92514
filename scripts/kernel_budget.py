#!/usr/bin/env python3
"""Registers, shared memory, spills and tensor-core instructions of every kernel.

    kernel_budget.py TOOLS PTX_FOLDER TABLE [--write]

Assembles the PTX for every architecture like a driver does, and compares the result with the table.
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
    elif text.getvalue() != table.read_text():
        found.append(f"{table} does not match the kernels: run scripts/check-kernels --write")
    sys.exit("\n".join(found) or 0)


if __name__ == "__main__":
    main()
