//! Frames and events in ROS messages.

use super::container::Container;
use super::mcap_file::McapFile;
use super::messages::{self, Kind};
use super::rosbag::Bag;
use super::scan::{EventMessage, FrameMessage, Scan, decode};
use crate::event::Event;
use crate::formats::file_kind::FileKind;
use crate::formats::limits::{MAX_EVENTS, check_sensor};
use crate::formats::pictures::SampleBits;
use crate::image::{ImageU8, Size};
use crate::sequence::import::error::ImportError;
use crate::sequence::import::event_store::check_beyond;
use crate::sequence::import::options::ImportOptions;
use crate::sequence::import::recording::{ForeignRecording, FrameInfo, ordered};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A bag or an MCAP file.
pub(in crate::sequence::import) struct RosRecording {
    path: PathBuf,
    file: Box<dyn Container>,
    frames: Vec<FrameInfo>,
    pictures: Vec<FrameMessage>,
    events: Vec<EventMessage>,
    sensor: Size,
    /// What images of 16 bits use of them.
    bits: SampleBits,
    /// Added to the times of events.
    shift_us: i64,
    outside: usize,
    remarks: Vec<String>,
    skipped: Vec<String>,
}

/// The only entry, or an error that names all of them and the option that chooses.
fn only<T>(
    path: &Path,
    found: BTreeMap<String, T>,
    what: &str,
    option: &str,
) -> Result<(String, T), ImportError> {
    let names: Vec<String> = found.keys().cloned().collect();
    let mut all = found.into_iter();
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(ImportError::content(path, format!("no topic has {what} that are read"))),
        _ => {
            let names = names.join(", ");
            Err(ImportError::content(
                path,
                format!("several topics have {what}: choose one with {option}: {names}"),
            ))
        }
    }
}

/// Number of images that are looked at to find how many bits they use.
const EXAMINED: usize = 64;

/// How many bits images of 16 bits use, by some of them.
fn used_bits(
    file: &mut dyn Container,
    frames: &[FrameMessage],
    remarks: &mut Vec<String>,
) -> SampleBits {
    let mut largest: Option<u16> = None;
    for frame in frames.iter().step_by(frames.len().div_ceil(EXAMINED).max(1)) {
        // Images that cannot be read are reported where they are used.
        let Ok(bytes) = file.message(frame.place) else { continue };
        let found = match frame.kind {
            Kind::CompressedImage => messages::largest_compressed(&bytes, frame.cdr),
            _ => messages::largest_of_16_bits(&bytes, frame.cdr),
        };
        match found {
            // Then all images of the topic have eight.
            Ok(None) if largest.is_none() => return SampleBits::ALL,
            Ok(found) => largest = largest.max(found),
            Err(_) => {}
        }
    }
    let Some(largest) = largest else { return SampleBits::ALL };
    let bits = SampleBits::of(largest);
    remarks.push(format!(
        "images of 16 bits with samples up to {largest}: {} bits are taken as the range",
        bits.count()
    ));
    bits
}

impl RosRecording {
    pub(in crate::sequence::import) fn open(
        path: &Path,
        options: &ImportOptions,
    ) -> Result<Self, ImportError> {
        let kind = FileKind::of_file(path).map_err(|e| ImportError::io(path, e))?;
        let mut file: Box<dyn Container> = match kind {
            FileKind::Mcap => Box::new(McapFile::open(path)?),
            _ => Box::new(Bag::open(path)?),
        };
        let (mut scan, mut unreadable) =
            (Scan::default(), BTreeMap::<String, (usize, String)>::new());
        let cut_off = file.scan(&mut |topic, place, bytes| {
            if let Err(why) = scan.message(topic, place, bytes, options) {
                unreadable.entry(topic.name.clone()).or_insert((0, why)).0 += 1;
            }
            Ok(())
        })?;
        let mut skipped: Vec<String> = unreadable
            .into_iter()
            .map(|(topic, (n, why))| format!("{topic}: {n} messages cannot be read: {why}"))
            .collect();
        skipped.extend(cut_off);
        let unread = skipped.join("; ");
        let explained = |e: ImportError| match e {
            ImportError::Content { path, why } if !unread.is_empty() => {
                ImportError::Content { path, why: format!("{why}; {unread}") }
            }
            other => other,
        };
        let (frame_topic, found) =
            only(path, scan.frames, "images", "--frame-topic").map_err(explained)?;
        let (event_topic, mut events) =
            only(path, scan.events, "events", "--event-topic").map_err(explained)?;
        let mut remarks = vec![format!("frames of {frame_topic}, events of {event_topic}")];
        let exposures = Self::exposures(path, &found, scan.exposure_topic, options, &mut remarks)?;
        let mut frames = Vec::new();
        for (at, exposure) in exposures.into_iter().enumerate() {
            let name = format!("frame {at}");
            match exposure {
                Some(exposure_us) => frames.push((FrameInfo { name, exposure_us }, at)),
                None => skipped.push(format!("{name}: the first or last frame has no exposure")),
            }
        }
        let kept = ordered(frames, &mut skipped);
        let mut found: Vec<Option<FrameMessage>> = found.into_iter().map(Some).collect();
        let pictures: Vec<FrameMessage> =
            kept.iter().filter_map(|(_, at)| found.get_mut(*at)?.take()).collect();
        let bits = used_bits(file.as_mut(), &pictures, &mut remarks);
        let frames = kept.into_iter().map(|(frame, _)| frame).collect();
        let missing = || ImportError::content(path, format!("{event_topic}: no events"));
        let sensor = options.sensor.or(events.sensor).ok_or_else(missing)?;
        check_sensor(sensor).map_err(|e| ImportError::content(path, e.to_string()))?;
        if let Some(places) = events.places {
            places.check(path, "exchange them where the messages are written")?;
        }
        let shift = events.shift_us.unwrap_or(0);
        if shift != 0 {
            remarks.push(format!(
                "events have the camera's own time: {shift} us are added, the least difference to \
                 the times of their messages; correct it with --event-offset-us"
            ));
        }
        events.messages.sort_by_key(|m| m.range_us);
        let (path, events) = (path.to_owned(), events.messages);
        let shift_us = shift.saturating_add(options.event_offset_us);
        Ok(Self {
            path,
            file,
            frames,
            pictures,
            events,
            sensor,
            bits,
            shift_us,
            outside: 0,
            remarks,
            skipped,
        })
    }

