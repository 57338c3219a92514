//! Playback of folders of MS-RBD pairs.

use super::timeline::{ScheduledPacket, Tape, TapeError, Timeline};
use crate::camera::split::StreamKind;
use crate::camera::{
    DeviceSelector, DropCause, DropUnit, Drops, EventPacket, FramePacket, FrameTiming, Packet,
};
use crate::event::{Contrast, Event};
use crate::image::{ImageU8, Size};
use crate::sequence::replay::options::MAX_EXPOSURE_US;
use crate::sequence::replay::settings::LONGEST_PAUSE_US;
use crate::sequence::search_bounds::{LARGE, SYSTEM};
use crate::sequence::{
    FileThresholds, FindError, GroundTruth, Pair, PairHeader, ReadOptions, find_npz_files,
    folder_advice,
};
use crate::time::{EventClock, EventTimes, RangeUs, Timestamp};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Maximum distance of a ground truth image from the middle of an exposure, as a fraction of the
/// exposure: within it, motion is a fraction of a pixel.
const MAX_DISTANCE: f64 = 0.02;

/// A file, and its position in the recording.
struct Entry {
    path: PathBuf,
    /// Index of its first frame. If the previous file ends with the same frame, its index is used.
    first_frame: usize,
    /// Offset from the time of the file to the time of the recording.
    shift_us: i64,
    /// Whether its time is unrelated to that of the previous file.
    unrelated: bool,
}

/// The pairs of a folder, played one after the other.
pub(super) struct Pairs {
    entries: Vec<Entry>,
    timeline: Timeline,
    times: EventTimes,
    /// Determines the thresholds of files; `None` if another camera delivers the events.
    thresholds: Option<FileThresholds>,
    /// Known thresholds of the present file.
    contrast: Option<Contrast>,
    skipped: Vec<(String, String)>,
    at: usize,
    /// Skip the first frame of the next file.
    second_only: bool,
    ready: VecDeque<ScheduledPacket>,
    wanted: DeviceSelector,
    drops: Drops,
    epoch: Option<u32>,
    /// End of the last frame that was read.
    end_us: Option<i64>,
    /// Number of frames that were sent.
    sent: u64,
}

/// Why a file is not played of which an exposure is longer than any camera's.
fn too_long(header: &PairHeader) -> Option<String> {
    let length = |[start, end]: &[i64; 2]| end.saturating_sub(*start);
    let longest_us = header.exposures_us.iter().map(length).max()?;
    (longest_us > MAX_EXPOSURE_US)
        .then(|| format!("an exposure of {longest_us} us: at most {MAX_EXPOSURE_US} us are played"))
}

impl Pairs {
    pub(super) fn open(
        path: &Path,
        times: EventTimes,
        needed: Option<StreamKind>,
        wanted: DeviceSelector,
        drops: Drops,
    ) -> Result<Self, TapeError> {
        let mut pairs = Self {
            entries: Vec::new(),
            timeline: Timeline::default(),
            times,
            thresholds: needed.is_none().then(|| FileThresholds::new(None)),
            contrast: None,
            skipped: Vec::new(),
            at: 0,
            second_only: false,
            ready: VecDeque::new(),
            wanted,
            drops,
            epoch: None,
            end_us: None,
            sent: 0,
        };
        let mut files = 0;
        let mut previous = None;
        for found in find_npz_files(&[path.to_owned()]) {
            let file = match found {
                Ok(file) => file,
                Err(FindError::Empty(folder)) => {
                    return Err(match folder_advice(&folder) {
                        Some(advice) => {
                            TapeError::Find(format!("it is not a recording itself: {advice}"))
                        }
                        None => TapeError::Kind,
                    });
                }
                Err(FindError::System(_)) => return Err(TapeError::Refused(SYSTEM.into())),
                Err(FindError::Large(_)) => return Err(TapeError::Refused(LARGE.into())),
                Err(e) => return Err(TapeError::Find(e.to_string())),
            };
            files += 1;
            match PairHeader::read(&file) {
                Ok(header) => match too_long(&header) {
                    None => previous = Some(pairs.append(file, &header, previous)),
                    Some(why) => pairs.skip(&file, why),
                },
                Err(e) => pairs.skip(&file, e.to_string()),
            }
        }
        if pairs.entries.is_empty() {
            if let ([(_, why)], true) = (pairs.skipped.as_slice(), path.is_file()) {
                return Err(TapeError::Refused(why.clone()));
            }
            let why = pairs.skipped.first().map(|(name, why)| format!("{name}: {why}"));
            return Err(TapeError::Unreadable(files, why.unwrap_or_default()));
        }
        Ok(pairs)
    }

