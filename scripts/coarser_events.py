#!/usr/bin/env python3
"""Makes recordings with coarser events from recordings with as many event pixels as image pixels.

    python3 scripts/coarser_events.py FOLDER OUT K [--threshold-again] [--pictures PICTURES]

The events of K x K pixels become events of one pixel, with their timestamps and polarities. Such a pixel
has a contrast threshold of C / K^2, where C is the camera's, which is lower than any camera's.
--threshold-again keeps an event only where ON minus OFF events since the pixel's last one reach K^2: as
if the pixel compared the mean log intensity of its area with C.

With --pictures, NAME_1_0.500.png and NAME_2_0.500.png of PICTURES become the sharp images of NAME.npz,
in the middle of its exposures: `gem-live deblur FOLDER --out PICTURES` writes them. Needs numpy, and
Pillow for pictures.
"""
import argparse
import sys
from pathlib import Path

import numpy as np


def reached(cells, positive, k):
    """Whether the sum of polarities since the cell's last event reaches k * k. Cells start at random."""
    full = k * k
    count = int(cells.max(initial=-1)) + 1
    sums = np.random.default_rng(1).integers(-(full // 2), full // 2 + 1, count).tolist()
    kept = np.zeros(cells.size, bool)
    for i, (cell, up) in enumerate(zip(cells.tolist(), positive.tolist())):
        sums[cell] += 1 if up else -1
        if abs(sums[cell]) >= full:
            kept[i], sums[cell] = True, 0
    return kept


def coarser(events, size, k, again):
    """The events of pixels k times as large; size is (height, width) in pixels of the input."""
    inside = (events["x"] < size[1]) & (events["y"] < size[0])
    events = {name: np.asarray(column)[inside] for name, column in events.items()}
    order = np.argsort(events["t"], kind="stable")
    events = {name: column[order] for name, column in events.items()}
    events["x"], events["y"] = events["x"] // k, events["y"] // k
    if again:
        cells = events["y"].astype(np.int64) * (size[1] // k) + events["x"]
        kept = reached(cells, events["p"] > 0, k)
        events = {name: column[kept] for name, column in events.items()}
    return events


def picture(path):
    """A PNG file as (3, height, width), blue green red."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))[:, :, ::-1].transpose(2, 0, 1)


def convert(path, out, k, again, pictures):
    """Writes one recording; returns the numbers of events before and after."""
    with np.load(path, allow_pickle=True) as data:
        fields = {name: data[name] for name in data.files}
    if float(fields["scale_factor"]) != 1:
        raise ValueError(f"scale_factor is {fields['scale_factor']}, not 1")
    if pictures is not None:
        fields["sharp_imgs"] = np.stack([picture(pictures / f"{path.stem}_{n}_0.500.png") for n in (1, 2)])
        middles = [(int(fields[f"exp_start{n}"]) + int(fields[f"exp_end{n}"])) // 2 for n in (1, 2)]
        fields["sharp_timestamps"] = np.array(middles)
    height, width = (side // k * k for side in fields["blur1"].shape[-2:])
    for name in {"blur1", "blur2", "sharp_imgs"} & set(fields):
        fields[name] = fields[name][..., :height, :width]
    before = fields["events"].item()
    after = coarser(before, (height, width), k, again)
    fields["events"] = np.array(after, dtype=object)
    fields["scale_factor"] = np.array(k)
    np.savez_compressed(out / path.name, **fields)
    return len(before["t"]), len(after["t"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="recordings in the MS-RBD format, with a scale_factor of 1")
    parser.add_argument("out", type=Path, help="folder for the recordings, made if there is none")
    parser.add_argument("k", type=int, help="pixels a side that become one")
    parser.add_argument("--threshold-again", action="store_true", help="with the camera's contrast threshold")
    parser.add_argument("--pictures", type=Path, help="folder with the sharp images")
    given = parser.parse_args()
    if not 1 <= given.k <= 16:
        parser.error("K must be 1 to 16")
    files = sorted(given.folder.glob("*.npz"))
    if not files:
        parser.error(f"{given.folder}: no npz files")
    given.out.mkdir(parents=True, exist_ok=True)
    for path in files:
        try:
            before, after = convert(path, given.out, given.k, given.threshold_again, given.pictures)
        except (ImportError, OSError, KeyError, ValueError) as error:
            sys.exit(f"coarser_events.py: {path}: {error}")
        print(f"{given.out / path.name}: {before} -> {after} events")


if __name__ == "__main__":
    main()
