//! DAVIS cameras through libcaer: events, frames with their exposure times, and trigger edges.

mod biases;
mod camera;
mod container;
mod controls;
mod ffi;
mod heartbeat;
mod log;
mod open;
mod registers;
mod wire;

pub use ffi::LIBRARY_VARIABLE;

use crate::camera::split::StreamKind;
use crate::camera::{Device, DeviceError, DeviceSelector, Driver, Drops, Identity};
use crate::image::Size;
use crate::panics::Locked;
use biases::{Addresses, BiasControls};
use camera::Camera;
use ffi::Caer;
use open::Open;
use registers::HOST_LOG;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What to do about a camera that cannot be opened.
const CHECK: &str = "plug it in, check that the udev rule is installed and that no other program uses the \
                     camera";
/// The same for one whose firmware or logic libcaer does not know. Another firmware would make it
/// unusable with libcaer for good.
const THROUGH_DV: &str = "read it through DV instead: switch on DV's network output and use --source \
                          dv:HOST:PORT,FRAMES_PORT";

/// Parses the bytes of a packet of libcaer, for the fuzz target.
#[cfg(fuzzing)]
pub fn parse_packet(bytes: &[u8]) {
    wire::parse(bytes, Size::new(346, 260));
}

/// Driver for DAVIS cameras.
#[derive(Default)]
pub struct Davis {
    file: Option<PathBuf>,
    /// If set, only frames or only events are streamed.
    only: Option<StreamKind>,
    caer: Mutex<Option<Arc<Caer>>>,
}

impl Davis {
    /// Uses libcaer from `file`, or from its default location.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file, only: None, caer: Mutex::new(None) }
    }

    /// For use as one of two cameras: the other stream is disabled in the camera, and frames are
    /// timestamped on this camera's clock, which is then not the event clock.
    pub fn only(mut self, part: StreamKind) -> Self {
        self.only = Some(part);
        self
    }

    /// Reads the identity of the camera with a serial number, or of any camera. The camera must not
    /// be in use.
    ///
    /// # Errors
    /// The camera is not connected, or libcaer cannot open it.
    pub fn identify(&self, serial: Option<&str>) -> Result<Identity, DeviceError> {
        let open = self.open_camera(serial)?;
        Ok(camera::identity(&open.info()))
    }

    fn open_camera(&self, serial: Option<&str>) -> Result<Open, DeviceError> {
        let caer = self.caer()?;
        let _ = log::take_last_message();
        Open::new(caer, serial).map_err(|errno| {
            let which = serial.map_or(String::new(), |s| format!(" {s}"));
            let detail = log::take_last_message();
            let detail = detail.map_or(String::new(), |message| format!(": {message}"));
            let remedy = if detail.contains("version") { THROUGH_DV } else { CHECK };
            DeviceError::NotFound(format!(
                "cannot open a DAVIS{which} (libcaer error {errno}{detail}): {remedy}"
            ))
        })
    }

    /// Checks that libcaer can be loaded.
    ///
    /// # Errors
    /// libcaer is not installed or lacks a function; the message names the remedy.
    pub fn library(&self) -> Result<(), DeviceError> {
        self.caer().map(|_| ())
    }

    fn caer(&self) -> Result<Arc<Caer>, DeviceError> {
        let mut held = self.caer.locked();
        if let Some(caer) = held.as_ref() {
            return Ok(caer.clone());
        }
        let caer = Caer::load(self.file.clone()).map_err(DeviceError::Unusable)?;
        Ok(held.insert(caer).clone())
    }
}

impl Driver for Davis {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let mut open = self.open_camera(wanted.serial.as_deref())?;
        let info = open.info();
        let (Ok(width @ 1..), Ok(height @ 1..)) =
            (usize::try_from(info.width), usize::try_from(info.height))
        else {
            return Err(DeviceError::NotFound("the DAVIS does not report its sensor size".into()));
        };
        open.send_defaults();
        let mut rejected = Vec::new();
        for (name, module, parameter, value) in registers::START {
            if !open.set(*module, *parameter, *value) {
                rejected.push(*name);
            }
        }
        if info.global_shutter {
            open.set(registers::APS, registers::GLOBAL_SHUTTER, 1);
        }
        // If libcaer does not support this, its drops are still detected from gaps in time.
        open.set(HOST_LOG, 0, log::NOTICE);
        let off = match self.only {
            Some(StreamKind::Frames) => Some(registers::SEND_EVENTS),
            Some(StreamKind::Events) => Some(registers::SEND_FRAMES),
            None => None,
        };
        if let Some((module, parameter)) = off
            && !open.set(module, parameter, 0)
        {
            rejected.push("streaming only frames or only events");
        }
        let bias_controls = Addresses::of_chip(info.chip)
            .and_then(|a| BiasControls::new(a, |module, parameter| open.get(module, parameter)));
        if !rejected.is_empty() {
            let what = rejected.join(", ");
            return Err(DeviceError::NotFound(format!(
                "the DAVIS rejected these settings: {what}"
            )));
        }
        if !open.start() {
            return Err(DeviceError::NotFound("the DAVIS does not start streaming".into()));
        }
        let sensor = Size::new(width, height);
        let wanted = wanted.clone();
        let camera =
            Camera::new(open, info, sensor, wanted, drops.clone(), bias_controls, self.only);
        Ok(Box::new(camera))
    }
}
