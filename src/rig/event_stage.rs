//! Steps that events pass through.

use crate::camera::EventPacket;

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
