//! A clock that was set back while it was recorded: what follows is a new epoch. Its times are moved
//! behind those before, so that the frames and events of two epochs are not mixed.

use super::recording::FrameInfo;
use super::text_times::FrameTime;
use crate::event::Event;
use crate::formats::limits::MAX_TIME_US;
use std::path::PathBuf;

/// A time that falls by more than this, in microseconds, was set back: buffers of cameras and drivers
/// exchange events over far less.
pub(super) const CLOCK_SET_BACK_US: i64 = 1_000_000;
/// Time between two epochs, in microseconds: longer than any exposure.
const GAP_US: i64 = 120_000_000;

/// Positions from which the times are lower than before. A single damaged time is none.
fn falls(count: usize, time: impl Fn(usize) -> Option<i64>) -> Vec<usize> {
    let is_lower = |at: usize, before: usize| {
        let (Some(now), Some(earlier)) = (time(at), time(before)) else { return true };
        earlier.saturating_sub(now) > CLOCK_SET_BACK_US
    };
    let is_fall = |at: &usize| {
        let (next, last, before) = (at + 1, at - 1, at.wrapping_sub(2));
        is_lower(*at, last)
            && is_lower(*at, before)
            && is_lower(next, last)
            && is_lower(next, before)
    };
    (1..count).filter(is_fall).collect()
}

/// The least and the largest of some times that a clock may have.
fn range(times: impl Iterator<Item = i64>) -> Option<[i64; 2]> {
    let possible = times.filter(|t| (-MAX_TIME_US..=MAX_TIME_US).contains(t));
    possible.fold(None, |found, t| {
        let [least, largest] = found.unwrap_or([t, t]);
        Some([t.min(least), t.max(largest)])
    })
}

/// Moves the times of every epoch behind those of the one before. Returns the frames with which new
/// epochs begin. `offset_us` is added to the times of events later. Where only frames or only events
/// are out of order, no clock was set back: nothing is changed.
///
/// # Errors
/// It is not clear which frames and events have a clock in common.
pub(super) fn join(
    frames: &mut [(PathBuf, FrameTime)],
    events: &mut [Event],
    offset_us: i64,
) -> Result<Vec<usize>, String> {
    let begins = falls(frames.len(), |at| frames.get(at).map(|(_, time)| time.stamp_us));
    let of_events = falls(events.len(), |at| events.get(at).map(|event| event.t_us));
    if begins.is_empty() || of_events.is_empty() {
        return Ok(Vec::new());
    }
    let unclear = |why: &str| {
        format!(
            "the clock was set back: the times of frames fall {} times by more than a second, those \
             of events {} times{why}: split the recording there, so that each part has one clock",
            begins.len(),
            of_events.len()
        )
    };
    if begins.len() != of_events.len() {
        return Err(unclear(""));
    }
    let ends = |begins: &[usize], count| [begins, &[count]].concat();
    let (frame_ends, event_ends) = (ends(&begins, frames.len()), ends(&of_events, events.len()));
    let (mut frame, mut event, mut until_us) = (0, 0, None::<i64>);
    for (frame_end, event_end) in frame_ends.into_iter().zip(event_ends) {
        let (Some(frames), Some(events)) =
            (frames.get_mut(frame..frame_end), events.get_mut(event..event_end))
        else {
            break;
        };
        (frame, event) = (frame_end, event_end);
        let end_us = |time: &FrameTime| {
            let after = time.stamp_us.saturating_add(time.exposure_us.unwrap_or(0));
            time.end_us.unwrap_or(after)
        };
        let exposed = range(frames.iter().flat_map(|(_, time)| [time.stamp_us, end_us(time)]));
        let seen = range(events.iter().map(|event| event.t_us.saturating_add(offset_us)));
        let (Some([start, end]), Some([first, last])) = (exposed, seen) else { continue };
        if first > end || last < start {
            let why = format!(
                ", and after one of them events from {first} to {last} us meet frames from {start} \
                 to {end} us"
            );
            return Err(unclear(&why));
        }
        let begin_us = start.min(first);
        let shift_us =
            until_us.map_or(0, |until| until.saturating_add(GAP_US).saturating_sub(begin_us));
        for (_, time) in frames {
            time.stamp_us = time.stamp_us.saturating_add(shift_us);
            time.end_us = time.end_us.map(|end| end.saturating_add(shift_us));
        }
        for event in events {
            event.t_us = event.t_us.saturating_add(shift_us);
        }
        until_us = Some(end.max(last).saturating_add(shift_us));
    }
    Ok(begins)
}

/// Leaves out the last frame of an epoch before the last one if their number is odd: pairs would else
/// have frames of two epochs. `begins` are the numbers of the frames with which new epochs begin.
pub(super) fn paired(
    frames: &[(FrameInfo, usize)],
    begins: &[usize],
    skipped: &mut Vec<String>,
) -> Vec<(FrameInfo, usize)> {
    let epoch = |frame: &(FrameInfo, usize)| begins.partition_point(|first| *first <= frame.1);
    let mut out = Vec::with_capacity(frames.len());
    for group in frames.chunk_by(|a, b| epoch(a) == epoch(b)) {
        out.extend_from_slice(group);
        if group.len() % 2 == 1
            && let Some((last, _)) = group.last().filter(|last| epoch(last) < begins.len())
        {
            skipped.push(format!("{}: it has no partner before the clock was set back", last.name));
            out.pop();
        }
    }
    out
}

#[cfg(test)]
mod tests;
