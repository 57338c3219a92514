//! Changes to the preprocessing of packets.

use crate::camera::Packet;
use crate::rig::align::Alignment;
use crate::rig::{EventStage, Role};
use crossbeam_channel::Sender;
use std::sync::Arc;

/// A change to the preprocessing of packets while the rig runs.
pub enum Change {
    /// Replaces all event stages with these, applied in this order.
    Stages(Vec<Box<dyn EventStage>>),
    /// Sets the pixel alignment for frames and events, or removes it.
    Align(Option<Arc<Alignment>>),
    /// Sends a copy of every packet of both cameras, before preprocessing, to this channel. Packets
    /// are skipped while the channel is full. Used to search for an alignment; it ends when the
    /// receiver is dropped.
    Watch(Sender<(Role, Packet)>),
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stages(stages) => f.debug_tuple("Stages").field(&stages.len()).finish(),
            Self::Align(alignment) => f.debug_tuple("Align").field(alignment).finish(),
            Self::Watch(_) => f.write_str("Watch"),
        }
    }
}

/// Handle to change the preprocessing of a running rig. Clones refer to the same rig.
#[derive(Clone, Debug)]
pub struct Changes(pub(crate) Sender<Change>);

impl Changes {
    /// Applies the change before the next packet.
    pub fn send(&self, change: Change) {
        // Fails only when the rig has ended; there are no more packets to preprocess then.
        let _ = self.0.send(change);
    }
}
