//! Frames of a recording become MS-RBD pairs: each with the next, every frame once.

use super::error::ImportError;
use super::recording::ForeignRecording;
use crate::sequence::{Entry, GroundTruth, Pair};

/// Number of pairs that the frames of a recording make.
pub fn pair_count(recording: &dyn ForeignRecording) -> usize {
    recording.frames().len() / 2
}

/// Whether frames and events have a time in common.
///
/// # Errors
/// They have none, or there are too few frames for a pair: a line with both ranges and the likely
/// cause.
pub fn check(recording: &dyn ForeignRecording) -> Result<(), String> {
    let frames = recording.frames();
    if frames.len() < 2 {
        return Err(format!("{} usable frames: a pair needs two", frames.len()));
    }
    let Some(events) = recording.event_range_us() else { return Ok(()) };
    let start = frames.iter().map(|f| f.exposure_us[0]).min().unwrap_or(0);
    let end = frames.iter().map(|f| f.exposure_us[1]).max().unwrap_or(0);
    if events[0] >= end || events[1] < start {
        return Err(format!(
            "events from {} to {} us, but exposures from {start} to {end} us: another clock or unit? \
             State them with --event-unit and --frame-unit, or shift the events with \
             --event-offset-us",
            events[0], events[1]
        ));
    }
    Ok(())
}

/// How many times longer the events may last than the frames, or the reverse. Units differ by a factor
/// of a thousand.
const MAX_RATIO: i64 = 200;

/// What is doubtful about the times of a recording that [`check`] accepts: events and frames that
/// overlap, but of which one lasts far longer. In one line, for a warning.
pub fn doubt(recording: &dyn ForeignRecording) -> Option<String> {
    let frames = recording.frames();
    let [first, until] = recording.event_range_us()?;
    let start = frames.iter().map(|f| f.exposure_us[0]).min()?;
    let end = frames.iter().map(|f| f.exposure_us[1]).max()?;
    let (events, exposures) =
        (until.saturating_sub(first).max(1), end.saturating_sub(start).max(1));
    // Less than a minute of events around a few frames may be an excerpt of a recording.
    let longer = events / exposures > MAX_RATIO && events > 60_000_000;
    let shorter = exposures / events > MAX_RATIO && frames.len() > 4;
    (longer || shorter).then(|| {
        format!(
            "events from {first} to {until} us, but exposures from {start} to {end} us: is one of \
             them in another unit? State it with --event-unit and --frame-unit"
        )
    })
}

/// Makes pair `number` of a recording, with its entry for a dataset's manifest.
///
/// # Errors
/// A part cannot be read, the frames do not fit the sensor, or neither exposure has events.
pub fn pair(
    recording: &mut dyn ForeignRecording,
    source: &str,
    number: usize,
) -> Result<(Pair, Entry), String> {
    let text = |e: ImportError| e.to_string();
    let (a, b) = (2 * number, 2 * number + 1);
    let infos = (recording.frames().get(a).cloned()).zip(recording.frames().get(b).cloned());
    let (first, second) = infos.ok_or_else(|| format!("there is no pair {number}"))?;
    let [[start, end1], [start2, end]] = [first.exposure_us, second.exposure_us];
    let frames = [recording.picture(a).map_err(text)?, recording.picture(b).map_err(text)?];
    let [size, other] = frames.each_ref().map(|f| f.size());
    if size != other {
        return Err(format!("{} has {size} pixels, {} {other}", first.name, second.name));
    }
    let sensor = recording.sensor();
    let scale_factor = size.width as f64 / sensor.width as f64;
    let rows = (size.height as f64 / scale_factor).round();
    if rows != sensor.height as f64 {
        return Err(format!(
            "pictures of {size} pixels do not have the proportions of a sensor of {sensor}: crop \
             them to what the event camera sees, or give the sensor's size with --sensor"
        ));
    }
    let events = recording.events(start, end).map_err(text)?;
    if !events.iter().any(|e| e.t_us < end1 || e.t_us >= start2) {
        return Err(format!(
            "{} and {}: no events during their exposures, from {start} to {end1} us and from {start2} to \
             {end} us: are exposure times in another unit? In a text file the name of their column \
             states it, such as exposure_ms",
            first.name, second.name
        ));
    }
    let mut truth = GroundTruth { images: Vec::new(), timestamps_us: Vec::new() };
    for frame in [a, b] {
        if let Some(found) = recording.truth(frame).map_err(text)? {
            truth.images.extend(found.images);
            truth.timestamps_us.extend(found.timestamps_us);
        }
    }
    let entry = Entry {
        source: format!("{source}, {} and {}", first.name, second.name),
        thresholds: None,
        threshold_source: None,
        threshold_uncertainty: None,
        blur_px: None,
        events: events.len(),
    };
    let truth = (!truth.images.is_empty()).then_some(truth);
    let exposures_us = [first.exposure_us, second.exposure_us];
    Ok((Pair { frames, exposures_us, events, scale_factor, truth }, entry))
}
