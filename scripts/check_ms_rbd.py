#!/usr/bin/env python3
"""Reads MS-RBD datasets like the authors' program, with numpy only, and reports what it could not use.

    python3 scripts/check_ms_rbd.py DATASET...            # folders with train/, test/ and YAML files
    python3 scripts/check_ms_rbd.py --json DATASET...     # statistics, for a test to compare

Written from the requirements of that program, without code of gem-live, so that writer and reader do not
share a mistake. Needs numpy and PyYAML. The exit status is 1 if anything is wrong.
"""
import json
import sys
from pathlib import Path

import numpy as np
import yaml

# Time bins; parts of a bin before, within and after the target; polarities.
BINS, PARTS, POLARITIES = 16, 3, 2
NUMBERS = ["lr", "lr_decay_rate", "lr_decay_min_lr", "weight_decay", "scale_factor", "seed", "batch_size", "num_workers"]
COUNTS = ["first_stage_epoch", "second_stage_cycle", "second_stage_epoch", "lr_decay_steps", "warmup_epoch", "load_stage"]


class Invalid(Exception):
    """Something that the authors' program could not use."""


def require(condition, what):
    if not condition:
        raise Invalid(what)


def event_channels(events, exposure, target, origin, size):
    """Counts events per bin, part and polarity, as the network input; fails for an event outside of it."""
    start, end = (int(t) for t in exposure)
    x, y, t = (events[k].astype(np.int64) for k in "xyt")
    on = events["p"].astype(np.int64) > 0
    inside = (t >= start) & (t < end)
    inside &= (x >= origin[1]) & (x < origin[1] + size[1]) & (y >= origin[0]) & (y < origin[0] + size[0])
    x, y, t, on = x[inside] - origin[1], y[inside] - origin[0], t[inside], on[inside]
    part = np.where(t < target[0], 0, np.where(t < target[1], 1, 2))
    place = np.minimum(np.floor((t - start) / ((end - start) / BINS)).astype(np.int64), BINS - 1)
    channels = np.zeros((BINS, PARTS, POLARITIES, *size))
    np.add.at(channels, (place, part, on.astype(np.int64), y, x), 1)
    return channels.reshape(BINS * PARTS * POLARITIES, *size)


