//! From the names of sources to the source.

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

/// How a recording is played; cameras do not care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Playback {
    /// Again and again, at the speed of life.
    Loop,
    /// Once, at the speed of life.
    Once,
}

/// Why a source could not be opened. A camera that is not there is no failure: it is waited for.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The clip in the program cannot be used.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// Recording cannot begin.
    #[error(transparent)]
    Tap(#[from] RigHandleError),
    /// There is no such file or folder.
    #[error("{0}: no such recording")]
    Missing(std::path::PathBuf),
    /// The system gives no thread.
    #[error("no thread for the camera: {0}")]
    Thread(#[from] std::io::Error),
    /// A frame camera alone.
    #[error(
        "{0} gives no events: name an event camera too, as in \
             --frame-source {0} --event-source davis"
    )]
    NoEvents(SourceName),
    /// The clip as one of two cameras.
    #[error("{0} cannot be one of two cameras: give it as --source {0}")]
    Whole(SourceName),
}

/// Controls of the simulated rig that belong to its event camera.
const SIM_OF_EVENTS: &[&str] = &["cable", "event_drift_ppm", "event_offset_us"];

/// Opens a source. `before` is called with the tap when it can take a recorder, before the
/// first exposure flows.
///
/// # Errors
/// As [`OpenError`] says.
pub fn open(
    sources: &Sources,
    playback: Playback,
    tap: &RigHandle,
    before: impl FnOnce(&RigHandle) -> Result<(), RigHandleError>,
) -> Result<Box<dyn ExposureSource>, OpenError> {
    open_with_clock(sources, playback, ClockSettings::default(), tap, before)
}

/// As [`open`], with the delays of two cameras and of the cable between them.
///
/// # Errors
/// As [`OpenError`] says.
pub fn open_with_clock(
    sources: &Sources,
    playback: Playback,
    clock: ClockSettings,
    tap: &RigHandle,
    before: impl FnOnce(&RigHandle) -> Result<(), RigHandleError>,
) -> Result<Box<dyn ExposureSource>, OpenError> {
    let title = sources.to_string();
    let mut rig = RigSettings { clock, ..RigSettings::default() };
    match sources {
        Sources::One(SourceName::Clip) => {
            before(tap)?;
            tap.contrast().know(Contrast::known(Clip::THRESHOLDS));
            Ok(Box::new(ClipSource::new(&Clip::embedded()?).with_contrast(tap.contrast())))
        }
        Sources::One(name) => {
            if !name.gives_events() {
                return Err(OpenError::NoEvents(name.clone()));
            }
            let camera = camera(name, playback, &mut rig)?;
            know(name, tap);
            tap.enable();
            before(tap)?;
            Ok(Box::new(RigSource::one(title, camera, rig, tap.clone())?))
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
            know(events, tap);
            let (frames, events) = if frames == events {
                halves(frames, playback, &mut rig)?
            } else {
                (
                    part(frames, StreamKind::Frames, playback, &mut rig)?,
                    part(events, StreamKind::Events, playback, &mut rig)?,
                )
            };
            tap.enable();
            before(tap)?;
            Ok(Box::new(RigSource::two(title, frames, events, rig, tap.clone())?))
        }
    }
}

/// Takes the contrast thresholds from a recording's manifest.
fn know(events: &SourceName, tap: &RigHandle) {
    if let SourceName::Replay(path) = events
        && let Ok(manifest) = Manifest::read(path)
        && let Some(contrast) = manifest.session.thresholds
    {
        tap.contrast().know(contrast);
    }
}

/// One device that stands for two cameras, each with threads of its own.
fn halves(
    name: &SourceName,
    playback: Playback,
    rig: &mut RigSettings,
) -> Result<(CameraChoice, CameraChoice), OpenError> {
    let CameraChoice { opener, serial, settings, monitor } = camera(name, playback, rig)?;
    let (frames, events) = split_wanted(opener, DeviceSelector::new(serial.clone()), SIM_OF_EVENTS);
    let half = |opener: Arc<dyn Driver>| CameraChoice {
        opener,
        serial: serial.clone(),
        settings,
        monitor: monitor.clone(),
    };
    // A recording is paused and sought through the half that has those controls; both follow.
    let events = CameraChoice { monitor: None, ..half(Arc::new(events)) };
    Ok((half(Arc::new(frames)), events))
}

/// One of two cameras. A DAVIS need not send what the other one is there for.
fn part(
    name: &SourceName,
    part: StreamKind,
    playback: Playback,
    rig: &mut RigSettings,
) -> Result<CameraChoice, OpenError> {
    match name {
        SourceName::Davis(serial) => {
            let opener = Davis::new(None).only(part);
            Ok(CameraChoice { serial: serial.clone(), ..CameraChoice::new(opener) })
        }
        _ => camera(name, playback, rig),
    }
}

/// The camera of a name, and what it asks of the rig.
fn camera(
    name: &SourceName,
    playback: Playback,
    rig: &mut RigSettings,
) -> Result<CameraChoice, OpenError> {
    match name {
        SourceName::Clip => Err(OpenError::Whole(name.clone())),
        SourceName::Sim(which) => Ok(CameraChoice::new(Sim::new(which.model(), true))),
        SourceName::Load(rates) => {
            // Rendering at the full size takes a while.
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
            // It may be paused for as long as anyone likes.
            rig.sync.max_wait_us = None;
            // And nothing of it comes late: what is missing is not in the recording.
            rig.sync.patience_us = 0;
            let replay = Replay::new(path, play);
            let monitor = Some(replay.monitor());
            Ok(CameraChoice { settings, monitor, ..CameraChoice::new(replay) })
        }
        SourceName::Genicam(serial) => {
            Ok(CameraChoice { serial: serial.clone(), ..CameraChoice::new(GenIcam::default()) })
        }
        SourceName::Uvc(which) => {
            // Without a number, the first one that can be opened.
            let serial = (*which > 0).then(|| which.to_string());
            Ok(CameraChoice { serial, ..CameraChoice::new(Uvc::new()) })
        }
    }
}
