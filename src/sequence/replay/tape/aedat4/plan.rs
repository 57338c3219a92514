//! The order in which a file is played.
//!
//! Where the clock was set back, a new segment begins, and with it a new epoch. Frames are played
//! with the segment that their times belong to, wherever in the file they are.

use super::geometry::MAX_TIME_US;
use crate::formats::aedat4::{PacketKind, PacketPlace};
use crate::sequence::replay::tape::timeline::Timeline;

/// How far a frame may lie before or after the events of its clock, in microseconds.
const MARGIN_US: i64 = 500_000;
/// Least step back within a packet that sets the clock back, in microseconds; smaller ones are
/// disorder.
pub(super) const STEP_BACK_US: i64 = 1_000;
/// Frames of the previous clock that may follow the first events of the new one.
const OVERDUE_FRAMES: usize = 16;

/// What a step reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A packet of events, or its part before or after the clock was set back.
    Events(Half),
    /// The frame with this number.
    Frame(usize),
    /// Edges.
    Edges,
    /// A damaged packet of a stream with this content.
    Damaged(PacketKind),
}

/// A part of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Whole,
    First,
    Second,
}

/// One packet to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Offset of the packet in the file.
    pub(super) at: u64,
    pub(super) what: What,
    /// Index of the segment.
    pub(super) segment: usize,
    /// Time of the last element, in microseconds of the segment's clock.
    pub(super) until_us: i64,
}

/// A stretch of a file with one clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    /// Offset of its first packet.
    at: u64,
    /// It begins within that packet.
    within: bool,
    from_us: i64,
    until_us: i64,
}

/// A frame on the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlannedFrame {
    /// Offset of its packet.
    pub(super) at: u64,
    pub(super) segment: usize,
    /// Its timestamp, in microseconds of the segment's clock.
    pub(super) t_us: i64,
}

/// All packets in the order in which they are played.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The frames in the order of their time; the index is the number of the frame.
    pub(super) frames: Vec<PlannedFrame>,
    pub(super) timeline: Timeline,
    /// Offset from each segment's clock to the time of the recording, in microseconds.
    shifts_us: Vec<i64>,
}

impl Plan {
    /// From the packets of one camera in the order of the file. `stream_kind` tells the content of
    /// a stream, for its damaged packets.
    pub(super) fn new(places: &[PacketPlace], stream_kind: impl Fn(i32) -> PacketKind) -> Self {
        let mut segments = segments(places);
        let numbers: Vec<usize> = places.iter().map(|p| segment_at(&segments, p.at)).collect();
        let owners = owners(places, &segments, &numbers);
        for (place, owner) in places.iter().zip(&owners) {
            if let (PacketKind::Frame, Some(segment)) = (place.kind, segments.get_mut(*owner)) {
                segment.from_us = segment.from_us.min(place.from_us);
                segment.until_us = segment.until_us.max(place.until_us);
            }
        }
        let (mut end_us, mut shifts_us) = (0_i64, Vec::new());
        for segment in &segments {
            shifts_us.push(end_us.saturating_sub(segment.from_us));
            end_us = end_us.saturating_add(segment.until_us.saturating_sub(segment.from_us));
        }
        let mut frames: Vec<PlannedFrame> = places
            .iter()
            .zip(&owners)
            .filter(|(p, _)| p.kind == PacketKind::Frame)
            .map(|(p, owner)| PlannedFrame { at: p.at, segment: *owner, t_us: p.from_us })
            .collect();
        frames.sort_by_key(|f| (f.segment, f.t_us));
        let shift = |segment: usize| shifts_us.get(segment).copied().unwrap_or(0);
        let starts_us = frames.iter().map(|f| f.t_us.saturating_add(shift(f.segment))).collect();
        let mut by_place: Vec<(u64, usize)> =
            frames.iter().enumerate().map(|(number, f)| (f.at, number)).collect();
        by_place.sort_unstable();
        let mut steps = Vec::with_capacity(places.len() + segments.len());
        for (place, owner) in places.iter().zip(&owners) {
            let what = match place.kind {
                PacketKind::Events => What::Events(Half::Whole),
                PacketKind::Frame => {
                    let found = by_place.binary_search_by_key(&place.at, |(at, _)| *at);
                    let number = found.ok().and_then(|i| by_place.get(i)).map(|(_, n)| *n);
                    What::Frame(number.unwrap_or(usize::MAX))
                }
                PacketKind::Triggers => What::Edges,
                PacketKind::Damaged => What::Damaged(stream_kind(place.stream)),
                PacketKind::Other => continue,
            };
            let step = Step { at: place.at, what, segment: *owner, until_us: place.until_us };
            let split = segments.iter().position(|s| s.within && s.at == place.at);
            match (split, place.kind) {
                (Some(second), PacketKind::Events) => {
                    let first = second.saturating_sub(1);
                    let what = What::Events(Half::First);
                    steps.push(Step { what, segment: first, until_us: place.from_us, ..step });
                    let what = What::Events(Half::Second);
                    steps.push(Step { what, segment: second, ..step });
                }
                _ => steps.push(step),
            }
        }
        steps.sort_by_key(|s| (s.segment, s.at));
        Self { steps, frames, timeline: Timeline { starts_us, end_us }, shifts_us }
    }