    /// Adds a file at the end of the timeline. Returns its exposures and its offset.
    fn append(
        &mut self,
        path: PathBuf,
        header: &PairHeader,
        previous: Option<([[i64; 2]; 2], i64)>,
    ) -> ([[i64; 2]; 2], i64) {
        let [[start1, end1], [start2, end2]] = header.exposures_us;
        let (shared, unrelated, shift_us) = match previous {
            Some(([_, last], shift_us)) if last == [start1, end1] => (true, false, shift_us),
            Some(([_, [_, end]], shift_us))
                if start1 >= end && start1.saturating_sub(end) <= LONGEST_PAUSE_US =>
            {
                (false, false, shift_us)
            }
            // A new scene continues as if its first frame followed at the same interval.
            Some(([[_, end], [start, _]], _)) => {
                let next_us = self.timeline.end_us.saturating_add(start.saturating_sub(end));
                (false, true, next_us.saturating_sub(start1))
            }
            None => (false, true, start1.saturating_neg()),
        };
        let first_frame = self.timeline.starts_us.len().saturating_sub(usize::from(shared));
        if !shared {
            self.timeline.starts_us.push(start1.saturating_add(shift_us));
        }
        self.timeline.starts_us.push(start2.saturating_add(shift_us));
        self.timeline.end_us = end2.saturating_add(shift_us);
        self.entries.push(Entry { path, first_frame, shift_us, unrelated });
        (header.exposures_us, shift_us)
    }

    fn skip(&mut self, file: &Path, why: String) {
        self.drops.add(DropCause::Malformed, DropUnit::Frames, 2);
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !self.skipped.iter().any(|(known, _)| *known == name) {
            self.skipped.push((name, why));
        }
    }

    fn take(&mut self, at: usize, pair: Pair, sensor: Size) {
        let Some(Entry { path, first_frame, shift_us, unrelated }) = self.entries.get(at) else {
            return;
        };
        self.contrast = self.thresholds.as_mut().and_then(|thresholds| thresholds.known(path));
        let (first_frame, shift_us) = (*first_frame, *shift_us);
        let [[start1, end1], [start2, end2]] = pair.exposures_us;
        let shared = self.end_us == Some(end1);
        let second_only = std::mem::take(&mut self.second_only);
        let epoch = match self.epoch {
            Some(epoch) if !unrelated && !second_only => epoch,
            _ => self.wanted.next_epoch(),
        };
        self.epoch = Some(epoch);
        self.end_us = Some(end2);
        let truth = pair.truth;
        let [frame1, frame2] = pair.frames;
        let split = pair.events.partition_point(|e| e.t_us < end1);
        let (events1, events2) = pair.events.split_at(split);
        // Events of another time than both exposures would never be played.
        let elsewhere = pair.events.iter().filter(|e| !(start1..end2).contains(&e.t_us)).count();
        self.drops.add(DropCause::Clock, DropUnit::Events, elsewhere as u64);
        if !shared && !second_only {
            let exposure = RangeUs::new(start1, end1);
            let truth_image = middle(truth.as_ref(), exposure);
            self.events(epoch, shift_us, exposure, events1, sensor);
            self.frame(epoch, shift_us, exposure, frame1, truth_image, first_frame);
        }
        let exposure = RangeUs::new(start2, end2);
        let truth_image = middle(truth.as_ref(), exposure);
        self.events(epoch, shift_us, RangeUs::new(end1, end2), events2, sensor);
        self.frame(epoch, shift_us, exposure, frame2, truth_image, first_frame + 1);
    }

