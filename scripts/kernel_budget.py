#!/usr/bin/env python3
"""Registers, shared memory, spills and tensor-core instructions of every kernel.

    kernel_budget.py TOOLS PTX_FOLDER TABLE [--print]

Assembles the PTX for every architecture like a driver does, and compares with the bounds in TABLE,
which hold for all architectures: how many blocks of a kernel must fit the registers of one
multiprocessor, and its shared memory. Both limit how many warps hide each other's waiting. A stack,
spilled registers and local memory are never allowed. The table is written by hand: a bound is raised
on purpose, with the reason in the commit. --print shows what was measured.
"""
import csv
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# Machine code: architecture and PTX. That for GeForce cards adds up in half precision.
# Only drivers older than those of Blackwell get PTX 8.0.
CODE = [(75, "san_75")] + [(sm, "san_80") for sm in (80, 86, 89, 90)]
CODE += [(sm, "san_80_ptx81") for sm in (80, 86, 89, 90, 120)]
CODE += [(sm, "san_80_geforce") for sm in (86, 89, 120)]
NO_TENSOR_CORES = ("single_", "eger_", "prior_", "voxels_", "finish_")
# Of a multiprocessor, on every architecture; a block may have 48 KiB of shared memory.
REGISTERS = 65536
MOST_REGISTERS = 255
MOST_SHARED = 48 * 1024


def threads_of(ptx):
    """Threads per block by kernel."""
    found = re.findall(r"\.entry (\w+)\(.*?\.maxntid (\d+)", ptx.read_text(), re.S)
    return {kernel: int(threads) for kernel, threads in found}


def measure(tools, folder, sm, name):
    ptx, cubin = folder / f"{name}.ptx", folder / f"{name}_{sm}.cubin"
    log = subprocess.run([tools / "ptxas", f"-arch=sm_{sm}", "-v", ptx, "-o", cubin], check=True,
                         capture_output=True, text=True).stderr
    rows = {}
    for part in log.split("Compiling entry function '")[1:]:
        number = lambda pattern: int((re.search(pattern, part) or [0, 0])[1])
        rows[part.split("'")[0]] = {
            "registers": number(r"Used (\d+) registers"),
            "shared": number(r"(\d+) bytes smem"),
            "stack": number(r"(\d+) bytes stack frame"),
            "spills": number(r"(\d+) bytes spill stores"),
        }
    sass = subprocess.run([tools / "cuobjdump", "-sass", cubin], check=True, capture_output=True,
                          text=True).stdout
    for part in sass.split("Function : ")[1:]:
        row = rows[part.split()[0]]
        row["tensor"] = len(re.findall(r"\bHMMA\.", part))
        row["local"] = len(re.findall(r"\b(?:LDL|STL)\b", part))
        row["half sums"] = len(re.findall(r"\bHMMA\.\S+\.F16\b(?!\.F32)", part))
    return [(kernel, f"sm_{sm} from {name}", row) for kernel, row in rows.items()]


def registers_for(blocks, threads):
    """Most registers of a thread with which that many blocks fit; they are allocated in steps of eight."""
    return min(REGISTERS // (blocks * threads) // 8 * 8, MOST_REGISTERS)


def faults(rows, bounds, threads):
    for kernel, code, row in rows:
        name = f"{kernel} on {code}"
        for what in ("stack", "spills", "local"):
            if row[what]:
                yield f"{name} uses local memory ({what}: {row[what]})"
        if (row["tensor"] == 0) != kernel.startswith(NO_TENSOR_CORES):
            yield f"{name} has {row['tensor']} tensor-core instructions"
        if row["half sums"] and not code.endswith("geforce"):
            yield f"{name} adds up in half precision"
        if kernel not in bounds:
            yield f"{name} has no bounds: add it to the table"
            continue
        blocks, shared = bounds[kernel]
        most = registers_for(blocks, threads[kernel])
        if row["registers"] > most:
            yield f"{name} uses {row['registers']} registers; {blocks} blocks fit with {most}"
        if row["shared"] > min(shared, MOST_SHARED):
            yield f"{name} uses {row['shared']} bytes of shared memory, {shared} are allowed"


def read_bounds(table):
    with open(table, newline="") as file:
        return {r["kernel"]: (int(r["blocks"]), int(r["shared_bytes"])) for r in csv.DictReader(file)}


def main():
    tools, folder, table = map(pathlib.Path, sys.argv[1:4])
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(lambda code: measure(tools, folder, *code), CODE)
    rows = sorted((row for part in parts for row in part), key=lambda row: row[:2])
    if "--print" in sys.argv:
        for kernel, code, row in rows:
            print(kernel, code, *(f"{name.replace(' ', '_')}={value}" for name, value in row.items()))
    sys.exit("\n".join(faults(rows, read_bounds(table), threads_of(folder / "san_80.ptx"))) or 0)


if __name__ == "__main__":
    main()