    /// Converts a time of a segment's clock to the time of the recording, in microseconds.
    pub(super) fn time_us(&self, segment: usize, t_us: i64) -> i64 {
        t_us.saturating_add(self.shifts_us.get(segment).copied().unwrap_or(0))
    }

    /// Number of clocks.
    pub(super) fn segments(&self) -> usize {
        self.shifts_us.len()
    }
}

/// Finds where the clock of the events was set back; of the frames, if there are no events.
fn segments(places: &[PacketPlace]) -> Vec<Segment> {
    let has_events = places.iter().any(|p| p.kind == PacketKind::Events);
    let kind = if has_events { PacketKind::Events } else { PacketKind::Frame };
    let timed: Vec<&PacketPlace> = places.iter().filter(|p| p.kind == kind).collect();
    let mut segments: Vec<Segment> = Vec::new();
    for (i, place) in timed.iter().enumerate() {
        let until_us = place.until_us.max(place.from_us);
        let new = Segment { at: place.at, within: false, from_us: place.from_us, until_us };
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
                if place.from_us < newest_us && set_back {
                    segments.push(new);
                } else {
                    now.until_us = newest_us.max(until_us);
                }
            }
        }
        if kind == PacketKind::Events && place.from_us.saturating_sub(place.until_us) > STEP_BACK_US
        {
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
fn segment_at(segments: &[Segment], at: u64) -> usize {
    segments.partition_point(|s| s.at <= at).saturating_sub(1)
}

/// The segment that every packet belongs to: that of its place in the file, or for a frame the one
/// with its time.
fn owners(places: &[PacketPlace], segments: &[Segment], numbers: &[usize]) -> Vec<usize> {
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

/// Mends impossible times of packets that have a possible one too, and marks others as damaged.
pub(super) fn check_times(places: &mut [PacketPlace]) {
    let possible = |us: i64| (-MAX_TIME_US..=MAX_TIME_US).contains(&us);
    for place in places {
        match (place.kind, possible(place.from_us), possible(place.until_us)) {
            (PacketKind::Events | PacketKind::Frame, true, false) => place.until_us = place.from_us,
            (PacketKind::Events, false, true) => place.from_us = place.until_us,
            (PacketKind::Events | PacketKind::Frame, false, _) => place.kind = PacketKind::Damaged,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

    use super::*;

    const EVENTS: PacketKind = PacketKind::Events;
    const FRAME: PacketKind = PacketKind::Frame;

    /// Packets in the order of a file, 100 bytes long.
    fn places(list: &[(PacketKind, i64, i64)]) -> Vec<PacketPlace> {
        let place =
            |(i, (kind, from_us, until_us)): (usize, &(PacketKind, i64, i64))| PacketPlace {
                at: 100 * i as u64,
                stream: 0,
                kind: *kind,
                from_us: *from_us,
                until_us: *until_us,
            };
        list.iter().enumerate().map(place).collect()
    }

    fn owners_of(list: &[(PacketKind, i64, i64)]) -> Vec<usize> {
        let places = places(list);
        let segments = segments(&places);
        let numbers: Vec<usize> = places.iter().map(|p| segment_at(&segments, p.at)).collect();
        owners(&places, &segments, &numbers)
    }

    #[test]
    fn a_clock_that_is_set_back_begins_a_segment_and_disorder_does_not() {
        let s = 1_000_000;
        let count = |list: &[i64]| {
            let list: Vec<_> = list.iter().map(|t| (EVENTS, t * s, t * s + s - 1)).collect();
            segments(&places(&list)).len()
        };
        assert_eq!(count(&[0, 1, 2, 3]), 1);
        assert_eq!(count(&[0, 5000, 5001]), 1, "a pause");
        assert_eq!(count(&[0, 2, 1, 3]), 1, "a packet is out of order");
        assert_eq!(count(&[0, 1, 1, 2]), 1, "a packet is there twice");
        assert_eq!(count(&[10, 11, 0, 1]), 2);
        assert_eq!(count(&[10, 11, 0]), 2);
        assert_eq!(count(&[10, 0, 5, 2, 3]), 3);
        assert_eq!(count(&[10, 9, 10, 11]), 2, "set back by less than it has run");
        let within = places(&[(EVENTS, 5 * s, 6 * s), (EVENTS, 6 * s, 3), (EVENTS, 4, s)]);
        let plan = Plan::new(&within, |_| EVENTS);
        let parts: Vec<_> = plan.steps.iter().map(|p| (p.at, p.what, p.segment)).collect();
        let halves = [Half::Whole, Half::First, Half::Second, Half::Whole].map(What::Events);
        let at = [0, 100, 100, 200];
        let expected: Vec<_> =
            at.into_iter().zip(halves).zip([0, 0, 1, 1]).map(|((a, h), s)| (a, h, s)).collect();
        assert_eq!(parts, expected);
    }

    #[test]
    fn frames_belong_to_the_clock_that_they_were_taken_with() {
        let s = 1_000_000;
        // The last frame of the first clock comes after the first events of the second.
        let late = [
            (EVENTS, 100 * s, 101 * s),
            (FRAME, 100 * s, 100 * s),
            (EVENTS, 5, s),
            (FRAME, 101 * s, 101 * s),
            (FRAME, 7, 7),
            (EVENTS, s, 2 * s),
            (FRAME, s, s),
        ];
        assert_eq!(owners_of(&late), [0, 0, 1, 0, 1, 1, 1]);
        let plan = Plan::new(&places(&late), |_| EVENTS);
        assert_eq!(
            plan.steps.iter().map(|p| p.at).collect::<Vec<_>>(),
            [0, 100, 300, 200, 400, 500, 600]
        );
        assert_eq!(plan.timeline.starts_us, [0, s, s + 2, 2 * s - 5]);
        assert_eq!((plan.timeline.end_us, plan.segments()), (3 * s - 5, 2));
        // Both clocks were at 10.2 s: the order of the frames decides.
        let both = [
            (EVENTS, 9 * s, 10 * s),
            (FRAME, 9 * s, 9 * s),
            (EVENTS, 10 * s, 11 * s),
            (EVENTS, 10 * s + 1, 10 * s + 2),
            (FRAME, 10 * s + 200_000, 10 * s + 200_000),
            (FRAME, 10 * s + 100_000, 10 * s + 100_000),
            (EVENTS, 10 * s + 3, 11 * s),
        ];
        assert_eq!(owners_of(&both), [0, 0, 0, 1, 0, 1, 1]);
        // Frames come before their events.
        let early = [(EVENTS, 100 * s, 101 * s), (FRAME, 5, 5), (EVENTS, 3, s), (EVENTS, s, 2 * s)];
        assert_eq!(owners_of(&early), [0, 1, 1, 1]);
    }
}
