//! Playback of AEDAT4 files.

mod choice;
mod geometry;
mod plan;
mod refusal;
mod sensor;
mod setup;
mod survey;

use super::timeline::{Due, Tape, TapeError, Timeline};
use crate::camera::joiner::PacketJoiner;
use crate::camera::split::StreamKind;
use crate::camera::{
    DeviceSelector, DropCause, DropUnit, Drops, EventPacket, FramePacket, FrameTiming, Packet,
};
use crate::event::{Event, EventBuffer, Trigger};
use crate::formats::aedat4::{
    Aedat4Error, Aedat4Frame, PacketKind, Part, Reader, SampleType, White,
};
use crate::sequence::replay::options::ReplayOptions;
use crate::time::Timestamp;
use geometry::{MAX_TIME_US, Placed, Region, Unusable};
use plan::{Half, Plan, STEP_BACK_US, Step, What};
use setup::Setup;
use std::collections::VecDeque;
use std::path::Path;

/// How long before a frame its events are searched, in microseconds: its exposure, and the
/// disorder of packets in a file.
const EVENT_MARGIN_US: i64 = 300_000;
/// Largest number of warnings; further ones would only repeat them with other numbers.
const MAX_WARNINGS: usize = 16;

/// A file that is being played.
pub(super) struct Recording {
    reader: Reader,
    setup: Setup,
    plan: Plan,
    /// The file ends within a packet.
    cut_off: bool,
    /// It has several cameras, so that the one that is played is named.
    named: bool,
    wanted: DeviceSelector,
    drops: Drops,
    joiner: PacketJoiner,
    triggers: Vec<Trigger>,
    ready: VecDeque<Due>,
    epoch: u32,
    /// The segment of the present epoch.
    segment: usize,
    /// The part of the event sensor that events are cut to in this epoch.
    region: Region,
    /// Index of the next step.
    at: usize,
    /// Drops of earlier steps were counted; those of repeated ones are not counted again.
    counted: usize,
    /// A packet of events could not be read: the time up to the next one is not covered.
    gap: bool,
    /// Start of events that came too late, in microseconds.
    late_since_us: Option<i64>,
    sent: u64,
    /// Frames with lower numbers are skipped after a seek.
    from_frame: usize,
    finished: bool,
}

impl Recording {
    pub(super) fn open(
        path: &Path,
        options: &ReplayOptions,
        needed: Option<StreamKind>,
        wanted: DeviceSelector,
        drops: Drops,
    ) -> Result<Self, TapeError> {
        let mut reader = Reader::open(path)?;
        let index = reader.index()?;
        let mut setup = setup::setup(&mut reader, &index, options, needed)?;
        let mut places = std::mem::take(&mut setup.places);
        plan::check_times(&mut places);
        let kind = |stream| match stream {
            _ if Some(stream) == setup.events => PacketKind::Events,
            _ if Some(stream) == setup.frames => PacketKind::Frame,
            _ => PacketKind::Other,
        };
        let plan = Plan::new(&places, kind);
        if plan.segments() > 1 {
            let text = format!(
                "the camera's clock was set back {} times: exposures across it are not paired",
                plan.segments() - 1
            );
            setup.warnings.push(text);
        }
        if index.cut_off {
            setup.warnings.push("the file ends within a packet, which is lost".to_owned());
        }
        setup.warnings.extend(unrelated(&plan));
        let cameras = reader.streams().iter().map(|s| s.camera.as_str()).filter(|c| !c.is_empty());
        let named = cameras.collect::<std::collections::BTreeSet<_>>().len() > 1;
        let (epoch, region) = (wanted.next_epoch(), setup.region);
        Ok(Self {
            reader,
            setup,
            plan,
            cut_off: index.cut_off,
            named,
            wanted,
            drops,
            joiner: PacketJoiner::default(),
            triggers: Vec::new(),
            ready: VecDeque::new(),
            epoch,
            segment: 0,
            region,
            at: 0,
            counted: 0,
            gap: false,
            late_since_us: None,
            sent: 0,
            from_frame: 0,
            finished: false,
        })
    }

    /// Counts drops of the present step, once.
    fn count(&self, cause: DropCause, unit: DropUnit, n: u64) {
        if self.at >= self.counted {
            self.drops.add(cause, unit, n);
        }
    }

