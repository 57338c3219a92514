//! Encodes MS-RBD recordings from borrowed parts, without copying them together first.

use super::PairError;
use super::pair_error::{field, sensor};
use crate::event::Event;
use crate::formats::limits::MAX_EVENTS;
use crate::formats::npy;
use crate::formats::npz::{NpzWriter, Packing};
use crate::formats::pickle_dict::write_dict;
use crate::image::{ImageU8, Size};

/// The borrowed parts of a recording; see [`super::Pair`] for their meaning.
#[derive(Clone, Copy, Debug)]
pub struct PairRef<'a> {
    /// The two blurry frames, of one size.
    pub frames: [&'a ImageU8; 2],
    /// Start and end of both exposures in microseconds.
    pub exposures_us: [[i64; 2]; 2],
    /// The events in order of time, in any number of slices.
    pub events: &'a [&'a [Event]],
    /// Image resolution over event resolution.
    pub scale_factor: f64,
    /// Times in microseconds and sharp images, where known.
    pub truths: &'a [(i64, &'a ImageU8)],
}

/// Bytes of an event in a file: 2 coordinates of 2 bytes, a timestamp of 8, a polarity of 1.
pub const EVENT_BYTES: usize = 13;
/// An upper bound of the headers of a file, in bytes.
const HEADERS: usize = 8192;

impl PairRef<'_> {
    /// An upper bound of the number of bytes that [`Self::encode`] writes.
    pub fn unpacked_bytes(&self) -> u64 {
        let truths = self.truths.iter().map(|(_, p)| p.data().len() + 8);
        let frames = self.frames.iter().map(|p| p.data().len());
        let events: usize = self.events.iter().map(|e| e.len() * EVENT_BYTES).sum();
        (truths.chain(frames).sum::<usize>() + events + HEADERS) as u64
    }

    fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().copied().flatten()
    }

    /// Appends `N` bytes of every event.
    fn column<const N: usize>(&self, out: &mut Vec<u8>, bytes: impl Fn(&Event) -> [u8; N]) {
        for events in self.events {
            let start = out.len();
            out.resize(start + events.len() * N, 0);
            // Resized once, because pushing single bytes is slow.
            let slots = out.get_mut(start..).unwrap_or(&mut []).chunks_exact_mut(N);
            slots.zip(*events).for_each(|(slot, e)| slot.copy_from_slice(&bytes(e)));
        }
    }

    /// Checks that the parts are consistent.
    pub(crate) fn check(&self) -> Result<(), PairError> {
        let [first, second] = self.frames;
        if (first.size(), first.channels()) != (second.size(), second.channels()) {
            return Err(field("blur2", "of another shape than blur1"));
        }
        let truths = || self.truths.iter().map(|(_, image)| *image);
        if let Some(image) = truths().find(|i| i.size() != first.size()) {
            let what = format!("{} instead of {}", image.size(), first.size());
            return Err(field("sharp_imgs", what));
        }
        if truths().zip(truths().skip(1)).any(|(a, b)| a.channels() != b.channels()) {
            return Err(field("sharp_imgs", "gray and colour mixed"));
        }
        for (i, [start, end]) in self.exposures_us.iter().enumerate() {
            if start >= end {
                let what = format!("reversed or empty: from {start} us to {end} us");
                return Err(field(&format!("exposure {}", i + 1), what));
            }
        }
        let [[_, end], [start, _]] = self.exposures_us;
        if start < end {
            let what = format!("starts at {start} us, before the first one's end at {end} us");
            return Err(field("exposure 2", what));
        }
        let Size { width, height } = sensor(first.size(), self.scale_factor)?;
        let outside = |e: &&Event| usize::from(e.x) >= width || usize::from(e.y) >= height;
        if let Some(e) = self.events().find(outside) {
            let what = format!("({}, {}) lies outside the {width}x{height} sensor", e.x, e.y);
            return Err(field("events", what));
        }
        let mut last_us = i64::MIN;
        for Event { t_us, .. } in self.events() {
            if *t_us < last_us {
                return Err(field("events", format!("out of order: {t_us} us after {last_us} us")));
            }
            last_us = *t_us;
        }
        Ok(())
    }

    /// Replaces the contents of `out` with an npz file, which numpy 1 and 2 read with
    /// `allow_pickle=True`. Equal parts give equal bytes.
    ///
    /// # Errors
    /// [`PairError::Field`] for inconsistent parts, which could not be read back.
    pub fn encode(&self, packing: Packing, out: &mut Vec<u8>) -> Result<(), PairError> {
        self.check()?;
        let count: usize = self.events.iter().map(|e| e.len()).sum();
        if count > MAX_EVENTS {
            return Err(field(
                "events",
                format!("{count} events; a file holds at most {MAX_EVENTS}"),
            ));
        }
        out.reserve(usize::try_from(self.unpacked_bytes()).unwrap_or(0));
        let mut npz = NpzWriter::new(out, packing);
        let i64_array = |v: i64| npy::write("<i8", &[], &v.to_le_bytes());
        let shape = |p: &ImageU8| [p.channels(), p.size().height, p.size().width];
        for (i, (picture, [start, end])) in self.frames.iter().zip(self.exposures_us).enumerate() {
            let header = npy::header("|u1", &shape(picture));
            npz.add(&format!("blur{}", i + 1), [header.as_slice(), picture.data()])?;
            npz.add(&format!("exp_start{}", i + 1), [i64_array(start).as_slice()])?;
            npz.add(&format!("exp_end{}", i + 1), [i64_array(end).as_slice()])?;
        }
        if let [(_, first), ..] = self.truths {
            let [channels, height, width] = shape(first);
            let header = npy::header("|u1", &[self.truths.len(), channels, height, width]);
            let images = self.truths.iter().map(|(_, image)| image.data());
            npz.add("sharp_imgs", std::iter::once(header.as_slice()).chain(images))?;
            let times: Vec<u8> = self.truths.iter().flat_map(|(t, _)| t.to_le_bytes()).collect();
            npz.add(
                "sharp_timestamps",
                [npy::write("<i8", &[self.truths.len()], &times).as_slice()],
            )?;
        }
        // Signed coordinates, as in the published files, where the sensor is small enough.
        let signed = self.events().all(|e| e.x.max(e.y) <= i16::MAX.unsigned_abs());
        let dtype = if signed { "<i2" } else { "<u2" };
        let mut dict = npy::header("|O", &[]);
        dict.reserve(count * EVENT_BYTES + HEADERS);
        write_dict(
            &mut dict,
            &[
                ("x", dtype, count, &|out| self.column(out, |e| e.x.to_le_bytes())),
                ("y", dtype, count, &|out| self.column(out, |e| e.y.to_le_bytes())),
                ("t", "<i8", count, &|out| self.column(out, |e| e.t_us.to_le_bytes())),
                ("p", "|i1", count, &|out| {
                    self.column(out, |e| if e.polarity { [1] } else { [0xff] })
                }),
            ],
        );
        npz.add("events", [dict.as_slice()])?;
        // An integer where possible, as in the published files.
        let scale = self.scale_factor;
        let scale = if scale.fract() == 0.0 {
            i64_array(scale as i64)
        } else {
            npy::write("<f8", &[], &scale.to_le_bytes())
        };
        npz.add("scale_factor", [scale.as_slice()])?;
        Ok(npz.finish()?)
    }
}
