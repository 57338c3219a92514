//! Opens a source by its name.

use super::source_kind::{OpenError, OpenRequest, Playback, SourceName};
use super::source_spec::Sources;
use super::{CameraChoice, ClipSource, ExposureSource, RigHandle, RigHandleError, RigSource};
use crate::camera::split::{StreamKind, split_wanted};
use crate::camera::{DeviceSelector, Driver};
use crate::event::Contrast;
use crate::rig::RigSettings;
use crate::rig::clock::ClockSettings;
use crate::sequence::{Clip, Manifest};
use std::sync::Arc;

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
        Sources::One(name) if name.is_clip() => {
            before(handle)?;
            handle.contrast().know(Contrast::known(Clip::THRESHOLDS));
            Ok(Box::new(ClipSource::new(&Clip::embedded()?).with_contrast(handle.contrast())))
        }
        Sources::One(name) => {
            if !name.has_events() {
                return Err(OpenError::NoEvents(name.clone()));
            }
            let camera = camera(name, None, playback, &mut rig)?;
            use_recorded_thresholds(name, handle);
            handle.enable();
            before(handle)?;
            Ok(Box::new(RigSource::one(title, camera, rig, handle.clone())?))
        }
        Sources::Two { frames, events } => {
            if !events.has_events() {
                return Err(OpenError::NoEvents(events.clone()));
            }
            for name in [frames, events] {
                if name.is_clip() {
                    return Err(OpenError::Whole(name.clone()));
                }
            }
            use_recorded_thresholds(events, handle);
            let (frames, events) = if frames == events {
                split_camera(frames, playback, &mut rig)?
            } else {
                (
                    camera(frames, Some(StreamKind::Frames), playback, &mut rig)?,
                    camera(events, Some(StreamKind::Events), playback, &mut rig)?,
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
    if let Some(path) = events.recording()
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
    let CameraChoice { opener, serial, settings, monitor } = camera(name, None, playback, rig)?;
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

/// The camera of a source, which may adapt the rig's settings to it; `stream` if only that stream is
/// needed.
fn camera(
    name: &SourceName,
    stream: Option<StreamKind>,
    playback: Playback,
    rig: &mut RigSettings,
) -> Result<CameraChoice, OpenError> {
    (name.kind().open)(&mut OpenRequest { name, stream, playback, rig })
}
