//! Pictures in files with their times, and all events in memory.

use super::epochs;
use super::error::ImportError;
use super::event_store::EventStore;
use super::matching::{Matched, matched, name_of};
use super::options::ImportOptions;
use super::places::Places;
use super::recording::{ForeignRecording, FrameInfo, ordered};
use super::text_times::{BadLine, FrameTime};
use crate::event::Event;
use crate::formats::pictures::{SampleBits, first_size, largest_of_16_bits, read_picture_of_bits};
use crate::image::{ImageU8, Size};
use crate::sequence::GroundTruth;
use std::path::{Path, PathBuf};

/// The parts that a format's reader found.
pub(super) struct Parts {
    /// The folder of the sequence.
    pub(super) path: PathBuf,
    pub(super) format: String,
    pub(super) pictures: Vec<PathBuf>,
    /// Folder of sharp pictures of the same names.
    pub(super) sharp: Option<PathBuf>,
    /// Lines of the file with the times, in order.
    pub(super) times: Vec<Result<FrameTime, BadLine>>,
    /// That file, for messages.
    pub(super) times_file: PathBuf,
    pub(super) events: Vec<Event>,
    /// Number of events that could not be read.
    pub(super) unreadable: usize,
    /// Size of the sensor, if a file has it.
    pub(super) sensor: Option<Size>,
    pub(super) remarks: Vec<String>,
}

/// A sequence of pictures in files.
pub(super) struct PictureSequence {
    format: String,
    files: Vec<PathBuf>,
    sharp: Option<PathBuf>,
    frames: Vec<FrameInfo>,
    store: EventStore,
    sensor: Size,
    /// What pictures of 16 bits use of them.
    bits: SampleBits,
    remarks: Vec<String>,
    skipped: Vec<String>,
    path: PathBuf,
}

impl PictureSequence {
    /// # Errors
    /// The parts do not belong together, or the exposure is unknown.
    pub(super) fn new(parts: Parts, options: &ImportOptions) -> Result<Self, ImportError> {
        let Parts { path, format, pictures, sharp, times, times_file, unreadable, sensor, .. } =
            parts;
        let (mut events, mut remarks) = (parts.events, parts.remarks);
        let mut skipped = Vec::new();
        let Matched { mut timed, gaps } = matched(&times_file, pictures, times, &mut skipped)?;
        let begins = epochs::join(&mut timed, &mut events, options.event_offset_us)
            .map_err(|why| ImportError::content(&path, why))?;
        if !begins.is_empty() {
            remarks.push(format!(
                "the clock was set back {} times: the times from there on are moved behind those \
                 before",
                begins.len()
            ));
        }
        let falls = timed
            .iter()
            .zip(timed.iter().skip(1))
            .filter(|((_, a), (_, b))| b.stamp_us < a.stamp_us);
        let falls = falls.count();
        if falls > 0 {
            remarks.push(format!(
                "frames: sorted by time; {falls} times the order was broken: if the clock was set \
                 back there, frames of two times are mixed"
            ));
        }
        let stamps: Vec<i64> = timed.iter().map(|(_, time)| time.stamp_us).collect();
        let known = timed.iter().all(|(_, t)| t.end_us.is_some() || t.exposure_us.is_some());
        let has_starts = timed.iter().all(|(_, t)| t.end_us.is_some());
        remarks.extend(options.unused(has_starts).filter(|_| known));
        let (mut stated, mut from) = (Vec::new(), 0);
        // Exposures without a gap reach to neighbours of the same epoch, of which none is missing.
        let mut ends = [begins.as_slice(), gaps.as_slice(), &[stamps.len()]].concat();
        ends.sort_unstable();
        for until in ends.into_iter().filter(|_| !known) {
            let neighbours = stamps.get(from..until).unwrap_or_default();
            stated.extend(options.exposures(&path, neighbours)?);
            from = until;
        }
        if timed.iter().all(|(_, t)| t.end_us.is_none()) {
            remarks.push(options.timing(known));
        }
        let mut frames = Vec::new();
        for (at, (file, time)) in timed.iter().enumerate() {
            let name = name_of(file);
            let exposure = match (time.end_us, time.exposure_us) {
                (Some(end_us), _) => Some([time.stamp_us, end_us]),
                (None, Some(us)) => Some(options.around(time.stamp_us, us)),
                (None, None) => stated.get(at).copied().flatten(),
            };
            match exposure {
                Some(exposure_us) => frames.push((FrameInfo { name, exposure_us }, at)),
                None => skipped.push(format!(
                    "{name}: its exposure is not known: it is the first or last frame, or beside one \
                     without a time"
                )),
            }
        }
        let frames = epochs::paired(&ordered(frames, &mut skipped), &begins, &mut skipped);
        let files = timed.into_iter().map(|(file, _)| file).collect::<Vec<_>>();
        let picture = first_size(&files)?.unwrap_or(Size::new(0, 0));
        let mut places = Places::on(options.sensor, sensor, picture);
        places.add(&events);
        places.check(&path, "name the columns of a text file in their order with --columns")?;
        remarks.push(places.remark());
        let sensor = places.sensor();
        let store = EventStore::new(events, sensor, options).unreadable(unreadable);
        remarks.extend(store.repaired("events"));
        let bits = used_bits(&files, sharp.as_deref(), &mut remarks);
        let files = frames.iter().filter_map(|(_, at)| files.get(*at).cloned()).collect();
        let frames = frames.into_iter().map(|(frame, _)| frame).collect();
        Ok(Self { format, files, sharp, frames, store, sensor, bits, remarks, skipped, path })
    }

