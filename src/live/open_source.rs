//! Opens a source by its name.

use super::{
    CameraChoice, ClipSource, ExposureSource, RigHandle, RigHandleError, RigSource, SourceName,
    Sources,
};
use crate::camera::drivers::davis::Davis;
use crate::camera::drivers::genicam::GenIcam;
use crate::camera::drivers::uvc::Uvc;
use crate::camera::split::{StreamKind, split_wanted};
use crate::camera::{DeviceSelector, Driver, Settings};
use crate::event::Contrast;
use crate::rig::RigSettings;
use crate::rig::clock::ClockSettings;
use crate::sequence::replay::{Replay, ReplaySettings};
use crate::sequence::{Clip, ClipError, Manifest};
use crate::simulate::load_generator::Load;
use crate::simulate::sim_camera::Sim;
use std::sync::Arc;
use std::time::Duration;

/// How often a recording is played. Cameras ignore this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Playback {
    /// Repeatedly, at the recorded speed.
    Loop,
    /// Once, at the recorded speed.
    Once,
}

/// Why a source could not be opened. A camera that is not connected is no error: the program waits
/// for it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The embedded clip cannot be read.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// The recording cannot be started.
    #[error(transparent)]
    Tap(#[from] RigHandleError),
    /// The file or folder of a recording does not exist.
    #[error("{0}: no such recording")]
    Missing(std::path::PathBuf),
    /// The system cannot start a thread.
    #[error("cannot start a camera thread: {0}")]
    Thread(#[from] std::io::Error),
    /// A frame camera without an event camera.
    #[error(
        "{0} delivers no events: add an event camera, for example \
             --frame-source {0} --event-source davis"
    )]
    NoEvents(SourceName),
    /// The clip as one of two cameras.
    #[error("{0} cannot be one of two cameras: use --source {0}")]
    Whole(SourceName),
}

/// Controls of the simulated rig that belong to its event camera.
const SIM_EVENT_CONTROLS: &[&str] = &["cable", "event_drift_ppm", "event_offset_us"];

/// Opens a source. `before` is called with the rig handle when a recorder can be attached, before
/// the first exposure arrives.
///
/// # Errors
/// See [`OpenError`].
pub fn open(
    sources: &Sources,
    playback: Playback,
    handle: &RigHandle,
    before: impl FnOnce(&RigHandle) -> Result<(), RigHandleError>,
) -> Result<Box<dyn ExposureSource>, OpenError> {
    open_with_clock(sources, playback, ClockSettings::default(), handle, before)
}

/// As [`open`], with the settings of the clock, such as the delays of the two cameras and of the
/// cable between them.
///
/// # Errors
/// See [`OpenError`].
pub fn open_with_clock(
    sources: &Sources,
    playback: Playback,
    clock: ClockSettings,
    handle: &RigHandle,
    before: impl FnOnce(&RigHandle) -> Result<(), RigHandleError>,
) -> Result<Box<dyn ExposureSource>, OpenError> {
    let title = sources.to_string();
    let mut rig = RigSettings { clock, ..RigSettings::default() };
    match sources {
        Sources::One(SourceName::Clip) => {
            before(handle)?;
            handle.contrast().know(Contrast::known(Clip::THRESHOLDS));
            Ok(Box::new(ClipSource::new(&Clip::embedded()?).with_contrast(handle.contrast())))
        }
        Sources::One(name) => {
            if !name.gives_events() {
                return Err(OpenError::NoEvents(name.clone()));
            }
            let camera = camera(name, playback, &mut rig)?;
            use_recorded_thresholds(name, handle);
            handle.enable();
            before(handle)?;
            Ok(Box::new(RigSource::one(title, camera, rig, handle.clone())?))
        }
        Sources::Two { frames, events } => {
            if !events.gives_events() {
                return Err(OpenError::NoEvents(events.clone()));
            }
            for name in [frames, events] {
                if matches!(name, SourceName::Clip) {
                    return Err(OpenError::Whole(name.clone()));
                }
            }
            use_recorded_thresholds(events, handle);
            let (frames, events) = if frames == events {
                split_camera(frames, playback, &mut rig)?
            } else {
                (
                    stream_camera(frames, StreamKind::Frames, playback, &mut rig)?,
                    stream_camera(events, StreamKind::Events, playback, &mut rig)?,
                )
            };
            handle.enable();
            before(handle)?;
            Ok(Box::new(RigSource::two(title, frames, events, rig, handle.clone())?))
        }
    }
}

