//! Event cameras over USB through the crate neuromorphic-drivers, which needs no library of a
//! manufacturer: Prophesee EVK3 HD and EVK4, SilkyEvCam, IDS uEye, DVXplorer; and a DAVIS346 where
//! libcaer is missing.
//!
//! The crate opens cameras and receives their buffers on its own thread; here they are decoded
//! and checked. What the crate does not offer: drop counters of the cameras, the signal generator and
//! the external input of iniVation's cameras, filters of colour sensors.

mod camera;
mod controls;
mod decoded;
mod decoder;
mod evt3;
mod fallback;
mod find;
mod inivation;
mod model;
mod port;
mod usb;

pub use fallback::AnyDavis;
pub use find::{Found, list};
pub use model::Model;
pub use port::{Buffer, Bus, Format, OpenSettings, Orientation, Port, Setting};

use crate::camera::split::StreamKind;
use crate::camera::{Device, DeviceError, DeviceSelector, Driver, Drops};
use crate::panics::Locked;
use crate::program;
use camera::{Camera, Parts};
use std::sync::{Arc, Mutex};

/// Driver for the models of one kind of source.
pub struct EventCamera {
    models: &'static [Model],
    bus: Arc<dyn Bus>,
    /// If set, only frames or only events are passed on.
    only: Option<StreamKind>,
    /// Kept while the camera is closed, because some settings take effect when it is opened.
    settings: Arc<Mutex<OpenSettings>>,
}

impl EventCamera {
    /// Cameras of these models; the first one that is connected is opened.
    pub fn new(models: &'static [Model]) -> Self {
        Self::with_bus(models, Arc::new(usb::Usb::default()))
    }

    /// The same with something else in place of USB.
    pub fn with_bus(models: &'static [Model], bus: Arc<dyn Bus>) -> Self {
        Self { models, bus, only: None, settings: Arc::default() }
    }

    /// For use as one of two cameras: the other stream is left out, and frames have timestamps on this
    /// camera's clock, which is then not the event clock.
    pub fn only(mut self, stream: StreamKind) -> Self {
        self.only = Some(stream);
        self
    }
}

impl Driver for EventCamera {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let settings = *self.settings.locked();
        let mut problems = Vec::new();
        for model in self.models {
            let port = match self.bus.open(*model, wanted.serial.as_deref(), settings) {
                Ok(Some(port)) => port,
                Ok(None) => continue,
                // Another model may be there and work. A problem of all of them is reported once.
                Err(problem) => {
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                    continue;
                }
            };
            let parts = Parts {
                model: *model,
                only: self.only,
                wanted: wanted.clone(),
                drops: drops.clone(),
                opened_with: settings,
                settings: self.settings.clone(),
            };
            return Ok(Box::new(Camera::new(port, parts)));
        }
        if !problems.is_empty() {
            return Err(joined(&problems));
        }
        let serial = wanted.serial.as_ref().map_or(String::new(), |s| format!(" {s}"));
        let names: Vec<&str> = self.models.iter().map(|model| model.name()).collect();
        let names = names.join(" or ");
        Err(DeviceError::NotFound(format!(
            "no {names}{serial} is connected: plug it into a USB 3 port; `{} devices` lists what is \
             there",
            program::command()
        )))
    }
}

/// The errors of several models as one. Opening is retried if that may help one of them.
fn joined(problems: &[DeviceError]) -> DeviceError {
    let why = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match problems.iter().all(|problem| matches!(problem, DeviceError::Unusable(_))) {
        true => DeviceError::Unusable(why),
        false => DeviceError::NotFound(why),
    }
}
