//! What is done to packets before clocks and buffer see them: parts that are not used are
//! taken away, and noise is filtered out of events.

use super::live::{Change, Input, Role};
use crate::camera::{EventPacket, FrameSpan, Packet};
use crate::time::Timestamp;

/// One step that events pass through, such as a noise filter.
///
/// It runs on the rig's thread, at every packet: nothing in it may block.
pub trait EventStage: Send {
    /// What it is called on screen.
    fn name(&self) -> &'static str;

    /// Takes events out of the packet, or moves them; never adds any. Time and edges stay.
    fn apply(&mut self, packet: &mut EventPacket);
}

/// What one stage has done.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct StageCount {
    /// The stage.
    pub name: &'static str,
    /// Events that came in.
    pub events: u64,
    /// Events that did not come out.
    pub removed: u64,
}

/// What was done so far.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Conditioned {
    /// Stage by stage, in their order.
    pub stages: Vec<StageCount>,
}

/// Prepares packets.
#[derive(Default)]
pub(super) struct Condition {
    stages: Vec<(Box<dyn EventStage>, StageCount)>,
}

impl Condition {
    pub(super) fn change(&mut self, change: Change) {
        match change {
            Change::Stages(stages) => {
                let counted = |stage: Box<dyn EventStage>| {
                    let count = StageCount { name: stage.name(), events: 0, removed: 0 };
                    (stage, count)
                };
                self.stages = stages.into_iter().map(counted).collect();
            }
        }
    }

    /// The packet as clocks and buffer are to see it; none where it is not used.
    pub(super) fn apply(&mut self, input: &Input, packet: Packet) -> Option<Packet> {
        match (packet, input.role) {
            (Packet::Events(_), Role::Frames) | (Packet::Frame(_), Role::Events) => None,
            (Packet::Frame(mut frame), _) => {
                if input.own_clock
                    && let FrameSpan::Events { start, end } = frame.span
                {
                    let exposure_us = end.since_us(start);
                    let start = Timestamp::from_us(start.us());
                    frame.span = FrameSpan::Frames { start, exposure_us };
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
                Some(Packet::Events(packet))
            }
        }
    }

    pub(super) fn told(&self) -> Conditioned {
        Conditioned { stages: self.stages.iter().map(|(_, count)| count.clone()).collect() }
    }
}
