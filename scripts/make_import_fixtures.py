#!/usr/bin/env python3
"""Writes the recordings of a folder of MS-RBD pairs in other formats, by those formats' own libraries.

    make_import_fixtures.py PAIRS OUT [exchanged|counted|unknown|unordered|unequal]

OUT then holds, as far as h5py, rosbags and mcap are installed:

    efnet.h5                  EFNet's layout, chunked and compressed, with two rows too many
    none.bag bz2.bag lz4.bag  ROS 1, dvs_msgs/EventArray and sensor_msgs/Image, exposures on a topic
    dvs_zstd.mcap             ROS 2, the same messages in CDR
    evt3_lz4.mcap mono.mcap   ROS 2, event_camera_msgs/EventPacket on the camera's own clock

With `exchanged`, x and y of all events are exchanged; with `counted`, polarities of HDF5 are 1 and 2,
with `unknown` 3 and 4. With `unordered`, the events are in order of their columns, and with `unequal`,
the arrays of HDF5 differ in length. What cannot be written is reported as
`skipped: NAME: REASON`. tests/files/import.rs imports the rest and compares with the pairs.
"""

import functools
import pathlib
import sys

import numpy as np

# The camera's clock is this far behind, in microseconds.
CLOCK_US = 900_000
PACKET = 100

DVS = {
    "dvs_msgs/msg/Event": "uint16 x\nuint16 y\n{time} ts\nbool polarity",
    "dvs_msgs/msg/EventArray": "std_msgs/Header header\nuint32 height\nuint32 width\n"
    "dvs_msgs/Event[] events",
    "event_camera_msgs/msg/EventPacket": "std_msgs/Header header\nuint32 height\nuint32 width\n"
    "uint64 seq\nuint64 time_base\nstring encoding\nbool is_bigendian\nuint8[] events",
}


def load(folder):
    """Frames as (picture HWC BGR, start, end, sharp or None), and one array of events x, y, t, p."""
    frames, events = [], []
    for path in sorted(pathlib.Path(folder).glob("*.npz")):
        pair = np.load(path, allow_pickle=True)
        sharp = pair["sharp_imgs"] if "sharp_imgs" in pair else [None, None]
        for i, truth in zip((1, 2), sharp):
            picture = pair[f"blur{i}"].transpose(1, 2, 0)
            truth = None if truth is None else truth.transpose(1, 2, 0)
            frames.append((picture, int(pair[f"exp_start{i}"]), int(pair[f"exp_end{i}"]), truth))
        part = pair["events"].item()
        events.append(np.stack([part[k].astype(np.int64) for k in "xytp"]))
    return frames, np.concatenate(events, axis=1)


def efnet(out, frames, events, lowest=None, missing=0):
    """Polarities are true and false, or numbers from `lowest` on; the last ones may be missing."""
    import h5py

    x, y, t, p = events
    height, width = frames[0][0].shape[:2]
    with h5py.File(out / "efnet.h5", "w") as file:
        file.attrs["sensor_resolution"] = np.array([height, width])
        file.attrs["num_events"] = t.size
        options = {"chunks": (64,), "compression": "gzip"}
        file.create_dataset("events/xs", data=x.astype(np.int16), **options)
        file.create_dataset("events/ys", data=y.astype(np.int16), **options)
        file.create_dataset("events/ts", data=t / 1e6, **options)
        signs = p > 0 if lowest is None else (lowest + (p > 0)).astype(np.uint8)
        file.create_dataset("events/ps", data=signs[: signs.size - missing], **options)
        for i, (picture, start, end, sharp) in enumerate(frames):
            for group, image in (("images", picture), ("sharp_images", sharp)):
                if image is None:
                    continue
                # Red, green, blue; REBlur's pictures have two rows more than its sensor.
                image = np.pad(image[:, :, ::-1], ((0, 2), (0, 0), (0, 0)), constant_values=9)
                stored = file.create_dataset(
                    f"{group}/image{i:09d}", data=image, chunks=True, compression="gzip"
                )
                stored.attrs["timestamp"] = start / 1e6
                stored.attrs["exposure_start"] = start / 1e6
                stored.attrs["exposure_end"] = end / 1e6