    fn warn(&mut self, text: String) {
        let warnings = &mut self.setup.warnings;
        if warnings.len() < MAX_WARNINGS && !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// Passes on the events up to `last_us`, with the edges so far.
    fn send(&mut self, last_us: i64, events: EventBuffer) {
        let (from, until, events) = match self.joiner.join(last_us, events) {
            Ok(joined) => joined,
            Err(lost) => return self.count(DropCause::Late, DropUnit::Events, lost),
        };
        let packet = Packet::Events(EventPacket {
            epoch: self.epoch,
            from: Timestamp::from_us(from),
            until: Timestamp::from_us(until),
            arrived: Timestamp::now(),
            events,
            edges: std::mem::take(&mut self.triggers),
            sensor: self.region.size,
            lost_since: self.late_since_us.take().map(Timestamp::from_us),
        });
        let at_us = self.plan.time_us(self.segment, until);
        self.ready.push_back(Due { at_us, frame: None, packet });
    }

    /// Passes on the events of the last microsecond, which the joiner holds back.
    fn flush(&mut self) {
        if let Some(last_us) = self.joiner.until_us() {
            self.send(last_us + 1, EventBuffer::default());
        }
    }

    fn begin_epoch(&mut self, segment: usize) {
        self.joiner.clear();
        self.triggers.clear();
        (self.gap, self.late_since_us) = (false, None);
        (self.epoch, self.segment) = (self.wanted.next_epoch(), segment);
    }

    /// The content of a step's packet; `None` if it is damaged.
    fn read(&mut self, step: &Step) -> Result<Option<Part>, TapeError> {
        self.reader.go(step.at);
        match self.reader.next_packet() {
            Ok(packet) => Ok(packet.map(|p| p.part)),
            Err(Aedat4Error::Packet { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn damaged_events(&mut self) {
        self.count(DropCause::Malformed, DropUnit::Gaps, 1);
        self.gap = true;
    }

    fn events(&mut self, step: &Step, half: Half) -> Result<(), TapeError> {
        let Some(Part::Events(mut events)) = self.read(step)? else {
            self.damaged_events();
            return Ok(());
        };
        take_half(&mut events, half);
        let all = events.len();
        events.retain(|e| (-MAX_TIME_US..=MAX_TIME_US).contains(&e.t_us));
        self.count(DropCause::Malformed, DropUnit::Events, (all - events.len()) as u64);
        if !events.is_sorted_by_key(|e| e.t_us) {
            events.sort_by_key(|e| e.t_us);
        }
        if let Some(until_us) = self.joiner.until_us() {
            let late = events.partition_point(|e| e.t_us < until_us);
            if let Some(first) = events.first().filter(|_| late > 0) {
                let since_us = self.late_since_us.unwrap_or(i64::MAX).min(first.t_us);
                self.late_since_us = Some(since_us);
                self.count(DropCause::Late, DropUnit::Events, late as u64);
                events.drain(..late);
            }
        }
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let (first_us, last_us) = (first.t_us, last.t_us);
        if std::mem::take(&mut self.gap) && self.joiner.until_us().is_some() {
            self.flush();
            self.joiner.skip_to(first_us);
        }
        let outside = self.region.apply(self.setup.grids.events, &mut events);
        self.count(DropCause::Malformed, DropUnit::Events, outside);
        self.send(last_us, events.into());
        Ok(())
    }

    /// Passes on a frame. Returns `false` if it went back, to read its events again first.
    fn frame(&mut self, step: &Step, number: usize) -> Result<bool, TapeError> {
        if number < self.from_frame {
            return Ok(true);
        }
        let Some(Part::Frame(frame)) = self.read(step)? else {
            self.count(DropCause::Malformed, DropUnit::Frames, 1);
            return Ok(true);
        };
        let Placed { region, exposure_us: (start, end) } = match self.setup.grids.place(&frame.head)
        {
            Ok(placed) => placed,
            // No frame of the camera.
            Err(Unusable::Source(_)) => return Ok(true),
            Err(why) => {
                self.count(DropCause::Malformed, DropUnit::Frames, 1);
                self.warn(format!("some frames cannot be used: {why}"));
                return Ok(true);
            }
        };
        let Some(picture) = self.picture(&frame) else {
            self.count(DropCause::Malformed, DropUnit::Frames, 1);
            self.warn("some frames do not have all of their pixels".to_owned());
            return Ok(true);
        };
        if region != self.region {
            // The events of its exposure were cut to another region: they are read again.
            self.region = region;
            self.warn(format!(
                "frames change to {} pixels at ({}, {}) of the event sensor",
                region.size, region.x, region.y
            ));
            self.reposition(number);
            return Ok(false);
        }
        let sequence = self.sent;
        self.sent += 1;
        let packet = Packet::Frame(FramePacket {
            epoch: self.epoch,
            sequence,
            span: FrameTiming::Events {
                start: Timestamp::from_us(start),
                end: Timestamp::from_us(end),
            },
            arrived: Timestamp::now(),
            picture,
            truth: None,
        });
        let at_us = self.plan.time_us(step.segment, end);
        self.ready.push_back(Due { at_us, frame: Some(number), packet });
        Ok(true)
    }

    fn picture(&mut self, frame: &Aedat4Frame) -> Option<crate::image::ImageU8> {
        let (depth, _) = frame.head.samples()?;
        if depth == SampleType::U8 {
            return frame.picture(White::EIGHT_BITS);
        }
        let known = self.setup.whites.iter().find(|(known, _)| *known == depth).map(|(_, w)| *w);
        let white = match known {
            Some(white) => white,
            // No frame of this type was among those that were looked at.
            None => White::of(depth, frame.max()?)?,
        };
        if known.is_some_and(|white| frame.max().is_some_and(|max| white.clips(max))) {
            self.warn(format!(
                "some frames are brighter than {} bits, and are clipped: use ,bits=16",
                white.bit_count()
            ));
        }
        frame.picture(white)
    }

    /// Continues with this frame: before it, with its events, in a new epoch.
    fn reposition(&mut self, frame: usize) {
        let target = self.plan.frames.get(frame).copied();
        let start = target.and_then(|target| {
            // The earlier position: the frame or the first of its events.
            let is_start = |s: &Step| {
                let events = matches!(s.what, What::Events(_));
                s.segment == target.segment
                    && (s.at == target.at
                        || (events && s.until_us >= target.t_us.saturating_sub(EVENT_MARGIN_US)))
            };
            self.plan.steps.iter().position(is_start)
        });
        self.at = start.unwrap_or(0);
        let segment = target.map_or(0, |target| target.segment);
        self.begin_epoch(segment);
        (self.from_frame, self.finished) = (frame, false);
    }

    /// Executes the next step. `false` at the end.
    fn step(&mut self) -> Result<bool, TapeError> {
        let Some(step) = self.plan.steps.get(self.at).copied() else {
            if std::mem::replace(&mut self.finished, true) {
                return Ok(false);
            }
            self.flush();
            if self.cut_off {
                self.count(DropCause::Malformed, DropUnit::Gaps, 1);
                self.counted = self.counted.max(self.at + 1);
            }
            return Ok(true);
        };
        if step.segment != self.segment {
            self.flush();
            self.begin_epoch(step.segment);
        }
        match step.what {
            What::Events(half) => self.events(&step, half)?,
            What::Frame(number) => {
                if !self.frame(&step, number)? {
                    return Ok(true);
                }
            }
            What::Edges => match self.read(&step)? {
                Some(Part::Edges(edges)) => self.triggers.extend(edges),
                Some(_) => {}
                None => self.count(DropCause::Malformed, DropUnit::Gaps, 1),
            },
            What::Damaged(PacketKind::Events) => self.damaged_events(),
            What::Damaged(PacketKind::Frame) => {
                self.count(DropCause::Malformed, DropUnit::Frames, 1);
            }
            What::Damaged(_) => self.count(DropCause::Malformed, DropUnit::Gaps, 1),
        }
        self.at += 1;
        self.counted = self.counted.max(self.at);
        Ok(true)
    }
}

/// The events before or after the largest step back in a packet in which the clock was set back.
fn take_half(events: &mut Vec<Event>, half: Half) {
    if half == Half::Whole {
        return;
    }
    let back = |pair: &[Event]| match pair {
        [a, b] => a.t_us.saturating_sub(b.t_us),
        _ => 0,
    };
    let step = events.windows(2).map(back).enumerate().max_by_key(|(_, us)| *us);
    let split = match step {
        Some((i, us)) if us > STEP_BACK_US => i + 1,
        _ => events.len(),
    };
    match half {
        Half::First => events.truncate(split),
        _ => drop(events.drain(..split)),
    }
}

/// A warning if no frame was taken while there were events.
fn unrelated(plan: &Plan) -> Option<String> {
    let mut events: Option<(i64, i64)> = None;
    for step in plan.steps.iter().filter(|s| matches!(s.what, What::Events(_))) {
        let t = step.until_us;
        events = Some(events.map_or((t, t), |(a, b)| (a.min(t), b.max(t))));
    }
    let (first, last) = events?;
    let near = first.saturating_sub(EVENT_MARGIN_US)..=last.saturating_add(EVENT_MARGIN_US);
    let times = || plan.frames.iter().map(|f| f.t_us);
    let (start, end) = times().min().zip(times().max())?;
    if times().any(|t| near.contains(&t)) {
        return None;
    }
    let s = |us: i64| us as f64 / 1e6;
    Some(format!(
        "no frame was taken while there were events: frames lie from {:.3} to {:.3} s, events from \
         {:.3} to {:.3} s (another clock, or another unit?)",
        s(start),
        s(end),
        s(first),
        s(last)
    ))
}

impl Tape for Recording {
    fn timeline(&self) -> &Timeline {
        &self.plan.timeline
    }

    fn next(&mut self) -> Result<Option<Due>, TapeError> {
        loop {
            if let Some(due) = self.ready.pop_front() {
                return Ok(Some(due));
            }
            if !self.step()? {
                return Ok(None);
            }
        }
    }

    fn go(&mut self, frame: usize) -> Result<(), TapeError> {
        self.ready.clear();
        self.reader.renew();
        if let Some(target) = self.plan.frames.get(frame)
            && let Some(head) = self.reader.peek(target.at)?.frame
            && let Ok(placed) = self.setup.grids.place(&head)
        {
            self.region = placed.region;
        }
        self.reposition(frame);
        Ok(())
    }

    fn camera(&self) -> Option<&str> {
        self.named.then_some(self.setup.camera.as_str())
    }

    fn warnings(&self) -> &[String] {
        &self.setup.warnings
    }
}