    fn events(
        &mut self,
        epoch: u32,
        shift_us: i64,
        range: RangeUs,
        events: &[Event],
        sensor: Size,
    ) {
        let packet = Packet::Events(EventPacket {
            epoch,
            from: Timestamp::<EventClock>::from_us(range.from_us),
            until: Timestamp::from_us(range.until_us),
            arrived: Timestamp::now(),
            events: events.iter().filter(|e| range.contains(e.t_us)).copied().collect(),
            edges: Vec::new(),
            sensor,
            lost_since: None,
        });
        self.ready.push_back(ScheduledPacket {
            at_us: range.until_us.saturating_add(shift_us),
            frame: None,
            packet,
        });
    }

    fn frame(
        &mut self,
        epoch: u32,
        shift_us: i64,
        exposure: RangeUs,
        picture: ImageU8,
        truth: Option<ImageU8>,
        number: usize,
    ) {
        let (sequence, contrast) = (self.sent, self.contrast);
        self.sent += 1;
        let (start, end) = (exposure.from_us, exposure.until_us);
        let (arrived, until) = (Timestamp::now(), Timestamp::from_us(end));
        let timing = FrameTiming::Events { start: Timestamp::from_us(start), end: until };
        let frame = FramePacket { epoch, sequence, timing, arrived, picture, truth, contrast };
        self.ready.push_back(ScheduledPacket {
            at_us: end.saturating_add(shift_us),
            frame: Some(number),
            packet: Packet::Frame(frame),
        });
    }
}

/// The ground truth image at the middle of an exposure.
fn middle(truth: Option<&GroundTruth>, exposure: RangeUs) -> Option<ImageU8> {
    let GroundTruth { images, timestamps_us } = truth?;
    let middle_us = exposure.from_us.saturating_add(exposure.duration_us() / 2);
    let distance = |t: i64| t.saturating_sub(middle_us).unsigned_abs();
    let (image, t) = images.iter().zip(timestamps_us).min_by_key(|(_, t)| distance(**t))?;
    let limit = exposure.duration_us() as f64 * MAX_DISTANCE;
    (distance(*t) as f64 <= limit).then(|| image.clone())
}

impl Tape for Pairs {
    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn next(&mut self) -> Result<Option<ScheduledPacket>, TapeError> {
        while self.ready.is_empty() {
            let at = self.at;
            let Some(Entry { path, .. }) = self.entries.get(at) else { return Ok(None) };
            let path = path.clone();
            self.at += 1;
            let options = ReadOptions { times: self.times, ..ReadOptions::default() };
            let read = Pair::read_with_repairs(&path, &options);
            match read.and_then(|(pair, repairs)| Ok((pair.sensor()?, pair, repairs))) {
                Ok((sensor, pair, repairs)) => {
                    let dropped = repairs.dropped_events();
                    self.drops.add(DropCause::Malformed, DropUnit::Events, dropped);
                    self.take(at, pair, sensor);
                }
                Err(e) => {
                    self.second_only = false;
                    self.skip(&path, e.to_string());
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    fn seek(&mut self, frame: usize) -> Result<(), TapeError> {
        let after = self.entries.partition_point(|e| e.first_frame <= frame);
        self.at = after.saturating_sub(1);
        // A shared frame is also the first frame of the next file, which is used.
        let first = self.entries.get(self.at).map_or(0, |e| e.first_frame);
        self.second_only = frame > first;
        (self.epoch, self.end_us) = (None, None);
        self.ready.clear();
        Ok(())
    }

    fn skipped(&self) -> &[(String, String)] {
        &self.skipped
    }
}