    /// Exposures from the exposure times sent beside the frames, or as stated.
    fn exposures(
        path: &Path,
        frames: &[FrameMessage],
        topic: Option<String>,
        options: &ImportOptions,
        remarks: &mut Vec<String>,
    ) -> Result<Vec<Option<[i64; 2]>>, ImportError> {
        remarks.push(options.timing(topic.is_some()));
        let Some(topic) = topic else {
            let stamps: Vec<i64> = frames.iter().map(|f| f.stamp_us).collect();
            return options.exposures(path, &stamps);
        };
        remarks.push(format!("exposure times of {topic}, in us"));
        remarks.extend(options.unused(false));
        let first = frames.iter().find_map(|f| f.exposure_us);
        // Frames before the first message have its exposure.
        let each =
            frames.iter().map(|f| Some(options.around(f.stamp_us, f.exposure_us.or(first)?)));
        Ok(each.collect())
    }
}

impl ForeignRecording for RosRecording {
    fn format(&self) -> &str {
        self.file.format()
    }

    fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }

    fn sensor(&self) -> Size {
        self.sensor
    }

    fn picture(&mut self, frame: usize) -> Result<ImageU8, ImportError> {
        let bad = |why: String| ImportError::content(&self.path, format!("frame {frame}: {why}"));
        let Some(FrameMessage { kind, cdr, place, .. }) = self.pictures.get(frame) else {
            return Err(bad("there is no such frame".into()));
        };
        let bytes = self.file.message(*place)?;
        let picture = match kind {
            Kind::CompressedImage => messages::compressed_image(&bytes, *cdr, self.bits),
            _ => messages::image(&bytes, *cdr, self.bits),
        };
        picture.map_err(bad)
    }

    fn events(&mut self, from_us: i64, until_us: i64) -> Result<Vec<Event>, ImportError> {
        let [from, until] = [from_us, until_us].map(|t| t.saturating_sub(self.shift_us));
        let (mut out, mut beyond) = (Vec::new(), 0);
        for message in &self.events {
            let [first, last] = message.range_us;
            if last < from || first >= until {
                continue;
            }
            let bytes = self.file.message(message.place)?;
            let (mut state, start) = (message.state, out.len());
            decode(message.kind, message.cdr, &bytes, &mut state, &mut out)
                .map_err(|why| ImportError::content(&self.path, why))?;
            let Size { width, height } = self.sensor;
            let (mut at, mut outside) = (0, 0);
            out.retain(|e| {
                at += 1;
                let new = at > start;
                let within = usize::from(e.x) < width && usize::from(e.y) < height;
                let timed = (from..until).contains(&e.t_us);
                outside += usize::from(new && timed && !within);
                !new || (within && timed)
            });
            beyond += outside;
            if out.len() > MAX_EVENTS {
                let what = format!("more than {MAX_EVENTS} events from {from_us} to {until_us} us");
                return Err(ImportError::content(&self.path, what));
            }
        }
        self.outside += beyond;
        check_beyond(&self.path, beyond, out.len(), self.sensor)?;
        out.iter_mut().for_each(|e| e.t_us = e.t_us.saturating_add(self.shift_us));
        out.sort_by_key(|e| e.t_us);
        Ok(out)
    }

    fn remarks(&self) -> &[String] {
        &self.remarks
    }

    fn skipped(&self) -> Vec<String> {
        let mut all = self.skipped.clone();
        if self.outside > 0 {
            all.push(format!("events: {} lie beyond the sensor", self.outside));
        }
        all
    }

    fn dropped_events(&self) -> usize {
        self.outside
    }

    fn event_range_us(&self) -> Option<[i64; 2]> {
        let first = self.events.first()?.range_us[0];
        let last = self.events.iter().map(|m| m.range_us[1]).max()?;
        Some([first, last].map(|t| t.saturating_add(self.shift_us)))
    }
}
