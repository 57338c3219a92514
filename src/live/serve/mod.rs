//! Sends restored frames to other programs: as DV's network streams, and on Linux as a virtual
//! camera.
//!
//! The engine thread only copies a frame into a bounded queue; everything else happens on threads of
//! the output. A client that is slow or gone loses frames, which are counted, and delays no other client.

mod address;
mod client;
mod dv_server;
mod encoder;
mod port;
mod timeline;
#[cfg(target_os = "linux")]
mod virtual_camera;

pub use address::ServeAddress;
pub use dv_server::DvServer;
pub use port::ServeError;
#[cfg(target_os = "linux")]
pub use virtual_camera::VirtualCamera;
