//! Processing stages for events.

use crate::camera::EventPacket;

/// One processing stage for events, such as a noise filter.
///
/// It runs on the rig thread for every packet and must not block.
pub trait EventStage: Send {
    /// Name shown on screen.
    fn name(&self) -> &'static str;

    /// Removes or moves events of the packet. It never adds events and does not change the packet's
    /// time range or trigger edges.
    fn apply(&mut self, packet: &mut EventPacket);
}

/// Event counts of one stage.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct StageCount {
    /// Name of the stage.
    pub name: &'static str,
    /// Input events.
    pub events: u64,
    /// Events that the stage removed.
    pub removed: u64,
}
