//! Opens a source by its name.

use super::source_kind::{OpenError, OpenRequest, Playback, SourceName};
use super::source_spec::Sources;
use super::{CameraChoice, ClipSource, ExposureSource, RigHandle, RigHandleError, RigSource};
use crate::camera::split::{StreamKind, split_selected};
use crate::camera::{DeviceSelector, Driver};
use crate::event::Contrast;
use crate::exposure::consistency::Finding;
use crate::rig::RigSettings;
use crate::rig::clock::ClockSettings;
use crate::sequence::{Clip, FileThresholds, check_recording};
use crate::time::EventTimes;
use std::path::{Path, PathBuf};
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
    open_with_clock(sources, playback, OpenSettings::default(), handle, before)
}

/// How a source is opened, besides its name.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenSettings {
    /// Settings of the clock, such as the delays of two cameras and of the cable between them.
    pub clock: ClockSettings,
    /// Unit and offset of the events' times in a recording of MS-RBD pairs.
    pub times: EventTimes,
    /// Refuse a recording whose events do not belong to its exposures, instead of a message.
    pub strict: bool,
}

impl From<ClockSettings> for OpenSettings {
    fn from(clock: ClockSettings) -> Self {
        Self { clock, ..Self::default() }
    }
}

/// As [`open`], with further settings.
///
/// # Errors
/// See [`OpenError`].
pub fn open_with_clock(
    sources: &Sources,
    playback: Playback,
    settings: impl Into<OpenSettings>,
    handle: &RigHandle,
    before: impl FnOnce(&RigHandle) -> Result<(), RigHandleError>,
) -> Result<Box<dyn ExposureSource>, OpenError> {
    let title = sources.to_string();
    let OpenSettings { clock, times, strict } = settings.into();
    let mut rig = RigSettings { clock, ..RigSettings::default() };
    let remarks = remarks(sources, times);
    if let (true, Some(first)) = (strict, remarks.first()) {
        return Err(OpenError::Inconsistent(first.clone()));
    }
    let play = Play { playback, times };
    match sources {
        Sources::One(name) if name.is_clip() => {
            before(handle)?;
            handle.contrast().use_known(Contrast::known(Clip::THRESHOLDS));
            Ok(Box::new(ClipSource::new(&Clip::embedded()?).with_contrast(handle.contrast())))
        }
        Sources::One(name) => {
            if !name.has_events() {
                return Err(OpenError::NoEvents(name.clone()));
            }
            let camera = camera(name, None, play, &mut rig)?;
            use_recorded_thresholds(name, handle);
            handle.enable();
            before(handle)?;
            let source = RigSource::one(title, camera, rig, handle.clone())?;
            Ok(Box::new(source.with_remarks(remarks)))
        }
        Sources::Two { frames, events } => {
            if !events.has_events() {
                return Err(OpenError::NoEvents(events.clone()));
            }
            for name in [frames, events] {
                if name.is_clip() {
                    return Err(OpenError::NotACamera(name.clone()));
                }
            }
            use_recorded_thresholds(events, handle);
            let (frames, events) = if frames == events {
                split_camera(frames, play, &mut rig)?
            } else {
                (
                    camera(frames, Some(StreamKind::Frames), play, &mut rig)?,
                    camera(events, Some(StreamKind::Events), play, &mut rig)?,
                )
            };
            handle.enable();
            before(handle)?;
            let source = RigSource::two(title, frames, events, rig, handle.clone())?;
            Ok(Box::new(source.with_remarks(remarks)))
        }
    }
}

/// How a recording is played.
#[derive(Clone, Copy)]
struct Play {
    playback: Playback,
    times: EventTimes,
}

/// What contradicts in a recording of MS-RBD pairs. Two sources are not compared: their clocks are
/// synchronised while they play.
fn remarks(sources: &Sources, times: EventTimes) -> Vec<String> {
    let Sources::One(name) = sources else { return Vec::new() };
    let Some(path) = name.recording() else { return Vec::new() };
    let is_pairs = |p: &Path| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz"));
    if !path.is_dir() && !is_pairs(path) {
        return Vec::new();
    }
    let line = |(file, finding): (PathBuf, Finding)| format!("{}: {finding}", file.display());
    check_recording(path, times).into_iter().map(line).collect()
}

/// Uses the contrast thresholds of a recording's or dataset's manifest, or those stored for its
/// event camera, as `deblur` and `test` do.
fn use_recorded_thresholds(events: &SourceName, handle: &RigHandle) {
    if let Some(path) = events.recording()
        && let Some(contrast) = FileThresholds::new(None).of_played(path)
    {
        handle.contrast().use_known(contrast);
    }
}

/// Splits one device into a frame camera and an event camera, each with its own threads.
fn split_camera(
    name: &SourceName,
    play: Play,
    rig: &mut RigSettings,
) -> Result<(CameraChoice, CameraChoice), OpenError> {
    let CameraChoice { driver, serial, settings, monitor } = camera(name, None, play, rig)?;
    let (frames, events) =
        split_selected(driver, DeviceSelector::new(serial.clone()), SIM_EVENT_CONTROLS);
    let camera_choice = |driver: Arc<dyn Driver>| CameraChoice {
        driver,
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
    Play { playback, times }: Play,
    rig: &mut RigSettings,
) -> Result<CameraChoice, OpenError> {
    (name.kind().open)(&mut OpenRequest { name, stream, playback, times, rig })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;
    use crate::event::Thresholds;
    use crate::sequence::DATASET_MANIFEST;

    #[test]
    fn a_dataset_is_played_with_the_thresholds_of_its_manifest() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("test");
        std::fs::create_dir(&folder).unwrap();
        let entry = serde_json::json!({"source": "sim", "thresholds": [0.4, 0.3], "events": 1});
        let manifest = serde_json::json!({
            "program": "test", "settings": null, "skipped": [],
            "recordings": {"test/a.npz": entry, "test/b.npz": entry},
        });
        std::fs::write(base.path().join(DATASET_MANIFEST), manifest.to_string()).unwrap();
        for name in ["a.npz", "b.npz"] {
            std::fs::write(folder.join(name), b"").unwrap();
        }
        let wanted = Contrast::known(Thresholds { on: 0.4, off: 0.3 });
        for path in [folder.clone(), folder.join("b.npz")] {
            let handle = RigHandle::default();
            use_recorded_thresholds(&SourceName::replay(&path), &handle);
            assert_eq!(handle.contrast().now(), wanted, "{}", path.display());
        }
    }
}
