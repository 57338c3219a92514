//! The alignment of a rig's two cameras: loaded when both are connected, measured on request.

use super::fact::AlignmentStatus;
use crate::panics::Locked;
use crate::rig::align::store::{self, Pair};
use crate::rig::align::{AlignRun, AlignSettings, Alignment};
use crate::rig::{Change, Changes};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// Packets that may wait for the search; further packets are skipped.
const QUEUE: usize = 64;

/// Why an alignment cannot be measured or stored.
#[derive(Debug, thiserror::Error)]
pub enum AlignmentHandleError {
    /// There is only one camera.
    #[error("there are no two cameras to align: start with --frame-source and --event-source")]
    NoRig,
    /// The two cameras were never connected at the same time.
    #[error("the alignment is not stored: connect both cameras, then measure again")]
    NoPair,
    /// The alignment file cannot be written.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The system cannot start a thread.
    #[error("cannot start the alignment thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// The alignment of a running rig; clones share it.
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
        self.0.locked()
    }

    /// Loads and stores alignments in this folder instead of the user's settings folder.
    pub fn set_folder(&self, folder: PathBuf) {
        self.state().folder = Some(folder);
    }

    pub(super) fn attach(&self, changes: Changes) {
        self.state().changes = Some(changes);
    }

    /// Sets the connected cameras and applies the alignment that is stored for them.
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
        // Read the file without the lock: the window needs it to draw.
        let loaded = folder.map_or(Ok(None), |folder| store::load(&folder, &pair));
        let mut state = self.state();
        if state.used.is_some() || state.pair.as_ref() != Some(&pair) {
            // Meanwhile an alignment was accepted, or other cameras were connected.
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

    /// The alignment in use.
    pub fn used(&self) -> Option<Alignment> {
        self.state().used.clone()
    }

    /// The serial numbers of the two cameras, once both were connected.
    pub fn cameras(&self) -> Option<Pair> {
        self.state().pair.clone()
    }

    /// Why a stored alignment is not used.
    pub(super) fn fault(&self) -> Option<String> {
        self.state().fault.clone()
    }

    /// Whether the cameras are aligned.
    pub(super) fn status(&self) -> AlignmentStatus {
        let state = self.state();
        match (&state.used, &state.pair) {
            (Some(used), _) => AlignmentStatus::Used {
                image: used.target.image(),
                sensor: used.target.sensor(),
                residual_px: used.residual.event_px,
            },
            (None, Some(_)) => AlignmentStatus::Missing,
            (None, None) => AlignmentStatus::Waiting,
        }
    }

    /// Starts a search for a calibration board in what the cameras send from now on. `flashing` is
    /// for a board that flashes full screen, which needs no frames of the event camera.
    ///
    /// # Errors
    /// [`AlignmentHandleError::NoRig`] if there are no two cameras,
    /// [`AlignmentHandleError::Thread`] if the system cannot start a thread.
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

    /// Uses an alignment from now on and stores it for these two cameras. Returns its path.
    ///
    /// # Errors
    /// The alignment is in use but not stored if the cameras are not known yet
    /// ([`AlignmentHandleError::NoPair`]) or the file cannot be written
    /// ([`AlignmentHandleError::Store`]).
    pub fn accept(&self, alignment: Alignment) -> Result<PathBuf, AlignmentHandleError> {
        let (pair, folder) = {
            let mut state = self.state();
            let changes = state.changes.clone().ok_or(AlignmentHandleError::NoRig)?;
            changes.send(Change::Align(Some(Arc::new(alignment.clone()))));
            (state.used, state.fault) = (Some(alignment.clone()), None);
            let pair = state.pair.clone().ok_or(AlignmentHandleError::NoPair)?;
            (pair, state.folder.clone().or_else(store::folder))
        };
        // Write the file without the lock, as in `pair`.
        let folder = folder.ok_or(store::StoreError::NoFolder)?;
        Ok(store::save(&folder, &pair, &alignment)?)
    }
}
