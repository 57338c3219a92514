//! Playback of recordings of foreign formats, as far as their exposure times are in the recording.

use super::timeline::{ScheduledPacket, Tape, TapeError, Timeline};
use crate::camera::{
    DeviceSelector, DropCause, DropUnit, Drops, EventPacket, FramePacket, FrameTiming, Packet,
};
use crate::sequence::import::{
    ForeignRecording, ForeignSource, FrameExposure, FrameInfo, ImportError, ImportOptions, check,
    foreign_at,
};
use crate::sequence::replay::options::{MAX_EXPOSURE_US, ReplayOptions};
use crate::sequence::replay::settings::LONGEST_PAUSE_US;
use crate::time::{EventTimes, TimeUnit, Timestamp};
use std::path::Path;

/// The recording at a path, if it is of a foreign format.
///
/// # Errors
/// It holds several sequences.
pub(super) fn source(path: &Path) -> Result<Option<ForeignSource>, TapeError> {
    let mut found = foreign_at(path);
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|s| s.name.as_str()).collect();
        return Err(TapeError::Find(format!(
            "holds several sequences ({}): import them with `gem-live import`, and play the result",
            names.join(", ")
        )));
    }
    Ok(found.pop())
}

/// Most parts that are named which a recording leaves out.
const WARNED: usize = 8;

/// A recording that is being played.
pub(super) struct Foreign {
    recording: Box<dyn ForeignRecording>,
    timeline: Timeline,
    /// Start of the recording in the camera's clock.
    origin_us: i64,
    /// The next frame.
    at: usize,
    /// End of the events that were sent.
    until_us: Option<i64>,
    /// The frame whose events were sent, in its packet.
    waiting: Option<ScheduledPacket>,
    wanted: DeviceSelector,
    drops: Drops,
    epoch: u32,
    sent: u64,
    skipped: Vec<(String, String)>,
    /// What was left out when the recording was opened.
    warnings: Vec<String>,
    /// Number of dropped events that were counted.
    counted: usize,
}

impl Foreign {
    pub(super) fn open(
        source: &ForeignSource,
        (options, times): (&ReplayOptions, EventTimes),
        wanted: DeviceSelector,
        drops: Drops,
    ) -> Result<Self, TapeError> {
        let used: &[&str] = match source.format().uses("--exposure-us") {
            true => &["exposure_us", "sensor"],
            // The recording states its exposure times.
            false => &["sensor"],
        };
        options.refuse_all_but(used).map_err(TapeError::Refused)?;
        if times.unit != TimeUnit::Microseconds {
            let why = "--time-unit has no effect on a recording of this format: convert it with \
                       gem-live import and the option --event-unit";
            return Err(TapeError::Refused(why.into()));
        }
        let stated = ImportOptions {
            exposure: options.exposure_us.map(FrameExposure::Us),
            sensor: options.sensor,
            event_offset_us: times.offset_us,
            ..ImportOptions::default()
        };
        let recording = source.open(&stated).map_err(|error| match error {
            ImportError::Exposure(_) => TapeError::Find(
                "the exposure time of its frames is unknown: add --exposure-us N (microseconds)"
                    .into(),
            ),
            other => other.into(),
        })?;
        check(recording.as_ref()).map_err(TapeError::Find)?;
        let frames = recording.frames();
        let length = |f: &&FrameInfo| f.exposure_us[1].saturating_sub(f.exposure_us[0]);
        if let Some(long) = frames.iter().find(|f| length(f) > MAX_EXPOSURE_US) {
            let (name, us) = (&long.name, length(&long));
            return Err(TapeError::Find(format!(
                "{name}: an exposure of {us} us: at most {MAX_EXPOSURE_US} us are played"
            )));
        }
        let origin_us = frames.first().map_or(0, |f| f.exposure_us[0]);
        let starts_us = frames.iter().map(|f| f.exposure_us[0] - origin_us).collect();
        let end_us = frames.last().map_or(0, |f| f.exposure_us[1] - origin_us);
        let left_out = recording.skipped();
        let mut warnings: Vec<String> =
            left_out.iter().take(WARNED).map(|line| format!("left out: {line}")).collect();
        if left_out.len() > WARNED {
            warnings.push(format!("and {} more parts left out", left_out.len() - WARNED));
        }
        let skipped = left_out.into_iter().map(|line| match line.split_once(": ") {
            Some((name, why)) => (name.to_owned(), why.to_owned()),
            None => (String::new(), line),
        });
        let skipped = skipped.collect();
        let epoch = wanted.next_epoch();
        let timeline = Timeline { starts_us, end_us };
        Ok(Self {
            recording,
            timeline,
            origin_us,
            at: 0,
            until_us: None,
            waiting: None,
            wanted,
            drops,
            epoch,
            sent: 0,
            skipped,
            warnings,
            counted: 0,
        })
    }
}

impl Tape for Foreign {
    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn next(&mut self) -> Result<Option<ScheduledPacket>, TapeError> {
        if let Some(frame) = self.waiting.take() {
            return Ok(Some(frame));
        }
        loop {
            let number = self.at;
            let Some(info) = self.recording.frames().get(number) else { return Ok(None) };
            let (name, [start, end]) = (info.name.clone(), info.exposure_us);
            self.at += 1;
            let from = match self.until_us {
                Some(until) if start.saturating_sub(until) <= LONGEST_PAUSE_US => until,
                // After a long pause nothing refers to what was before.
                Some(_) => {
                    self.epoch = self.wanted.next_epoch();
                    start
                }
                None => start,
            };
            let read = self.recording.events(from, end);
            let dropped = self.recording.dropped_events();
            let new = dropped.saturating_sub(self.counted);
            self.counted = dropped;
            self.drops.add(DropCause::Malformed, DropUnit::Events, new as u64);
            // Without its events, nothing refers to what was before.
            let lost_events = read.is_err();
            let read = read.and_then(|events| Ok((events, self.recording.picture(number)?)));
            let (events, picture) = match read {
                Ok(read) => read,
                Err(error) => {
                    if lost_events {
                        self.until_us = Some(i64::MIN);
                    }
                    self.drops.add(DropCause::Malformed, DropUnit::Frames, 1);
                    if !self.skipped.iter().any(|(known, _)| *known == name) {
                        self.skipped.push((name, error.to_string()));
                    }
                    continue;
                }
            };
            self.until_us = Some(end);
            let epoch = self.epoch;
            let sequence = self.sent;
            self.sent += 1;
            let (from, until) = (Timestamp::from_us(from), Timestamp::from_us(end));
            let at_us = end - self.origin_us;
            let timing = FrameTiming::Events { start: Timestamp::from_us(start), end: until };
            let arrived = Timestamp::now();
            let (truth, contrast) = (None, None);
            let frame = FramePacket { epoch, sequence, timing, arrived, picture, truth, contrast };
            self.waiting =
                Some(ScheduledPacket { at_us, frame: Some(number), packet: Packet::Frame(frame) });
            let (edges, sensor, arrived) = (Vec::new(), self.recording.sensor(), Timestamp::now());
            let events = events.into_iter().collect();
            let packet = Packet::Events(EventPacket {
                epoch,
                from,
                until,
                arrived,
                events,
                edges,
                sensor,
                lost_since: None,
            });
            return Ok(Some(ScheduledPacket { at_us, frame: None, packet }));
        }
    }

    fn seek(&mut self, frame: usize) -> Result<(), TapeError> {
        (self.at, self.until_us, self.waiting) = (frame, None, None);
        self.epoch = self.wanted.next_epoch();
        Ok(())
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn skipped(&self) -> &[(String, String)] {
        &self.skipped
    }
}
