//! The raw HDF5 files of EFNet (Sun et al., ECCV 2022): GoPro with simulated events, and REBlur.
//!
//! `/images/image000000000` and so on with the attributes `timestamp`, `exposure_start` and
//! `exposure_end` (REBlur), `/sharp_images` of the same names, and `/events/{xs,ys,ts,ps}`. Pictures
//! that are larger than `sensor_resolution` are cut off at the right and at the bottom.

mod exposures;
mod order;
mod polarities;
mod sensor;

use super::efnet_pictures::{Samples, cropped, picture};
use super::error::ImportError;
use super::event_store::check_beyond;
use super::hdf5::File;
use super::npz_events::Polarities;
use super::options::{ImportOptions, TimeUnit};
use super::picture_sequence::middle_truth;
use super::places::Places;
use super::recording::{ForeignRecording, FrameInfo, ordered};
use super::text_table::guess_unit;
use crate::event::Event;
use crate::formats::limits::{MAX_EVENTS, MAX_TIME_US, check_image};
use crate::image::{ImageU8, Size};
use crate::sequence::GroundTruth;
use exposures::{exposures, has_own};
use order::check_order;
use polarities::polarities;
use sensor::{seen, sensor};
use std::path::{Path, PathBuf};

/// An open file.
pub(super) struct EfNet {
    path: PathBuf,
    file: File,
    frames: Vec<FrameInfo>,
    /// Size of the pictures that are delivered.
    picture: Size,
    sensor: Size,
    /// Names of the arrays of events, and the path of their times.
    events: [&'static str; 4],
    times: String,
    /// Number of events.
    count: usize,
    unit: TimeUnit,
    polarities: Polarities,
    offset_us: i64,
    samples: Samples,
    bgr: bool,
    has_sharp: bool,
    outside: usize,
    /// Events that were found among those of another time.
    misplaced: usize,
    remarks: Vec<String>,
    skipped: Vec<String>,
}

/// Number of pictures that are looked at to find the range of a file's samples.
const EXAMINED: usize = 8;

/// Names of x, y, t and p in `/events`.
const NAMES: [[&str; 4]; 2] = [["xs", "ys", "ts", "ps"], ["x", "y", "t", "p"]];

/// The names of the arrays of events in a file.
fn names_of_events(file: &File) -> Option<[&'static str; 4]> {
    let known = file.names("events");
    let has = |name: &&str| known.iter().any(|k| k.as_str() == *name);
    NAMES.into_iter().find(|names| names.iter().all(has))
}

/// The pictures that have an exposure, in order of time.
fn frames(
    names: &[String],
    exposures: Vec<Option<[i64; 2]>>,
    skipped: &mut Vec<String>,
) -> Vec<FrameInfo> {
    let mut found = Vec::new();
    for (at, (name, exposure)) in names.iter().zip(exposures).enumerate() {
        let name = name.clone();
        match exposure {
            Some(exposure_us) => found.push((FrameInfo { name, exposure_us }, at)),
            None => skipped.push(format!(
                "{name}: it has no exposure: its times are not numbers, or it is the first or last \
                 frame of exposures without a gap"
            )),
        }
    }
    ordered(found, skipped).into_iter().map(|(frame, _)| frame).collect()
}

impl EfNet {
    pub(super) fn open(path: &Path, options: &ImportOptions) -> Result<Self, ImportError> {
        let file = File::open(path)?;
        let names = file.names("images");
        let bad = |why: &str| ImportError::content(path, why);
        let first = names.first().ok_or_else(|| {
            bad("no group /images: not in the layout of EFNet's files (GoPro, REBlur)")
        })?;
        let events = names_of_events(&file).ok_or_else(|| {
            bad("no arrays xs, ys, ts and ps in /events: not in the layout of EFNet's files")
        })?;
        let [_, _, times, signs] = events.map(|name| format!("events/{name}"));
        let count = file.length(&times)?;
        if count == 0 {
            return Err(bad("the file has no events"));
        }
        let lengths = events.map(|name| file.length(&format!("events/{name}")));
        if lengths.into_iter().any(|length| length.is_ok_and(|n| n != count)) {
            return Err(bad("the arrays of /events differ in length: save arrays of one length"));
        }
        check_order(&file, path, &times, count)?;
        let (mut skipped, mut remarks) = (Vec::new(), Vec::new());
        let ends = [file.slice(&times, 0, 1)?, file.slice(&times, count - 1, count)?];
        let ends = ends.concat();
        let polarities = polarities(&file, path, &signs, count)?;
        remarks.extend(polarities.remark());
        let mut stamps = Vec::new();
        for name in &names {
            let get = |attribute| file.attribute(&format!("images/{name}"), attribute);
            stamps.push([get("timestamp")?, get("exposure_start")?, get("exposure_end")?]);
        }
        let all = stamps.iter().flatten().flatten().chain(&ends).copied();
        let all = all.filter(|t| t.is_finite());
        let unit = options.event_unit.unwrap_or_else(|| guess_unit(all));
        let us = |t: f64| (t * unit.in_us()).round() as i64;
        remarks.push(format!("times in {}", unit.symbol()));
        remarks.extend(options.unused(true).filter(|_| has_own(&stamps)));
        let exposures = exposures(path, &stamps, us, options)?;
        let frames = frames(&names, exposures, &mut skipped);
        let values = file.array(&format!("images/{first}"))?;
        // Damaged pictures are reported where they are read.
        let others = names.iter().step_by(names.len().div_ceil(EXAMINED)).skip(1);
        let others = others.filter_map(|name| file.array(&format!("images/{name}")).ok());
        let samples = Samples::of(&values, others);
        remarks.push(format!("samples of pictures are taken as from {}", samples.range()));
        let stored = picture(&values, samples, options.bgr);
        let stored = stored.map_err(|why| bad(&format!("images/{first}: {why}")))?.size();
        check_image(stored).map_err(|e| bad(&format!("images/{first}: {e}")))?;
        let places = Places::on(options.sensor, sensor(&file, stored), stored);
        let places = seen(places, &file, events, count);
        places.check(path, "exchange the arrays of x and y in the file")?;
        let sensor = places.sensor();
        let smaller = |a: usize, b: usize| if a > b && a < b + b / 8 { b } else { a };
        let picture =
            Size::new(smaller(stored.width, sensor.width), smaller(stored.height, sensor.height));
        if picture != stored {
            remarks.push(format!(
                "pictures of {stored} pixels are cut off to the sensor's {picture}, at the right and \
                 at the bottom"
            ));
        }
        remarks.push(format!(
            "colours are taken as {}",
            if options.bgr { "blue, green, red, as stated" } else { "red, green, blue" }
        ));
        let has_sharp = !file.names("sharp_images").is_empty();
        let (path, bgr, offset_us) = (path.to_owned(), options.bgr, options.event_offset_us);
        Ok(Self {
            path,
            file,
            frames,
            picture,
            sensor,
            events,
            times,
            count,
            unit,
            polarities,
            offset_us,
            samples,
            bgr,
            has_sharp,
            outside: 0,
            misplaced: 0,
            remarks,
            skipped,
        })
    }

