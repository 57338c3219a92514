//! From the name of a source to the source.

use super::{ClipSource, RigSource, Source, SourceName, Tap, TapError};
use crate::camera::replay::ReplaySettings;
use crate::dataset::{Clip, ClipError};

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
    Tap(#[from] TapError),
    /// There is no such file or folder.
    #[error("{0}: no such recording")]
    Missing(std::path::PathBuf),
    /// The system gives no thread.
    #[error("no thread for the camera: {0}")]
    Thread(#[from] std::io::Error),
}

/// Opens a source. `before` is called with the tap when it can take a recorder, before the
/// first exposure flows.
///
/// # Errors
/// As [`OpenError`] says.
pub fn open(
    name: &SourceName,
    playback: Playback,
    tap: &Tap,
    before: impl FnOnce(&Tap) -> Result<(), TapError>,
) -> Result<Box<dyn Source>, OpenError> {
    match name {
        SourceName::Clip => {
            before(tap)?;
            Ok(Box::new(ClipSource::new(&Clip::embedded()?)))
        }
        SourceName::Sim(which) => {
            tap.enable();
            before(tap)?;
            Ok(Box::new(RigSource::sim(*which, tap.clone())?))
        }
        SourceName::Load(rates) => {
            tap.enable();
            before(tap)?;
            Ok(Box::new(RigSource::load(*rates, tap.clone())?))
        }
        SourceName::Davis(serial) => {
            tap.enable();
            before(tap)?;
            Ok(Box::new(RigSource::davis(serial.clone(), tap.clone())?))
        }
        SourceName::Replay(path) => {
            if !path.exists() {
                return Err(OpenError::Missing(path.clone()));
            }
            tap.enable();
            before(tap)?;
            let once = playback == Playback::Once;
            let play = ReplaySettings { looped: !once, end: once, speed: 1.0 };
            Ok(Box::new(RigSource::replay(path.clone(), play, tap.clone())?))
        }
    }
}
