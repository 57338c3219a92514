//! HighREV (Sun et al., CVPR 2023), the data of the NTIRE challenges on event-based deblurring.
//!
//! `blur/SEQ_00000.png`, `sharp/` of the same names and, for every blurry picture, several
//! `event/SEQ_00000_00.npz`. The authors' loader exchanges x and y, and leaves out the last file of a
//! picture, which is from after the exposure; so the events of the others span it.

use super::error::ImportError;
use super::npz_events::{NpzEvents, Polarities};
use super::options::{ImportOptions, TimeUnit};
use super::picture_sequence::middle_truth;
use super::places::Places;
use super::recording::{ForeignRecording, FrameInfo, ordered};
use crate::event::Event;
use crate::formats::pictures::{first_size, pictures, read_picture};
use crate::image::{ImageU8, Size};
use crate::sequence::GroundTruth;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What to do with files whose x and y were not exchanged, or twice.
const EXCHANGE: &str =
    "the files of this dataset store x as y and y as x: exchange the arrays of yours";
/// Names of the folder of blurry pictures and of the folder of events.
const BLUR: [&str; 2] = ["blur", "blurry"];
const EVENT: [&str; 2] = ["event", "events"];
/// Times with fractions of an exposure's events span less than the first number in seconds, and less
/// than the second one in milliseconds.
const LONGEST_EXPOSURE: [f64; 2] = [1.0, 1000.0];

/// Number of events whose polarities decide whether they are known.
const EXAMINED: usize = 1 << 16;

fn folder(path: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|n| path.join(n)).find(|p| p.is_dir())
}