def stamp(store, us):
    kind = store.types["builtin_interfaces/msg/Time"]
    return kind(sec=us // 1_000_000, nanosec=us % 1_000_000 * 1000)


def header(store, us):
    kind = store.types["std_msgs/msg/Header"]
    fields = {"stamp": stamp(store, us), "frame_id": "camera"}
    if "seq" in kind.__dataclass_fields__:
        fields["seq"] = 0
    return kind(**fields)


def image(store, picture, us):
    height, width = picture.shape[:2]
    return store.types["sensor_msgs/msg/Image"](
        header=header(store, us), height=height, width=width, encoding="bgr8", is_bigendian=0,
        step=3 * width, data=np.ascontiguousarray(picture).reshape(-1),
    )


def event_array(store, size, events):
    kind, array = store.types["dvs_msgs/msg/Event"], store.types["dvs_msgs/msg/EventArray"]
    listed = [
        kind(x=int(x), y=int(y), ts=stamp(store, int(t)), polarity=bool(p > 0))
        for x, y, t, p in events.T
    ]
    return array(
        header=header(store, int(events[2, 0])), height=size[0], width=size[1], events=listed
    )


def encode(encoding, events):
    """Bytes and time base of a packet on the camera's clock."""
    x, y, t, p = events
    t = t - CLOCK_US
    if encoding == "mono":
        base = int(t[0])
        on = (p > 0).astype(np.uint64) << np.uint64(63)
        words = on | y.astype(np.uint64) << np.uint64(48) | x.astype(np.uint64) << np.uint64(32)
        words |= ((t - base) * 1000).astype(np.uint64)
        return words.astype("<u8").tobytes(), base * 1000
    words = []
    for x, y, t, p in zip(x, y, t, p):
        words += [0x8000 | t >> 12 & 0xFFF, 0x6000 | t & 0xFFF, y, 0x2000 | (p > 0) << 11 | x]
    return np.array(words, "<u2").tobytes(), 0


def packet(store, size, events, encoding):
    data, base = encode(encoding, events)
    return store.types["event_camera_msgs/msg/EventPacket"](
        header=header(store, int(events[2, 0])), height=size[0], width=size[1], seq=0,
        time_base=base, encoding=encoding, is_bigendian=False,
        events=np.frombuffer(data, np.uint8),
    )


def messages(store, frames, events, encoding):
    """Topic, type, time in microseconds and message, in order of time."""
    size = frames[0][0].shape[:2]
    out = []
    for picture, start, end, _ in frames:
        number = store.types["std_msgs/msg/Int32"](data=end - start)
        out.append(("/dvs/exposure", "std_msgs/msg/Int32", start, number))
        image_type = "sensor_msgs/msg/Image"
        out.append(("/dvs/image_raw", image_type, start, image(store, picture, start)))
    for at in range(0, events.shape[1], PACKET):
        part = events[:, at : at + PACKET]
        time = int(part[2, 0])
        if encoding:
            kind = "event_camera_msgs/msg/EventPacket"
            out.append(("/dvs/events", kind, time, packet(store, size, part, encoding)))
        else:
            kind = "dvs_msgs/msg/EventArray"
            out.append(("/dvs/events", kind, time, event_array(store, size, part)))
    return sorted(out, key=lambda m: m[2])


def typestore(name, time):
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(getattr(Stores, name))
    for kind, text in DVS.items():
        store.register(get_types_from_msg(text.format(time=time), kind))
    return store


def bags(out, frames, events):
    from rosbags.rosbag1 import Writer

    store = typestore("ROS1_NOETIC", "time")
    for name in ("none", "bz2", "lz4"):
        writer = Writer(out / f"{name}.bag")
        if name != "none":
            writer.set_compression(getattr(Writer.CompressionFormat, name.upper()))
        with writer:
            topics = {}
            for topic, kind, us, message in messages(store, frames, events, None):
                if topic not in topics:
                    topics[topic] = writer.add_connection(topic, kind, typestore=store)
                writer.write(topics[topic], us * 1000, store.serialize_ros1(message, kind))


def mcaps(out, frames, events):
    from mcap.writer import CompressionType, Writer

    store = typestore("ROS2_HUMBLE", "builtin_interfaces/Time")
    cases = [
        ("dvs_zstd", None, CompressionType.ZSTD),
        ("evt3_lz4", "evt3", CompressionType.LZ4),
        ("mono", "mono", CompressionType.NONE),
    ]
    for name, encoding, compression in cases:
        with open(out / f"{name}.mcap", "wb") as file:
            writer = Writer(file, compression=compression, chunk_size=4096)
            writer.start("ros2", "make_import_fixtures")
            topics = {}
            for topic, kind, us, message in messages(store, frames, events, encoding):
                if topic not in topics:
                    schema = writer.register_schema(kind, "ros2msg", b"")
                    topics[topic] = writer.register_channel(topic, "cdr", schema)
                data = bytes(store.serialize_cdr(message, kind))
                writer.add_message(topics[topic], us * 1000, data, us * 1000)
            writer.finish()


def main():
    modes = ["exchanged", "counted", "unknown", "unordered", "unequal"]
    if len(sys.argv) < 3 or sys.argv[3:] not in ([], *([mode] for mode in modes)):
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    frames, events = load(sys.argv[1])
    if sys.argv[3:] == ["exchanged"]:
        events = events[[1, 0, 2, 3]]
    if sys.argv[3:] == ["unordered"]:
        events = events[:, np.argsort(events[0], kind="stable")]
    lowest = {"counted": 1, "unknown": 3}.get("".join(sys.argv[3:]))
    hdf5 = functools.partial(efnet, lowest=lowest, missing=int(sys.argv[3:] == ["unequal"]))
    for name, make in (("efnet.h5", hdf5), ("bags", bags), ("MCAP files", mcaps)):
        try:
            make(out, frames, events)
        except ImportError as reason:
            print(f"skipped: {name}: {reason}")


if __name__ == "__main__":
    main()
