//! Camera drivers, and the packets that they push into bounded channels.
//!
//! Each driver runs on its own threads behind a [`CameraStream`]. A camera that disconnects is
//! reported and opened again when it returns. Drops are counted per cause.

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
pub use shared::{Status, StreamSettings};
pub use stream::{CameraStream, Commands};
pub use wrap::wrap;
