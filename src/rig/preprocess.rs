//! What is done to packets before clocks and buffer see them: parts that are not used are
//! taken away, noise is filtered out of events, and both are brought onto common grids.

use super::align::{Alignment, EventTable, FrameCrop, Residual};
use super::{Change, Input, Role};
use crate::camera::{EventPacket, FramePacket, FrameTiming, Packet};
use crate::rig::{EventStage, StageCount};
use crate::time::Timestamp;
use crossbeam_channel::{Sender, TrySendError};

/// What alignment has done.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Aligned {
    /// How well it was measured.
    pub residual: Residual,
    /// Events that came in.
    pub events: u64,
    /// Of those, how many the frame camera does not see; they are gone.
    pub outside: u64,
    /// Frames and packets of events of other sizes than it was measured for, which passed as
    /// they were.
    pub unfit: u64,
}

/// What was done so far.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Preprocessed {
    /// Stage by stage, in their order.
    pub stages: Vec<StageCount>,
    /// Where there is an alignment.
    pub aligned: Option<Aligned>,
}

struct Grids {
    events: EventTable,
    frames: FrameCrop,
    done: Aligned,
}

impl Grids {
    fn new(alignment: &Alignment) -> Self {
        let done = Aligned { residual: alignment.residual, events: 0, outside: 0, unfit: 0 };
        Self { events: EventTable::new(alignment), frames: FrameCrop::new(alignment), done }
    }

    fn events(&mut self, packet: &mut EventPacket) {
        if packet.sensor != self.events.source() {
            self.done.unfit += 1;
            return;
        }
        self.done.events += packet.events.len() as u64;
        self.done.outside += self.events.apply(&mut packet.events);
        packet.sensor = self.events.target();
    }

    fn frame(&mut self, frame: &mut FramePacket) {
        match self.frames.apply(&frame.picture) {
            Some(picture) => frame.picture = picture,
            None => self.done.unfit += 1,
        }
        frame.truth = frame.truth.take().map(|truth| self.frames.apply(&truth).unwrap_or(truth));
    }
}

/// Prepares packets.
#[derive(Default)]
pub(super) struct Preprocessor {
    stages: Vec<(Box<dyn EventStage>, StageCount)>,
    grids: Option<Grids>,
    watcher: Option<Sender<(Role, Packet)>>,
}

impl Preprocessor {
    pub(super) fn change(&mut self, change: Change) {
        match change {
            Change::Stages(stages) => {
                let counted = |stage: Box<dyn EventStage>| {
                    let count = StageCount { name: stage.name(), events: 0, removed: 0 };
                    (stage, count)
                };
                self.stages = stages.into_iter().map(counted).collect();
            }
            Change::Align(alignment) => self.grids = alignment.map(|a| Grids::new(&a)),
            Change::Watch(watcher) => self.watcher = Some(watcher),
        }
    }

    /// The packet as clocks and buffer are to see it; none where it is not used.
    pub(super) fn apply(&mut self, input: &Input, packet: Packet) -> Option<Packet> {
        self.watch(input.role, &packet);
        match (packet, input.role) {
            (Packet::Events(_), Role::Frames) | (Packet::Frame(_), Role::Events) => None,
            (Packet::Frame(mut frame), _) => {
                if input.own_clock
                    && let FrameTiming::Events { start, end } = frame.span
                {
                    let exposure_us = end.since_us(start);
                    let start = Timestamp::from_us(start.us());
                    frame.span = FrameTiming::Frames { start, exposure_us };
                }
                if let Some(grids) = &mut self.grids {
                    grids.frame(&mut frame);
                }
                Some(Packet::Frame(frame))
            }
            (Packet::Events(mut packet), _) => {
                for (stage, count) in &mut self.stages {
                    let before = packet.events.len();
                    stage.apply(&mut packet);
                    count.events += before as u64;
                    count.removed += before.saturating_sub(packet.events.len()) as u64;
                }
                if let Some(grids) = &mut self.grids {
                    grids.events(&mut packet);
                }
                Some(Packet::Events(packet))
            }
        }
    }

    /// A watcher that is busy misses packets: it looks for a board that stands still.
    fn watch(&mut self, role: Role, packet: &Packet) {
        let Some(watcher) = &self.watcher else { return };
        if watcher.is_full() {
            return;
        }
        if let Err(TrySendError::Disconnected(_)) = watcher.try_send((role, packet.clone())) {
            self.watcher = None;
        }
    }

    pub(super) fn told(&self) -> Preprocessed {
        Preprocessed {
            stages: self.stages.iter().map(|(_, count)| count.clone()).collect(),
            aligned: self.grids.as_ref().map(|grids| grids.done.clone()),
        }
    }
}
