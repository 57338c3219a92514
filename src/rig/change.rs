//! Changes of how packets are prepared.

use crate::camera::Packet;
use crate::rig::align::Alignment;
use crate::rig::{EventStage, Role};
use crossbeam_channel::Sender;
use std::sync::Arc;

/// A change of how packets are prepared, while the rig runs.
pub enum Change {
    /// These stages, in this order, take the place of those before.
    Stages(Vec<Box<dyn EventStage>>),
    /// Frames and events are brought onto common grids from now on, or no longer.
    Align(Option<Arc<Alignment>>),
    /// Packets of both cameras, as they come and by whose they are, go here too, as far as there is room: for an
    /// alignment to be found, and only while somebody listens.
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

/// Changes how a running rig prepares packets; clones reach the same rig.
#[derive(Clone, Debug)]
pub struct Changes(pub(crate) Sender<Change>);

impl Changes {
    /// Holds from the next packet on.
    pub fn send(&self, change: Change) {
        // Fails only when the rig has ended, and then there are no packets to prepare.
        let _ = self.0.send(change);
    }
}