    fn file(&self, frame: usize) -> Result<&Path, ImportError> {
        let missing = || ImportError::content(&self.path, format!("there is no frame {frame}"));
        self.files.get(frame).map(PathBuf::as_path).ok_or_else(missing)
    }
}

/// Number of pictures that are looked at to find how many bits they use.
const EXAMINED: usize = 64;

/// How many bits pictures of 16 bits use, by some of them and of the sharp ones.
fn used_bits(files: &[PathBuf], sharp: Option<&Path>, remarks: &mut Vec<String>) -> SampleBits {
    let mut largest: Option<u16> = None;
    for file in files.iter().step_by(files.len().div_ceil(EXAMINED).max(1)) {
        match largest_of_16_bits(file) {
            // Usually then all of them have eight.
            Ok(None) if largest.is_none() => return SampleBits::ALL,
            Ok(found) => largest = largest.max(found),
            // Pictures that cannot be read are reported where they are used.
            Err(_) => continue,
        }
        // They have no motion that blurs their brightest points.
        if let Some((folder, name)) = sharp.zip(file.file_name()) {
            largest = largest.max(largest_of_16_bits(&folder.join(name)).ok().flatten());
        }
    }
    let Some(largest) = largest else { return SampleBits::ALL };
    let bits = SampleBits::of(largest);
    remarks.push(format!(
        "pictures of 16 bits with samples up to {largest}: {} bits are taken as the range",
        bits.count()
    ));
    bits
}

impl ForeignRecording for PictureSequence {
    fn format(&self) -> &str {
        &self.format
    }

    fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }

    fn sensor(&self) -> Size {
        self.sensor
    }

    fn picture(&mut self, frame: usize) -> Result<ImageU8, ImportError> {
        Ok(read_picture_of_bits(self.file(frame)?, self.bits)?)
    }

    fn events(&mut self, from_us: i64, until_us: i64) -> Result<Vec<Event>, ImportError> {
        Ok(self.store.between(from_us, until_us))
    }

    fn truth(&mut self, frame: usize) -> Result<Option<GroundTruth>, ImportError> {
        let file = self.file(frame)?;
        let sharp =
            self.sharp.as_ref().zip(file.file_name()).map(|(folder, name)| folder.join(name));
        let (Some(sharp), Some(info)) = (sharp.filter(|p| p.is_file()), self.frames.get(frame))
        else {
            return Ok(None);
        };
        let picture = read_picture_of_bits(&sharp, self.bits)?;
        Ok(Some(middle_truth(picture, info.exposure_us)))
    }

    fn remarks(&self) -> &[String] {
        &self.remarks
    }

    fn skipped(&self) -> Vec<String> {
        let mut all = self.skipped.clone();
        all.extend(self.store.skipped("events"));
        all
    }

    fn dropped_events(&self) -> usize {
        self.store.dropped()
    }

    fn event_range_us(&self) -> Option<[i64; 2]> {
        self.store.range_us()
    }
}

/// A sharp picture at the middle of an exposure.
pub(super) fn middle_truth(picture: ImageU8, [start, end]: [i64; 2]) -> GroundTruth {
    GroundTruth { images: vec![picture], timestamps_us: vec![start + (end - start) / 2] }
}
