//! What the rig reads of a camera.

use crate::camera::Packet;
use crossbeam_channel::Receiver;

/// What the rig uses of a camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Frames and events: one device that gives both, on one clock.
    #[default]
    Both,
    /// Its frames; events that it may have are passed over.
    Frames,
    /// Its events and edges; frames that it may have are passed over.
    Events,
}

/// A camera's packets, and what is used of them.
#[derive(Clone, Debug)]
pub struct Input {
    /// From the camera's thread.
    pub packets: Receiver<Packet>,
    /// What is used.
    pub role: Role,
    /// Its frames are told on a clock of their own, though it tells them on an event camera's:
    /// the events come from another device.
    pub own_clock: bool,
}

impl From<Receiver<Packet>> for Input {
    fn from(packets: Receiver<Packet>) -> Self {
        Self { packets, role: Role::Both, own_clock: false }
    }
}