/// The names of the sequences in a folder; empty if it does not look like this format.
pub(super) fn sequences(path: &Path) -> Vec<String> {
    let (Some(blur), Some(event)) = (folder(path, &BLUR), folder(path, &EVENT)) else {
        return Vec::new();
    };
    let files = event_files(&event).unwrap_or_default();
    let pictures = pictures(&blur).unwrap_or_default();
    let stems = pictures.iter().map(|p| stem(p)).filter(|s| files.contains_key(s));
    let mut names: Vec<String> = stems.map(|s| sequence_of(&s).to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The name of a picture without its number.
fn sequence_of(stem: &str) -> &str {
    stem.rsplit_once('_').map_or(stem, |(name, _)| name)
}

/// The files of events by the stem of their picture, in order.
fn event_files(folder: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, ImportError> {
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in super::npz_events::npz_files(folder)? {
        if let Some((picture, _)) = stem(&file).rsplit_once('_') {
            files.entry(picture.to_owned()).or_default().push(file);
        }
    }
    Ok(files)
}

/// The events of an exposure with their times and places, without their polarities: of all files of
/// its picture but the last one. The unit of times is found with the first events.
fn exposure_events(
    files: &[PathBuf],
    unit: &mut Option<TimeUnit>,
    (polarities, signs): (&mut Polarities, &mut Vec<f64>),
    remarks: &mut Vec<String>,
) -> Result<Vec<Event>, ImportError> {
    let read = files.iter().take(files.len().saturating_sub(1)).map(|file| NpzEvents::read(file));
    let read: Vec<NpzEvents> = read.collect::<Result<_, _>>()?;
    if unit.is_none() && read.iter().any(|file| file.count() > 0) {
        let (guessed, remark) = NpzEvents::guess_unit(&read, LONGEST_EXPOSURE);
        remarks.extend(remark);
        *unit = Some(guessed);
    }
    let unit = unit.unwrap_or(TimeUnit::Microseconds);
    let mut events = Vec::new();
    for read in read.into_iter().map(NpzEvents::swapped) {
        polarities.add(read.polarities());
        signs.extend(read.polarities().iter().take(EXAMINED.saturating_sub(signs.len())));
        read.append(1.0, unit, |_| Some(true), &mut events);
    }
    Ok(events)
}

struct Frame {
    picture: PathBuf,
    sharp: PathBuf,
    events: Vec<PathBuf>,
}

/// One sequence of the dataset. Only the times of events are read when it is opened.
pub(super) struct HighRev {
    frames: Vec<FrameInfo>,
    files: Vec<Frame>,
    sensor: Size,
    remarks: Vec<String>,
    skipped: Vec<String>,
    dropped: usize,
    unit: TimeUnit,
    polarities: Polarities,
    offset_us: i64,
    /// The events of the frame that was read last: neighbouring requests share it.
    cached: Option<(usize, Vec<Event>)>,
}

impl HighRev {
    pub(super) fn open(
        path: &Path,
        sequence: &str,
        options: &ImportOptions,
    ) -> Result<Self, ImportError> {
        let missing = || ImportError::content(path, "the folder has no blur/ and event/");
        let blur = folder(path, &BLUR).ok_or_else(missing)?;
        let event = folder(path, &EVENT).ok_or_else(missing)?;
        let events = event_files(&event)?;
        let mut unit = options.event_unit;
        let (mut found, mut skipped) = (Vec::new(), Vec::new());
        let (mut polarities, mut signs) = (Polarities::default(), Vec::<f64>::new());
        let mut remarks = vec![
            "x and y of events are exchanged, and the last file of events of each picture is left \
             out of its exposure, as in the authors' loader"
                .to_owned(),
            "exposures reach from the first to the last of their events".to_owned(),
        ];
        let mut pictures = pictures(&blur)?;
        pictures.retain(|picture| sequence_of(&stem(picture)) == sequence);
        let size = first_size(&pictures)?.unwrap_or(Size::new(0, 0));
        let mut places = Places::on(options.sensor, None, size);
        for picture in pictures {
            let stem = stem(&picture);
            let Some(events) = events.get(&stem).filter(|files| files.len() > 1) else {
                skipped.push(format!("{stem}: fewer than two files of events"));
                continue;
            };
            let first =
                exposure_events(events, &mut unit, (&mut polarities, &mut signs), &mut remarks);
            let first = match first {
                Ok(first) => first,
                Err(error) => {
                    skipped.push(format!("{stem}: {error}"));
                    continue;
                }
            };
            let times = first.iter().map(|e| e.t_us);
            let Some((start, last)) = times.clone().min().zip(times.max()) else {
                skipped.push(format!("{stem}: its exposure has no events"));
                continue;
            };
            places.add(&first);
            let offset = options.event_offset_us;
            let [start, last] = [start, last].map(|t| t.saturating_add(offset));
            let exposure_us = [start, last.saturating_add(1)];
            let sharp = path.join("sharp").join(picture.file_name().unwrap_or_default());
            found.push((
                FrameInfo { name: stem, exposure_us },
                Frame { picture, sharp, events: events.clone() },
            ));
        }
        if places.is_empty() {
            let mut what = format!("sequence {sequence} has no readable picture with events");
            if let Some(why) = skipped.first() {
                what += &format!("; {why}");
            }
            return Err(ImportError::content(path, what));
        }
        places.check(path, EXCHANGE)?;
        if let Some(why) = polarities.fault(&signs) {
            return Err(ImportError::content(path, format!("sequence {sequence}: {why}")));
        }
        remarks.push(places.remark());
        remarks.extend(polarities.remark());
        let (infos, mut files): (Vec<FrameInfo>, Vec<Option<Frame>>) =
            found.into_iter().map(|(info, files)| (info, Some(files))).unzip();
        let indexed = infos.into_iter().enumerate().map(|(at, info)| (info, at)).collect();
        let kept = ordered(indexed, &mut skipped);
        let files = kept.iter().filter_map(|(_, at)| files.get_mut(*at)?.take()).collect();
        let frames = kept.into_iter().map(|(info, _)| info).collect();
        let offset_us = options.event_offset_us;
        let (dropped, cached) = (0, None);
        Ok(Self {
            frames,
            files,
            sensor: places.sensor(),
            remarks,
            skipped,
            dropped,
            unit: unit.unwrap_or(TimeUnit::Microseconds),
            polarities,
            offset_us,
            cached,
        })
    }

    /// All events of a frame's files, also those from after its exposure.
    fn frame_events(&mut self, frame: usize) -> Result<&[Event], ImportError> {
        if self.cached.as_ref().is_none_or(|(at, _)| *at != frame) {
            let (mut events, polarities) = (Vec::new(), self.polarities);
            for file in self.files.get(frame).map_or(&[][..], |f| &f.events) {
                let read = NpzEvents::read(file)?.swapped();
                self.dropped += read.append(1.0, self.unit, |p| polarities.read(p), &mut events);
            }
            let count = events.len();
            let Size { width, height } = self.sensor;
            events.retain(|e| usize::from(e.x) < width && usize::from(e.y) < height);
            self.dropped += count - events.len();
            for event in &mut events {
                event.t_us = event.t_us.saturating_add(self.offset_us);
            }
            events.sort_by_key(|e| e.t_us);
            self.cached = Some((frame, events));
        }
        Ok(self.cached.as_ref().map_or(&[], |(_, events)| events))
    }
}

impl ForeignRecording for HighRev {
    fn format(&self) -> &str {
        "HighREV"
    }

    fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }

    fn sensor(&self) -> Size {
        self.sensor
    }

    fn picture(&mut self, frame: usize) -> Result<ImageU8, ImportError> {
        let file = self.files.get(frame).map(|f| f.picture.clone()).unwrap_or_default();
        Ok(read_picture(&file)?)
    }

    fn events(&mut self, from_us: i64, until_us: i64) -> Result<Vec<Event>, ImportError> {
        let starts = self.frames.iter().map(|f| f.exposure_us[0]);
        // A frame's files reach up to the start of the next frame.
        let ends = starts.clone().skip(1).chain(std::iter::once(i64::MAX));
        let touched: Vec<(usize, i64)> = starts
            .zip(ends)
            .enumerate()
            .filter(|(_, (start, end))| *start < until_us && *end > from_us)
            .map(|(at, (_, end))| (at, end))
            .collect();
        let mut out = Vec::new();
        for (frame, end) in touched {
            let within = |e: &&Event| e.t_us >= from_us && e.t_us < until_us.min(end);
            out.extend(self.frame_events(frame)?.iter().filter(within));
        }
        Ok(out)
    }

    fn truth(&mut self, frame: usize) -> Result<Option<GroundTruth>, ImportError> {
        let (Some(files), Some(info)) = (self.files.get(frame), self.frames.get(frame)) else {
            return Ok(None);
        };
        if !files.sharp.is_file() {
            return Ok(None);
        }
        Ok(Some(middle_truth(read_picture(&files.sharp)?, info.exposure_us)))
    }

    fn remarks(&self) -> &[String] {
        &self.remarks
    }

    fn skipped(&self) -> Vec<String> {
        let mut all = self.skipped.clone();
        if self.dropped > 0 {
            let n = self.dropped;
            all.push(format!("events: {n} are not within the sensor, or have no polarity"));
        }
        all
    }

    fn dropped_events(&self) -> usize {
        self.dropped
    }

    fn event_range_us(&self) -> Option<[i64; 2]> {
        let [start, _] = self.frames.first()?.exposure_us;
        let [_, end] = self.frames.last()?.exposure_us;
        Some([start, end])
    }
}