    /// Index of the first event at a time or later, by bisection.
    fn index(&self, t_us: i64) -> Result<usize, ImportError> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let t = self.file.slice(&self.times, middle, middle + 1)?;
            if t.first().is_some_and(|t| self.us(*t) < t_us) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    fn us(&self, t: f64) -> i64 {
        ((t * self.unit.in_us()).round() as i64).saturating_add(self.offset_us)
    }

    fn read(&self, group: &str, frame: usize) -> Result<ImageU8, ImportError> {
        let info = self.frames.get(frame);
        let name = format!("{group}/{}", info.map_or("", |f| f.name.as_str()));
        let bad = |why: String| ImportError::content(&self.path, format!("{name}: {why}"));
        let stored = picture(&self.file.array(&name)?, self.samples, self.bgr).map_err(bad)?;
        cropped(&stored, self.picture).ok_or_else(|| {
            ImportError::content(&self.path, format!("{name}: smaller than {}", self.picture))
        })
    }
}

impl ForeignRecording for EfNet {
    fn format(&self) -> &str {
        "EFNet's HDF5"
    }

    fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }

    fn sensor(&self) -> Size {
        self.sensor
    }

    fn picture(&mut self, frame: usize) -> Result<ImageU8, ImportError> {
        self.read("images", frame)
    }

    fn events(&mut self, from_us: i64, until_us: i64) -> Result<Vec<Event>, ImportError> {
        let (from, until) = (self.index(from_us)?, self.index(until_us)?.max(self.index(from_us)?));
        if until - from > MAX_EVENTS {
            let what = format!("{} events from {from_us} to {until_us} us: too many", until - from);
            return Err(ImportError::content(&self.path, what));
        }
        let [x, y, t, p] =
            self.events.map(|name| self.file.slice(&format!("events/{name}"), from, until));
        let (x, y, t, p) = (x?, y?, t?, p?);
        let (mut events, mut inside, mut beyond) = (Vec::with_capacity(t.len()), 0, 0);
        for (((x, y), t), p) in x.iter().zip(&y).zip(&t).zip(&p) {
            let (x, y) = (x.round(), y.round());
            let within = (0.0..self.sensor.width as f64).contains(&x)
                && (0.0..self.sensor.height as f64).contains(&y);
            let t_us = self.us(*t);
            if t.is_finite() && !(from_us..until_us).contains(&t_us) {
                self.misplaced += 1;
                continue;
            }
            let timed = t.is_finite() && (-MAX_TIME_US..=MAX_TIME_US).contains(&t_us);
            inside += usize::from(within);
            beyond += usize::from(!within);
            match self.polarities.read(*p).filter(|_| within && timed) {
                Some(polarity) => {
                    events.push(Event { t_us, x: x as u16, y: y as u16, polarity });
                }
                None => self.outside += 1,
            }
        }
        check_beyond(&self.path, beyond, inside, self.sensor)?;
        events.sort_by_key(|e| e.t_us);
        Ok(events)
    }

    fn truth(&mut self, frame: usize) -> Result<Option<GroundTruth>, ImportError> {
        let Some(info) = self.frames.get(frame).filter(|_| self.has_sharp) else { return Ok(None) };
        let exposure_us = info.exposure_us;
        Ok(Some(middle_truth(self.read("sharp_images", frame)?, exposure_us)))
    }

    fn remarks(&self) -> &[String] {
        &self.remarks
    }

    fn skipped(&self) -> Vec<String> {
        let mut all = self.skipped.clone();
        if self.outside > 0 {
            all.push(format!(
                "events: {} lie beyond the sensor, or have no time or polarity",
                self.outside
            ));
        }
        if self.misplaced > 0 {
            all.push(format!(
                "events: {} are not in order of time, so that others may be missed: sort the arrays \
                 of /events by their times",
                self.misplaced
            ));
        }
        all
    }

    fn dropped_events(&self) -> usize {
        self.outside + self.misplaced
    }

    fn event_range_us(&self) -> Option<[i64; 2]> {
        let at = |i: usize| {
            let t = self.file.slice(&self.times, i, i + 1).ok()?.first().copied()?;
            t.is_finite().then(|| self.us(t))
        };
        Some([at(0)?, at(self.count.checked_sub(1)?)?])
    }
}
