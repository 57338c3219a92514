//! A DAVIS through libcaer, or a DAVIS346 without it.

use super::{EventCamera, Model};
use crate::camera::drivers::davis::Davis;
use crate::camera::split::StreamKind;
use crate::camera::{Device, DeviceError, DeviceSelector, Driver, Drops};

/// Uses libcaer if it is installed. Without it, a DAVIS346 is opened with limitations.
pub struct AnyDavis {
    caer: Davis,
    usb: EventCamera,
}

impl AnyDavis {
    /// What is missing without libcaer.
    pub const LIMITATIONS: &str = "without libcaer a DAVIS346 works with limitations: no signal on its \
                                   sync connectors is read or sent, the camera's own losses are not \
                                   counted, and a colour sensor gives its raw mosaic";

    /// libcaer in its default location.
    pub fn new() -> Self {
        Self { caer: Davis::new(None), usb: EventCamera::new(&[Model::Davis346]) }
    }

    /// With these two drivers.
    pub fn with_drivers(caer: Davis, usb: EventCamera) -> Self {
        Self { caer, usb }
    }

    /// For use as one of two cameras: see [`Davis::only`].
    pub fn only(self, stream: StreamKind) -> Self {
        Self { caer: self.caer.only(stream), usb: self.usb.only(stream) }
    }
}

impl Default for AnyDavis {
    fn default() -> Self {
        Self::new()
    }
}

impl Driver for AnyDavis {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let Err(missing) = self.caer.library() else { return self.caer.open(wanted, drops) };
        match self.usb.open(wanted, drops) {
            Ok(device) => {
                tracing::warn!("{}; {missing}", Self::LIMITATIONS);
                Ok(device)
            }
            Err(DeviceError::NotFound(why)) => {
                Err(DeviceError::NotFound(format!("{why}; {missing}")))
            }
            Err(why) => Err(why),
        }
    }
}
