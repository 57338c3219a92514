#!/usr/bin/env python3
"""Instructions of kernels and of the loops in them, from machine code.

    kernel_work.py TOOLS CUBIN [KERNEL...]

TOOLS is the folder with cuobjdump (see check-kernels). For every kernel one line, and one for each
loop with the instructions of its body, those of inner loops included. What a warp executes follows
from a loop's body times how often the source runs through it. Classes: tensor-core products (with
half sums: those that add up in half precision), loads and stores by kind of memory, the slow unit
(exponentials, reciprocals, conversions between integers and numbers), all others.
"""
import pathlib
import re
import subprocess
import sys

CLASSES = (
    ("tensor", r"HMMA"),
    ("global", r"LDG|STG|LD\.|ST\.|RED|ATOM"),
    ("shared", r"LDS|STS|LDSM"),
    ("local", r"LDL|STL"),
    ("slow", r"MUFU|F2I|I2F|F2F(?!P)|FRND"),
)


def functions(tools, cubin):
    text = subprocess.run([tools / "cuobjdump", "-sass", cubin], check=True, capture_output=True,
                          text=True).stdout
    for part in text.split("Function : ")[1:]:
        lines = re.findall(r"^\s+/\*([0-9a-f]{4,})\*/\s+(.*?);", part, re.M)
        yield part.split()[0], [(int(at, 16), code) for at, code in lines]


def opcode(code):
    words = code.split()
    return words[1] if words[0].startswith("@") else words[0]


def classes(codes):
    names = [opcode(c) for _, c in codes if opcode(c) != "NOP"]
    counts = {name: sum(bool(re.match(pattern, n)) for n in names) for name, pattern in CLASSES}
    counts["half sums"] = sum(n.startswith("HMMA") and n.endswith(".F16") for n in names)
    return len(names), counts


def loops(codes):
    """Ranges between a branch back and its target; the branch to itself at the end is none."""
    for at, code in codes:
        target = re.search(r"\bBRA(?:\.\w+)* .*?0x([0-9a-f]+)", code)
        if target and int(target[1], 16) < at:
            yield int(target[1], 16), at


def line(name, codes):
    total, counts = classes(codes)
    parts = [f"{count} {kind}" for kind, count in counts.items() if count]
    print(f"{name:<44} {total:>6}  {', '.join(parts)}")


def main():
    tools, cubin, *wanted = sys.argv[1:]
    for name, codes in functions(pathlib.Path(tools), cubin):
        if wanted and name not in wanted:
            continue
        line(name, codes)
        for start, end in loops(codes):
            body = [(at, code) for at, code in codes if start <= at <= end]
            line(f"    loop {start:#06x} to {end:#06x}", body)


if __name__ == "__main__":
    main()
