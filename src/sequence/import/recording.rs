//! The interface of the readers of foreign formats.

use super::error::ImportError;
use crate::event::Event;
use crate::formats::limits::MAX_TIME_US;
use crate::image::{ImageU8, Size};
use crate::sequence::GroundTruth;

/// A frame of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    /// Its name in messages: a file name, or a number.
    pub name: String,
    /// Start and end of its exposure in microseconds, on the clock of the events.
    pub exposure_us: [i64; 2],
}

/// One sequence of frames with events, in a foreign format. Frames and events are read on demand.
pub trait ForeignRecording: Send {
    /// Name of the format, with what it was recognised by.
    fn format(&self) -> &str;

    /// The frames, in order of time; no two exposures overlap.
    fn frames(&self) -> &[FrameInfo];

    /// Size of the event sensor in pixels.
    fn sensor(&self) -> Size;

    /// The picture of a frame.
    ///
    /// # Errors
    /// It cannot be read.
    fn picture(&mut self, frame: usize) -> Result<ImageU8, ImportError>;

    /// The events at `from_us` and later, before `until_us`, in order of time and within the
    /// sensor.
    ///
    /// # Errors
    /// They cannot be read.
    fn events(&mut self, from_us: i64, until_us: i64) -> Result<Vec<Event>, ImportError>;

    /// The sharp images that belong to the exposure of a frame, and their times.
    ///
    /// # Errors
    /// They cannot be read.
    fn truth(&mut self, _frame: usize) -> Result<Option<GroundTruth>, ImportError> {
        Ok(None)
    }

    /// What was guessed or taken from options, one line each.
    fn remarks(&self) -> &[String];

    /// What was left out, with the reasons, one line each.
    fn skipped(&self) -> Vec<String>;

    /// Number of events that were left out so far.
    fn dropped_events(&self) -> usize;

    /// The range of the times of the events in microseconds, as far as it is known.
    fn event_range_us(&self) -> Option<[i64; 2]>;
}

/// The longest exposure in microseconds, as of `--exposure-us`. A longer one is damaged, or in another
/// unit.
const MAX_EXPOSURE_US: i64 = 60_000_000;

/// Sorts frames by time, and leaves out those that overlap with their predecessor, and those whose
/// time is beyond any clock's or whose exposure is longer than any.
pub(super) fn ordered(
    mut frames: Vec<(FrameInfo, usize)>,
    skipped: &mut Vec<String>,
) -> Vec<(FrameInfo, usize)> {
    frames.sort_by_key(|(frame, _)| frame.exposure_us);
    let mut end_us = i64::MIN;
    frames.retain(|(frame, _)| {
        let [start, end] = frame.exposure_us;
        if start < -MAX_TIME_US || end > MAX_TIME_US {
            skipped.push(format!("{}: its time, {start} us, is damaged", frame.name));
            return false;
        }
        if start >= end {
            skipped.push(format!(
                "{}: its exposure ends {} us before its start",
                frame.name,
                start.saturating_sub(end)
            ));
            return false;
        }
        if end.saturating_sub(start) > MAX_EXPOSURE_US {
            skipped.push(format!(
                "{}: its exposure of {} s is longer than {} s: damaged, or in another unit",
                frame.name,
                end.saturating_sub(start) / 1_000_000,
                MAX_EXPOSURE_US / 1_000_000
            ));
            return false;
        }
        if start < end_us {
            let by = end_us.saturating_sub(start);
            skipped.push(format!(
                "{}: its exposure overlaps with the previous one by {by} us",
                frame.name
            ));
            return false;
        }
        end_us = end;
        true
    });
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_reversed_and_endless_exposures_are_left_out() {
        let frame = |exposure_us: [i64; 2]| FrameInfo { name: "a".into(), exposure_us };
        let times = [[0, 100], [50, 150], [200, 190], [300, 400], [500, 99_000_500], [600, 700]];
        let frames = times.map(|times| (frame(times), 0)).to_vec();
        let mut skipped = Vec::new();
        let kept = ordered(frames, &mut skipped);
        let kept: Vec<[i64; 2]> = kept.iter().map(|(frame, _)| frame.exposure_us).collect();
        assert_eq!(kept, [[0, 100], [300, 400], [600, 700]]);
        let reasons = ["overlaps", "before its start", "of 99 s is longer than 60 s"];
        assert_eq!(skipped.len(), reasons.len(), "{skipped:?}");
        assert!(skipped.iter().zip(reasons).all(|(line, why)| line.contains(why)), "{skipped:?}");
    }
}