class Recording:
    """The fields of one file, with their types checked."""

    def __init__(self, path):
        with np.load(path, allow_pickle=True) as data:
            fields = {name: data[name] for name in data.files}
        for name in ["events", "blur1", "blur2", "exp_start1", "exp_end1", "exp_start2", "exp_end2", "scale_factor"]:
            require(name in fields, f"{name} is missing")
        require(fields["events"].shape == () and fields["events"].dtype == object, "events is not a single object")
        self.events = fields["events"].item()
        require(isinstance(self.events, dict) and set("xytp") <= set(self.events), "events is not a dict of x, y, t, p")
        self.blurs = [fields["blur1"], fields["blur2"]]
        times = [fields[f"exp_{end}{n}"] for n in (1, 2) for end in ("start", "end")]
        require(all(t.shape == () and np.issubdtype(t.dtype, np.integer) for t in times), "an exposure time is not an integer")
        times = [int(t) for t in times]
        self.exposures = [times[:2], times[2:]]
        require(fields["scale_factor"].shape == () and float(fields["scale_factor"]).is_integer(), "scale_factor is not an integer")
        self.scale = int(fields["scale_factor"])
        self.sharp, self.sharp_times = fields.get("sharp_imgs"), fields.get("sharp_timestamps")
        require((self.sharp is None) == (self.sharp_times is None), "sharp_imgs and sharp_timestamps must both be present or absent")
        self.check_images()
        self.check_events()

    def check_images(self):
        shape = self.blurs[0].shape
        require(len(shape) == 3 and shape[0] == 3, f"blur1 has shape {shape}: the network needs (3, height, width)")
        require(self.blurs[1].shape == shape, f"blur2 has shape {self.blurs[1].shape}, blur1 {shape}")
        require(all(b.dtype == np.uint8 for b in self.blurs), "a blurry image is not uint8")
        (a, b), (c, d) = self.exposures
        require(a < b <= c < d, f"exposures {self.exposures} are not consecutive")
        require(shape[1] % self.scale == 0 and shape[2] % self.scale == 0, f"{shape[1:]} pixels at scale {self.scale}")
        self.sensor = (shape[1] // self.scale, shape[2] // self.scale)
        if self.sharp is None:
            return
        require(self.sharp.dtype == np.uint8 and self.sharp.shape[1:] == shape, f"sharp_imgs has shape {self.sharp.shape}")
        times = self.sharp_times
        require(np.issubdtype(times.dtype, np.integer) and times.shape == self.sharp.shape[:1], "sharp_timestamps does not match sharp_imgs")
        require(all((a <= t <= b) or (c <= t <= d) for t in times.tolist()), "a sharp image lies outside both exposures")

    def check_events(self):
        columns = [self.events[k] for k in "xytp"]
        require(all(isinstance(c, np.ndarray) and c.ndim == 1 and c.size == columns[0].size for c in columns), "columns of events differ in length")
        require(all(np.issubdtype(c.dtype, np.integer) for c in columns), "events are not integers")
        x, y, t, p = columns
        require(p.size > 0, "no events")
        require(set(np.unique(p).tolist()) <= {-1, 1}, f"polarities {np.unique(p)}")
        require(x.min() >= 0 and y.min() >= 0 and x.max() < self.sensor[1] and y.max() < self.sensor[0], f"events outside {self.sensor}")
        require((np.diff(t) >= 0).all(), "events are not in order of time")
        require(t[0] >= self.exposures[0][0] and t[-1] <= self.exposures[1][1], "events lie before or after both exposures")

    def load_for_training(self, roi, random):
        """Loads one random training sample."""
        top, left = (int(random.integers(0, of - side + 1)) for of, side in zip(self.sensor, roi))
        whole = [self.exposures[0][0], self.exposures[1][1]]
        exposure = self.exposures[random.integers(2)]
        instant = int(random.integers(*exposure))
        for span, target in [(exposure, [instant] * 2), (whole, [instant] * 2), (whole, exposure)]:
            event_channels(self.events, span, target, (top, left), roi)
        rows = slice(top * self.scale, (top + roi[0]) * self.scale)
        columns = slice(left * self.scale, (left + roi[1]) * self.scale)
        cut = self.blurs[0][:, rows, columns]
        require(cut.shape == (3, roi[0] * self.scale, roi[1] * self.scale), f"a crop has shape {cut.shape}")

    def load_for_test(self, fraction):
        """Loads all samples of a test and returns their number."""
        if fraction is None:
            require(self.sharp is not None, "predict_ts is null, and there are no sharp images")
            targets = self.sharp_times.tolist()
        else:
            targets = [a + fraction * (b - a) for a, b in self.exposures]
        for t in targets:
            exposure = self.exposures[0 if t <= self.exposures[0][1] else 1]
            found = event_channels(self.events, exposure, [t, t], (0, 0), self.sensor).sum()
            times = self.events["t"]
            require(found == ((times >= exposure[0]) & (times < exposure[1])).sum(), "events of an exposure were lost")
        return len(targets)

    def agreement(self):
        """Correlation of the sum of polarities with the change of log brightness from the first to the last
        sharp image, both averaged over 3x3 pixels; None without ground truth."""
        if self.sharp is None or len(self.sharp) < 2:
            return None
        first, last = int(self.sharp_times.argmin()), int(self.sharp_times.argmax())
        e, (h, w), s = self.events, self.sensor, self.scale
        between = (e["t"] >= self.sharp_times[first]) & (e["t"] < self.sharp_times[last])
        sums = np.zeros((h, w))
        np.add.at(sums, (e["y"][between].astype(int), e["x"][between].astype(int)), e["p"][between].astype(float))
        light = [np.log(self.sharp[i].mean(0).reshape(h, s, w, s).mean((1, 3)) + 5.0) for i in (first, last)]
        smooth = lambda m: sum(np.roll(m, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
        a, b = smooth(sums)[1:-1, 1:-1], smooth(light[1] - light[0])[1:-1, 1:-1]
        return None if a.std() == 0 or b.std() == 0 else float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def settings(path, train):
    """Reads and checks a YAML file, whose values that program uses without conversion."""
    values = yaml.safe_load(path.read_text())
    require(isinstance(values, dict), "not a dictionary")
    kinds = [(NUMBERS, (int, float)), (COUNTS, int), (["has_gt", "train"], bool), (["root_path", "model_name", "dataset", "loss"], str)]
    for names, kind in kinds:
        for name in names:
            value = values.get(name)
            require(isinstance(value, kind) and (kind is bool or not isinstance(value, bool)), f"{name} is {value!r}")
    require(values["train"] is train, f"train is {values['train']}")
    require(isinstance(values["scale_factor"], int), f"scale_factor is {values['scale_factor']!r}, not an integer")
    for name, count in [("roi_size", 2), ("loss_weight", 4)]:
        require(isinstance(values.get(name), list) and len(values[name]) == count, f"{name} is {values.get(name)!r}")
    require(values["num_bins"] == BINS and values["ev_in_channel"] == BINS * PARTS * POLARITIES, "another network")
    require(values["im_in_channel"] == 3 and values["out_channel"] == 3, "another network")
    fraction = values["predict_ts"]
    require(fraction is not None or values["has_gt"], "neither has_gt nor predict_ts")
    return values


def check(root):
    """Checks one dataset. Returns error messages, and statistics per file."""
    errors, files, random = [], {}, np.random.default_rng(1)
    for part in ("train", "test"):
        yaml_file = root / f"{part}.yaml"
        try:
            values = settings(yaml_file, part == "train")
            require(Path(values["root_path"]).resolve() == root.resolve(), f"root_path is {values['root_path']}")
        except (Invalid, OSError, KeyError, yaml.YAMLError) as e:
            errors.append(f"{yaml_file}: {e}")
            continue
        counts = set()
        for path in sorted((root / part).glob("*.npz")):
            try:
                recording = Recording(path)
                require(recording.scale == values["scale_factor"], f"scale {recording.scale}, {values['scale_factor']} in the settings")
                if part == "train":
                    roi = values["roi_size"]
                    require(all(r <= s for r, s in zip(roi, recording.sensor)), f"crops of {roi} from {recording.sensor} event pixels")
                    recording.load_for_training(roi, random)
                else:
                    require(recording.sharp is not None or not values["has_gt"], "has_gt, and no sharp images")
                    counts.add(recording.load_for_test(values["predict_ts"]))
                inside = [((recording.events["t"] >= a) & (recording.events["t"] < b)).sum() for a, b in recording.exposures]
                files[f"{part}/{path.name}"] = {
                    "events": int(recording.events["t"].size),
                    "inside": [int(n) for n in inside],
                    "on": int((recording.events["p"] > 0).sum()),
                    "blue_green_red": [float(c.mean()) for c in recording.blurs[0]],
                    "truths": 0 if recording.sharp is None else len(recording.sharp),
                    "agreement": recording.agreement(),
                }
            except (Invalid, ImportError, OSError, ValueError, KeyError, IndexError, TypeError) as e:
                errors.append(f"{path}: {e}")
        if values["batch_size"] > 1 and len(counts) > 1:
            errors.append(f"{root / part}: recordings of {sorted(counts)} images cannot be put into one batch")
    if not files:
        errors.append(f"{root}: no files in train/ and test/")
    return errors, files


def main(arguments):
    roots = [Path(a) for a in arguments if a != "--json"]
    if not roots:
        print(__doc__, file=sys.stderr)
        return 2
    found, failures = {}, []
    for root in roots:
        errors, files = check(root)
        failures += errors
        found[str(root)] = files
    if "--json" in arguments:
        print(json.dumps(found))
    else:
        for root, files in found.items():
            known = [f["agreement"] for f in files.values() if f["agreement"] is not None]
            text = f", events agree with the sharp images by {np.mean(known):.2f} (correlation)" if known else ""
            print(f"{root}: {len(files)} recordings can be read{text}")
    for line in failures:
        print(line, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
