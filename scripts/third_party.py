#!/usr/bin/env python3
"""Prints the licences of all crates that are linked into the program, for packages.

    python3 scripts/third_party.py TRIPLE      # such as x86_64-unknown-linux-gnu

Texts are those in the crates' own archives; equal ones are printed once, with the crates that have them.
A crate without a text is named with its licence and authors.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

TEXT = re.compile(r"(licen[sc]es?|copying|copyright|notice|unlicense|ofl|ufl)([-_. ].*)?", re.IGNORECASE)
# Crates with code of others that is not in their manifests.
CONTAINED = {"libusb1-sys": "libusb under LGPL-2.1-or-later"}
CODE = {".rs", ".py", ".toml", ".html", ".json", ".hbs"}


def linked(metadata):
    """The packages that the program itself consists of: no tools of building and testing."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, waiting = set(), [root]
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if normal and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    packages = [package for package in metadata["packages"] if package["id"] in seen and package["id"] != root]
    return sorted(packages, key=lambda package: (package["name"], package["version"]))


def texts(package):
    """The licence texts in a crate's archive, in its root and in folders of fonts and licences."""
    folder = Path(package["manifest_path"]).parent
    files = [f for f in folder.rglob("*") if TEXT.fullmatch(f.name) and f.suffix not in CODE and f.is_file()]
    if package["license_file"]:
        files.append(folder / package["license_file"])
    found = {}
    for file in sorted(set(files)):
        text = file.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip()
        found[" ".join(text.split())] = text
    return found


def main():
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", sys.argv[1]]
    packages = linked(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    shown, users, without = {}, {}, []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        found = texts(package)
        if not found:
            without.append(f"{name}: {', '.join(package['authors']) or 'no authors stated'}")
        for key, text in found.items():
            shown.setdefault(key, text)
            users.setdefault(key, []).append(name)
    out = ["GEM Live contains the following crates, which https://crates.io has the sources of.", ""]
    for p in packages:
        contained = f"; contains {CONTAINED[p['name']]}" if p["name"] in CONTAINED else ""
        out.append(f"{p['name']} {p['version']}: {p['license'] or 'see its text below'}{contained}")
    if without:
        out += ["", "These archives have no text; their authors:", "", *without]
    for key in sorted(shown, key=lambda key: users[key]):
        out += ["", "=" * 79, ", ".join(users[key]), "-" * 79, shown[key]]
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    print("\n".join(out))


main()
