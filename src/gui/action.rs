//! User actions of the window.

use crate::gui::dialogs::file_dialog::Purpose;
use crate::gui::settings::{Tab, View};
use crate::live::Sources;
use std::path::PathBuf;

/// An action that a key, a button or a dialog triggers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    View(View),
    Pause,
    /// Moves by this number of exposures; negative moves backward.
    Step(i32),
    /// Moves to this fraction of the recording, 0 to 1.
    Seek(f64),
    Speed(f64),
    Loop(bool),
    Events,
    Edi,
    Truth,
    Clipping,
    Smooth,
    SlowMotion,
    /// Moves the restored instant by this fraction of the exposure.
    Scrub(f64),
    Actual,
    /// Multiplies the zoom around the centre of the view.
    Zoom(f32),
    Fit,
    Snapshot,
    /// Starts or stops recording.
    Record,
    Side(Tab),
    SideToggle,
    Sources,
    /// Opens the dialog that aligns two cameras.
    Align,
    /// Shows the flashing board in full screen.
    Board,
    Open(Sources),
    /// Opens the dialog that exports these recordings as a dataset.
    Export(Vec<PathBuf>),
    /// Opens the system's file dialog.
    Choose(Purpose),
    /// Loads a file that was dropped or chosen: a recording or weights.
    Take(PathBuf),
    FullScreen,
    /// Toggles the large statistics strip.
    Large,
    Help,
    Close,
    Quit,
}
