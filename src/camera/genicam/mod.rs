//! FLIR and every other GenICam camera, over USB3 Vision and GigE Vision, through Aravis.
//!
//! The driver itself is built with the cargo feature `genicam` only, because it needs the
//! system's libaravis; pixel formats and their colours are always there.

#[cfg(feature = "genicam")]
mod camera;
#[cfg(feature = "genicam")]
mod features;
#[cfg(feature = "genicam")]
mod ids;
#[cfg(feature = "genicam")]
mod library;
pub mod mosaic;
pub mod pixels;

use crate::camera::{Device, DeviceError, Drops, Identity, Opener, Wanted};

/// If set, Aravis's own simulated camera is on the list, for trials without a camera.
pub const FAKE_VARIABLE: &str = "GEM_LIVE_ARAVIS_FAKE";

/// Opens GenICam cameras.
#[derive(Clone, Copy, Debug, Default)]
pub struct GenIcam {}

/// A camera that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which one it is.
    pub identity: Identity,
    /// `USB3Vision`, `GigEVision` or `Fake`.
    pub protocol: String,
    /// Where it is connected, or its network address.
    pub address: String,
}

/// What to do about a program that was built without GenICam cameras.
#[cfg(not(feature = "genicam"))]
const HOW: &str = "this program was built without GenICam cameras: install libaravis-dev (0.8.25 \
                   or newer) and libusb-1.0-0-dev, then cargo install --path . --features genicam";

#[cfg(feature = "genicam")]
impl GenIcam {
    /// All cameras that answer now. Takes about a second where there is a network.
    ///
    /// # Errors
    /// Only without the cargo feature `genicam`: what to do.
    pub fn list() -> Result<Vec<Found>, DeviceError> {
        let found = |l: library::Listed| Found {
            identity: Identity {
                model: format!("{} {}", l.vendor, l.model),
                serial: if l.serial.is_empty() { l.id } else { l.serial },
                firmware: String::new(),
            },
            protocol: l.protocol,
            address: l.address,
        };
        Ok(library::list().into_iter().map(found).collect())
    }
}

#[cfg(feature = "genicam")]
impl Opener for GenIcam {
    fn open(&self, wanted: &Wanted, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        Ok(Box::new(camera::open(wanted, drops)?))
    }
}

#[cfg(not(feature = "genicam"))]
impl GenIcam {
    /// All cameras that answer now.
    ///
    /// # Errors
    /// Without the cargo feature `genicam`: what to do.
    pub fn list() -> Result<Vec<Found>, DeviceError> {
        Err(DeviceError::Fatal(HOW.into()))
    }
}

#[cfg(not(feature = "genicam"))]
impl Opener for GenIcam {
    fn open(&self, _: &Wanted, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        Err(DeviceError::Fatal(HOW.into()))
    }
}
