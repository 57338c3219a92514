//! FLIR and other GenICam cameras, over USB3 Vision and GigE Vision, through Aravis.
//!
//! libaravis is loaded at run time, when a camera is first looked for. Pixel formats and
//! demosaicing need no library.

mod camera;
mod camera_handle;
mod device;
mod fake;
mod features;
mod ffi;
pub mod mosaic;
mod open;
mod owned;
pub mod pixels;
mod stream;
mod timing;

pub use fake::FAKE_VARIABLE;
pub use ffi::LIBRARY_VARIABLE;

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

impl GenIcam {
    /// Loads the library, if it was not loaded yet.
    ///
    /// # Errors
    /// It cannot be loaded; the message names the package to install.
    pub fn library() -> Result<(), String> {
        ffi::aravis().map(|_| ())
    }

    /// Lists all cameras that respond. Takes about a second if there is a network.
    ///
    /// # Errors
    /// libaravis cannot be loaded; the message names the package to install.
    pub fn list() -> Result<Vec<Found>, DeviceError> {
        let found = |l: open::Listed| Found {
            identity: Identity {
                model: format!("{} {}", l.vendor, l.model),
                serial: if l.serial.is_empty() { l.id } else { l.serial },
                firmware: String::new(),
            },
            protocol: l.protocol,
            address: l.address,
        };
        let listed = open::list().map_err(DeviceError::Unusable)?;
        Ok(listed.into_iter().map(found).collect())
    }
}

impl Driver for GenIcam {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        Ok(Box::new(camera::open(wanted, drops)?))
    }
}
