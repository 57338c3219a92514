//! The alignment of a rig's two cameras: loaded when both are known, measured anew on request.

use crate::rig::align::store::{self, Pair};
use crate::rig::align::{AlignRun, AlignSettings, Alignment};
use crate::rig::{Change, Changes};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Packets that wait for the search; more are not looked at.
const QUEUE: usize = 64;

/// Why an alignment cannot be measured or stored.
#[derive(Debug, thiserror::Error)]
pub enum AlignmentHandleError {
    /// One camera needs none.
    #[error("there are no two cameras to align: start with --frame-source and --event-source")]
    NoRig,
    /// They were never both there.
    #[error(
        "both cameras must have been connected once, so that the alignment can be kept for them"
    )]
    NoPair,
    /// The file.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The system gives no thread.
    #[error("no thread for the alignment: {0}")]
    Thread(#[from] std::io::Error),
}

/// The alignment that a running rig uses; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct AlignmentHandle(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    folder: Option<PathBuf>,
    changes: Option<Changes>,
    pair: Option<Pair>,
    used: Option<Alignment>,
    fault: Option<String>,
}

impl AlignmentHandle {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for stored alignments here rather than among the user's settings.
    pub fn set_folder(&self, folder: PathBuf) {
        self.state().folder = Some(folder);
    }

    pub(super) fn attach(&self, changes: Changes) {
        self.state().changes = Some(changes);
    }

    /// Both cameras are known: what was stored for them is used.
    pub(super) fn pair(&self, pair: Pair) {
        let folder = {
            let mut state = self.state();
            if state.pair.as_ref() == Some(&pair) {
                return;
            }
            state.pair = Some(pair.clone());
            (state.used, state.fault) = (None, None);
            state.folder.clone().or_else(store::folder)
        };
        // Not under the lock: the window takes it to draw.
        let loaded = folder.map_or(Ok(None), |folder| store::load(&folder, &pair));
        let mut state = self.state();
        if state.used.is_some() || state.pair.as_ref() != Some(&pair) {
            // Meanwhile one was measured and accepted, or other cameras were connected.
            return;
        }
        (state.used, state.fault) = match loaded {
            Ok(alignment) => (alignment, None),
            Err(e) => (None, Some(e.to_string())),
        };
        if let Some(changes) = &state.changes {
            changes.send(Change::Align(state.used.clone().map(Arc::new)));
        }
    }

    /// The alignment that is used.
    pub fn used(&self) -> Option<Alignment> {
        self.state().used.clone()
    }

    /// Serial numbers of the two cameras, once both were connected.
    pub fn cameras(&self) -> Option<Pair> {
        self.state().pair.clone()
    }

    /// Why a stored alignment is not used.
    pub(super) fn fault(&self) -> Option<String> {
        self.state().fault.clone()
    }

    /// How it stands, in words.
    pub(super) fn said(&self) -> String {
        let state = self.state();
        match (&state.used, &state.pair) {
            (Some(used), _) => {
                let (image, sensor) = (used.target.image(), used.target.sensor());
                format!(
                    "{image} and {sensor}, residual {:.2} px of the events",
                    used.residual.event_px
                )
            }
            (None, Some(_)) => "no: frames and events as they come (gem-live align)".into(),
            (None, None) => "waiting for both cameras".into(),
        }
    }

    /// Begins to look for a board in what the cameras send from now on; `flashing` for one that
    /// flashes full screen, which needs no frames of the event camera.
    ///
    /// # Errors
    /// There are no two cameras, or the system gives no thread.
    pub fn begin(
        &self,
        settings: AlignSettings,
        flashing: bool,
    ) -> Result<AlignRun, AlignmentHandleError> {
        let changes = self.state().changes.clone().ok_or(AlignmentHandleError::NoRig)?;
        let (sender, packets) = crossbeam_channel::bounded(QUEUE);
        let run = AlignRun::start(settings, flashing, packets)?;
        changes.send(Change::Watch(sender));
        Ok(run)
    }

    /// Uses an alignment from now on and stores it for these two cameras; where it lies.
    ///
    /// # Errors
    /// The cameras are not known yet, or the file cannot be written; it is used all the same.
    pub fn accept(&self, alignment: Alignment) -> Result<PathBuf, AlignmentHandleError> {
        let (pair, folder) = {
            let mut state = self.state();
            let changes = state.changes.clone().ok_or(AlignmentHandleError::NoRig)?;
            changes.send(Change::Align(Some(Arc::new(alignment.clone()))));
            (state.used, state.fault) = (Some(alignment.clone()), None);
            let pair = state.pair.clone().ok_or(AlignmentHandleError::NoPair)?;
            (pair, state.folder.clone().or_else(store::folder))
        };
        // Not under the lock, as above.
        let folder = folder.ok_or(store::StoreError::NoFolder)?;
        Ok(store::save(&folder, &pair, &alignment)?)
    }
}
