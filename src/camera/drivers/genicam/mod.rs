//! FLIR and every other GenICam camera, over USB3 Vision and GigE Vision, through Aravis.
//!
//! The driver itself is built with the cargo feature `genicam` only, because it needs the
//! system's libaravis; pixel formats and their colours are always there.

#[cfg(feature = "genicam")]
mod camera;
mod fake;
#[cfg(feature = "genicam")]
mod features;
#[cfg(feature = "genicam")]
mod ffi;
#[cfg(feature = "genicam")]
mod ids;
pub mod mosaic;
pub mod pixels;

pub use fake::FAKE_VARIABLE;

use crate::camera::{Device, DeviceError, DeviceSelector, Driver, Drops, Identity};

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
        let found = |l: ffi::Listed| Found {
            identity: Identity {
                model: format!("{} {}", l.vendor, l.model),
                serial: if l.serial.is_empty() { l.id } else { l.serial },
                firmware: String::new(),
            },
            protocol: l.protocol,
            address: l.address,
        };
        Ok(ffi::list().into_iter().map(found).collect())
    }
}

#[cfg(feature = "genicam")]
impl Driver for GenIcam {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
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
        Err(DeviceError::Unusable(HOW.into()))
    }
}

#[cfg(not(feature = "genicam"))]
impl Driver for GenIcam {
    fn open(&self, _: &DeviceSelector, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        Err(DeviceError::Unusable(HOW.into()))
    }
}
