//! Preprocessing of packets before clock mapping and synchronisation: data that the rig does not
//! use is removed, events are filtered, and frames and events are mapped onto aligned pixel grids.

use super::align::{Alignment, EventTable, FrameCrop, Residual};
use super::{Change, Input, Role};
use crate::camera::{EventPacket, FramePacket, FrameTiming, Packet};
use crate::rig::{EventStage, StageCount};
use crate::time::Timestamp;
use crossbeam_channel::{Sender, TrySendError};

/// Counters of the pixel alignment.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Aligned {
    /// Residual of the alignment's calibration.
    pub residual: Residual,
    /// Input events.
    pub events: u64,
    /// Events outside the frame camera's field of view, which were removed.
    pub outside: u64,
    /// Frames and event packets whose size differs from that of the calibration. They are passed on
    /// unchanged.
    pub size_mismatches: u64,
}

/// Counters of the preprocessing since it was configured.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Preprocessed {
    /// One entry per stage, in processing order.
    pub stages: Vec<StageCount>,
    /// Present while an alignment is set.
    pub aligned: Option<Aligned>,
}

struct Grids {
    events: EventTable,
    frames: FrameCrop,
    done: Aligned,
}

impl Grids {
    fn new(alignment: &Alignment) -> Self {
        let done =
            Aligned { residual: alignment.residual, events: 0, outside: 0, size_mismatches: 0 };
        Self { events: EventTable::new(alignment), frames: FrameCrop::new(alignment), done }
    }

    fn events(&mut self, packet: &mut EventPacket) {
        if packet.sensor != self.events.source() {
            self.done.size_mismatches += 1;
            return;
        }
        self.done.events += packet.events.len() as u64;
        self.done.outside += self.events.apply(&mut packet.events);
        packet.sensor = self.events.target();
    }

    fn frame(&mut self, frame: &mut FramePacket) {
        match self.frames.apply(&frame.picture) {
            Some(picture) => frame.picture = picture,
            None => self.done.size_mismatches += 1,
        }
        frame.truth = frame.truth.take().map(|truth| self.frames.apply(&truth).unwrap_or(truth));
    }
}

/// Preprocesses packets.
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

    /// Returns the preprocessed packet, or `None` if the rig does not use it.
    pub(super) fn apply(&mut self, input: &Input, packet: Packet) -> Option<Packet> {
        self.watch(input.role, &packet);
        match (packet, input.role) {
            (Packet::Events(_), Role::Frames) | (Packet::Frame(_), Role::Events) => None,
            (Packet::Frame(mut frame), _) => {
                if input.own_clock
                    && let FrameTiming::Events { start, end } = frame.timing
                {
                    let exposure_us = end.since_us(start);
                    let start = Timestamp::from_us(start.us());
                    frame.timing = FrameTiming::Frames { start, exposure_us };
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

    /// A slow watcher misses packets. That is harmless: it looks for a board at rest.
    fn watch(&mut self, role: Role, packet: &Packet) {
        let Some(watcher) = &self.watcher else { return };
        if watcher.is_full() {
            return;
        }
        if let Err(TrySendError::Disconnected(_)) = watcher.try_send((role, packet.clone())) {
            self.watcher = None;
        }
    }

    pub(super) fn stats(&self) -> Preprocessed {
        Preprocessed {
            stages: self.stages.iter().map(|(_, count)| count.clone()).collect(),
            aligned: self.grids.as_ref().map(|grids| grids.done.clone()),
        }
    }
}
