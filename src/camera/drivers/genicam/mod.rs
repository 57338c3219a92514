//! FLIR and other GenICam cameras, over USB3 Vision and GigE Vision, through Aravis.
//!
//! The driver is built only with the cargo feature `genicam`, because it needs the system's
//! libaravis. Pixel formats and demosaicing are always available.

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

/// Driver for GenICam cameras.
#[derive(Clone, Copy, Debug, Default)]
pub struct GenIcam {}

/// A camera that responded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Identity of the camera.
    pub identity: Identity,
    /// `USB3Vision`, `GigEVision` or `Fake`.
    pub protocol: String,
    /// Bus address or network address.
    pub address: String,
}

/// Error message of a program that was built without GenICam support.
#[cfg(not(feature = "genicam"))]
const NOT_BUILT: &str = "this program was built without GenICam support: install libaravis-dev \
     (0.8.25 or newer) and libusb-1.0-0-dev, then cargo install --path . --features genicam";

#[cfg(feature = "genicam")]
impl GenIcam {
    /// Lists all cameras that respond. Takes about a second if there is a network.
    ///
    /// # Errors
    /// Only in a program built without the cargo feature `genicam`.
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
    /// Lists all cameras that respond.
    ///
    /// # Errors
    /// Always: the program was built without the cargo feature `genicam`.
    pub fn list() -> Result<Vec<Found>, DeviceError> {
        Err(DeviceError::Unusable(NOT_BUILT.into()))
    }
}

#[cfg(not(feature = "genicam"))]
impl Driver for GenIcam {
    fn open(&self, _: &DeviceSelector, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        Err(DeviceError::Unusable(NOT_BUILT.into()))
    }
}
