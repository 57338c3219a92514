//! Playback of AEDAT4 files.

mod choice;
mod events;
mod frames;
mod geometry;
mod plan;
mod refusal;
mod segments;
mod sensor;
mod setup;
mod survey;

use super::timeline::{ScheduledPacket, Tape, TapeError, Timeline};
use crate::camera::joiner::PacketJoiner;
use crate::camera::split::StreamKind;
use crate::camera::{DeviceSelector, DropCause, DropUnit, Drops};
use crate::event::Trigger;
use crate::formats::aedat4::{Aedat4Error, PacketKind, Part, Reader};
use crate::sequence::replay::options::ReplayOptions;
use geometry::Region;
use plan::{Content, Plan, Step};
use setup::Setup;
use std::collections::VecDeque;
use std::path::Path;

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
    ready: VecDeque<ScheduledPacket>,
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
        if plan.segment_count() > 1 {
            let text = format!(
                "the camera's clock was set back {} times: exposures across it are not paired",
                plan.segment_count() - 1
            );
            setup.warnings.push(text);
        }
        if index.cut_off {
            setup.warnings.push("the file ends within a packet, which is lost".to_owned());
        }
        if let Some(at) = index.next_file_at {
            setup.warnings.push(format!(
                "another AEDAT4 file begins at byte {at}: only the first one is read, so split the \
                 file there to use both"
            ));
        }
        setup.warnings.extend(plan.unrelated());
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

    fn begin_epoch(&mut self, segment: usize) {
        self.joiner.clear();
        self.triggers.clear();
        (self.gap, self.late_since_us) = (false, None);
        (self.epoch, self.segment) = (self.wanted.next_epoch(), segment);
    }

    /// The content of a step's packet; `None` if it is damaged.
    fn read(&mut self, step: &Step) -> Result<Option<Part>, TapeError> {
        self.reader.seek(step.at);
        match self.reader.next_packet() {
            Ok(packet) => Ok(packet.map(|p| p.part)),
            Err(Aedat4Error::Packet { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
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
        match step.content {
            Content::Events(half) => self.events(&step, half)?,
            Content::Frame(number) => {
                if !self.frame(&step, number)? {
                    return Ok(true);
                }
            }
            Content::Edges => match self.read(&step)? {
                Some(Part::Edges(edges)) => self.triggers.extend(edges),
                Some(_) => {}
                None => self.count(DropCause::Malformed, DropUnit::Gaps, 1),
            },
            Content::Damaged(PacketKind::Events) => self.damaged_events(),
            Content::Damaged(PacketKind::Frame) => {
                self.count(DropCause::Malformed, DropUnit::Frames, 1);
            }
            Content::Damaged(_) => self.count(DropCause::Malformed, DropUnit::Gaps, 1),
        }
        self.at += 1;
        self.counted = self.counted.max(self.at);
        Ok(true)
    }
}

impl Tape for Recording {
    fn timeline(&self) -> &Timeline {
        &self.plan.timeline
    }

    fn next(&mut self) -> Result<Option<ScheduledPacket>, TapeError> {
        loop {
            if let Some(due) = self.ready.pop_front() {
                return Ok(Some(due));
            }
            if !self.step()? {
                return Ok(None);
            }
        }
    }

    fn seek(&mut self, frame: usize) -> Result<(), TapeError> {
        self.ready.clear();
        self.reader.reset_unpacked_count();
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