/// Uses the contrast thresholds of a recording's manifest.
fn use_recorded_thresholds(events: &SourceName, handle: &RigHandle) {
    if let SourceName::Replay(path) = events
        && let Ok(manifest) = Manifest::read(path)
        && let Some(contrast) = manifest.session.thresholds
    {
        handle.contrast().know(contrast);
    }
}

/// Splits one device into a frame camera and an event camera, each with its own threads.
fn split_camera(
    name: &SourceName,
    playback: Playback,
    rig: &mut RigSettings,
) -> Result<(CameraChoice, CameraChoice), OpenError> {
    let CameraChoice { opener, serial, settings, monitor } = camera(name, playback, rig)?;
    let (frames, events) =
        split_wanted(opener, DeviceSelector::new(serial.clone()), SIM_EVENT_CONTROLS);
    let camera_choice = |opener: Arc<dyn Driver>| CameraChoice {
        opener,
        serial: serial.clone(),
        settings,
        monitor: monitor.clone(),
    };
    // The frame camera has the playback controls of a recording; the event camera follows it.
    let events = CameraChoice { monitor: None, ..camera_choice(Arc::new(events)) };
    Ok((camera_choice(Arc::new(frames)), events))
}

/// One of two cameras. A DAVIS is set to send only what this camera is used for.
fn stream_camera(
    name: &SourceName,
    stream: StreamKind,
    playback: Playback,
    rig: &mut RigSettings,
) -> Result<CameraChoice, OpenError> {
    match name {
        SourceName::Davis(serial) => {
            let opener = Davis::new(None).only(stream);
            Ok(CameraChoice { serial: serial.clone(), ..CameraChoice::new(opener) })
        }
        _ => camera(name, playback, rig),
    }
}

/// Creates the camera of a source, and adapts the rig's settings to it.
fn camera(
    name: &SourceName,
    playback: Playback,
    rig: &mut RigSettings,
) -> Result<CameraChoice, OpenError> {
    match name {
        SourceName::Clip => Err(OpenError::Whole(name.clone())),
        SourceName::Sim(which) => Ok(CameraChoice::new(Sim::new(which.model(), true))),
        SourceName::Load(rates) => {
            // Rendering the scene in full size takes long.
            let settings = Settings { open_stall: Duration::from_secs(300), ..Settings::default() };
            Ok(CameraChoice { settings, ..CameraChoice::new(Load::new(*rates)) })
        }
        SourceName::Davis(serial) => {
            Ok(CameraChoice { serial: serial.clone(), ..CameraChoice::new(Davis::new(None)) })
        }
        SourceName::Replay(path) => {
            if !path.exists() {
                return Err(OpenError::Missing(path.clone()));
            }
            let once = playback == Playback::Once;
            let play = ReplaySettings { looped: !once, end: once, speed: 1.0 };
            let settings = Settings { lossless: true, ..Settings::default() };
            // A recording may be paused for any length of time.
            rig.sync.max_wait_us = None;
            // Nothing arrives late: what is missing is not in the recording.
            rig.sync.patience_us = 0;
            let replay = Replay::new(path, play);
            let monitor = Some(replay.monitor());
            Ok(CameraChoice { settings, monitor, ..CameraChoice::new(replay) })
        }
        SourceName::Genicam(serial) => {
            Ok(CameraChoice { serial: serial.clone(), ..CameraChoice::new(GenIcam::default()) })
        }
        SourceName::Uvc(which) => {
            // Without a number, the first device that can be opened.
            let serial = (*which > 0).then(|| which.to_string());
            Ok(CameraChoice { serial, ..CameraChoice::new(Uvc::new()) })
        }
    }
}
