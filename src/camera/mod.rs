//! Cameras: drivers that push packets into bounded channels, and what they push.
//!
//! Every driver runs in threads of its own behind a [`Source`]. A camera that disappears is
//! reported, waited for and taken up again; whatever is lost is counted by cause.

mod between;
mod control;
pub mod davis;
mod drops;
pub mod faults;
pub mod genicam;
pub mod halves;
pub mod host;
pub mod load;
mod packet;
pub mod replay;
mod seam;
pub mod sim;
mod source;
pub mod uvc;

pub use between::between;
pub use control::{Control, ControlError, Value};
pub use drops::{Cause, DropSnapshot, Drops, Unit};
pub use packet::{Edge, EdgeKind, EventPacket, FramePacket, FrameSpan, Packet};
pub use source::{
    Commands, Device, DeviceError, Identity, Opener, Pace, Settings, Source, Status, Wanted,
};
