//! Cameras: drivers that push packets into bounded channels, and what they push.
//!
//! Every driver runs in threads of its own behind a [`CameraStream`]. A camera that disappears is
//! reported, waited for and taken up again; whatever is lost is counted by cause.

mod backlog;
mod control;
mod device;
pub mod drivers;
mod drops;
pub mod host_check;
pub(crate) mod joiner;
mod packet;
mod shared;
pub mod split;
mod stream;
pub mod testing;
mod watchdog;
mod worker;
mod wrap;

pub use control::{Control, ControlError, Value};
pub use device::{Device, DeviceError, DeviceSelector, Driver, Identity, SimulationRate};
pub use drops::{DropCause, DropSnapshot, DropUnit, Drops};
pub use packet::{EventPacket, FramePacket, FrameTiming, Packet};
pub use shared::{Settings, Status};
pub use stream::{CameraStream, Commands};
pub use wrap::wrap;
