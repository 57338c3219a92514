//! The inputs of the rig: cameras and their roles.

use crate::camera::Packet;
use crossbeam_channel::Receiver;

/// Which data of a camera the rig uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Frames and events, from one device with one clock for both.
    #[default]
    Both,
    /// Frames only; events of this camera are ignored.
    Frames,
    /// Events and trigger edges only; frames of this camera are ignored.
    Events,
}

/// The packets of a camera and its role.
#[derive(Clone, Debug)]
pub struct Input {
    /// Channel from the camera's thread.
    pub packets: Receiver<Packet>,
    /// Which data is used.
    pub role: Role,
    /// Treat the frame timestamps as a separate frame clock although the device reports them on an
    /// event clock. Set when the events come from another device.
    pub own_clock: bool,
}

impl From<Receiver<Packet>> for Input {
    fn from(packets: Receiver<Packet>) -> Self {
        Self { packets, role: Role::Both, own_clock: false }
    }
}
