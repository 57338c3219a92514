//! Segments of a file with one clock each.

use crate::formats::aedat4::{PacketKind, PacketPlace};

/// How far a frame may lie before or after the events of its clock, in microseconds.
const MARGIN_US: i64 = 500_000;
/// Least step back within a packet that sets the clock back, in microseconds; smaller ones are
/// disorder.
pub(super) const STEP_BACK_US: i64 = 1_000;
/// Frames of the previous clock that may follow the first events of the new one.
const OVERDUE_FRAMES: usize = 16;
/// Most segments of a file: clocks that are set back more often are damaged times.
const MAX_SEGMENTS: usize = 1000;

/// A segment of a file with one clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Offset of its first packet.
    pub(super) at: u64,
    /// It begins within that packet.
    pub(super) within: bool,
    pub(super) from_us: i64,
    pub(super) until_us: i64,
}

/// Finds where the clock of the events was set back; of the frames, if there are no events.
pub(super) fn segments(places: &[PacketPlace]) -> Vec<Segment> {
    let has_events = places.iter().any(|p| p.kind == PacketKind::Events);
    let kind = if has_events { PacketKind::Events } else { PacketKind::Frame };
    let timed: Vec<&PacketPlace> = places.iter().filter(|p| p.kind == kind).collect();
    let mut segments: Vec<Segment> = Vec::new();
    for (i, place) in timed.iter().enumerate() {
        let until_us = place.until_us.max(place.from_us);
        let new = Segment { at: place.at, within: false, from_us: place.from_us, until_us };
        let count = segments.len();
        match segments.last_mut() {
            None => segments.push(Segment { at: 0, ..new }),
            Some(now) => {
                let newest_us = now.until_us;
                // A packet out of order is followed by one that is newer than all others.
                let follows = timed.get(i + 1).map(|next| next.from_us);
                let set_back = match follows {
                    Some(next_us) => next_us < newest_us,
                    None => place.until_us < newest_us,
                };
                if place.from_us < newest_us && set_back && count < MAX_SEGMENTS {
                    segments.push(new);
                } else {
                    now.until_us = newest_us.max(until_us);
                }
            }
        }
        let within = place.from_us.saturating_sub(place.until_us) > STEP_BACK_US;
        if kind == PacketKind::Events && within && segments.len() < MAX_SEGMENTS {
            // Within the packet. How far its first part reaches is not known.
            let until_us = place.until_us;
            segments.push(Segment { at: place.at, within: true, from_us: until_us, until_us });
        }
    }
    if segments.is_empty() {
        segments.push(Segment { at: 0, within: false, from_us: 0, until_us: 0 });
    }
    segments
}

/// The segment at an offset of the file.
pub(super) fn segment_at(segments: &[Segment], at: u64) -> usize {
    segments.partition_point(|s| s.at <= at).saturating_sub(1)
}

/// The segment that every packet belongs to: that of its place in the file, or for a frame the one
/// with its time.
pub(super) fn owners(
    places: &[PacketPlace],
    segments: &[Segment],
    numbers: &[usize],
) -> Vec<usize> {
    let mut owners = numbers.to_vec();
    if segments.len() < 2 {
        return owners;
    }
    let fits = |number: usize, t_us: i64| {
        segments.get(number).is_some_and(|s| {
            let from_us = s.from_us.saturating_sub(MARGIN_US);
            (from_us..=s.until_us.saturating_add(MARGIN_US)).contains(&t_us)
        })
    };
    // The frames of every segment by their place in the file, in that order.
    let mut frames: Vec<Vec<usize>> = vec![Vec::new(); segments.len()];
    for (i, (place, number)) in places.iter().zip(numbers).enumerate() {
        if place.kind == PacketKind::Frame
            && let Some(list) = frames.get_mut(*number)
        {
            list.push(i);
        }
    }
    let time = |i: usize| places.get(i).map_or(0, |p| p.from_us);
    for (number, list) in frames.iter().enumerate() {
        // Frames before the first one that is earlier than its predecessor may still be of the
        // previous clock.
        let first = list.iter().take(OVERDUE_FRAMES);
        let set_back = first.clone().zip(first.skip(1)).position(|(a, b)| time(*b) < time(*a));
        for (n, i) in list.iter().enumerate() {
            let t_us = time(*i);
            let previous = number.checked_sub(1).filter(|p| fits(*p, t_us));
            let overdue = set_back.is_some_and(|last| n <= last);
            let owner = if let Some(previous) = previous.filter(|_| overdue) {
                previous
            } else if fits(number, t_us) {
                number
            } else if let Some(previous) = previous {
                previous
            } else if fits(number + 1, t_us) {
                number + 1
            } else {
                (0..segments.len()).find(|s| fits(*s, t_us)).unwrap_or(number)
            };
            if let Some(entry) = owners.get_mut(*i) {
                *entry = owner;
            }
        }
    }
    owners
}
