//! User actions of the window. Panels, dialogs and keys return them; `app.rs` applies them.

use crate::event::Thresholds;
use crate::gui::dialogs::file_dialog::Purpose;
use crate::gui::settings_change::{Setting, Toggle};
use crate::gui::widgets::toast::ToastKind;
use crate::live::{Control, Sources};
use crate::rig::align::Alignment;
use std::path::PathBuf;

/// A change that a key, a panel or a dialog requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Changes a setting.
    Set(Setting),
    /// Switches a setting on or off.
    Toggle(Toggle),
    /// Sets the contrast thresholds of the camera that is shown; none to estimate them.
    SetThresholds(Option<Thresholds>),
    /// Toggles the large statistics strip.
    ToggleLargeStatistics,
    ToggleFullScreen,

    TogglePause,
    /// Moves by this number of exposures; negative moves backward.
    Step(i32),
    /// Moves to this fraction of the recording, 0 to 1.
    Seek(f64),
    ToggleSlowMotion,
    /// Restores this instant, as a fraction of the exposure.
    SetInstant(f64),
    /// Moves the restored instant by this fraction of the exposure.
    MoveInstant(f64),
    /// Sends a control to the source.
    Control(Control),

    ToggleOneToOne,
    /// Multiplies the zoom around the centre of the view.
    Zoom(f32),
    FitToWindow,
    SaveSnapshot,

    ToggleRecording,
    /// Starts or ends the film of the view.
    ToggleFilm,
    /// Reads the list of recordings again.
    RefreshRecordings,
    /// Deletes a recording, without asking again.
    Delete(PathBuf),

    /// Opens another source.
    Open(Sources),
    /// Plays a recording or loads weights, depending on the kind of file.
    OpenFile(PathBuf),

    /// Opens or closes the help.
    ToggleHelp,
    /// Opens the dialog that chooses the source.
    ChooseSource,
    /// Opens the dialog that aligns two cameras.
    Align,
    /// Starts the search for the calibration board.
    StartAlignment,
    /// Shows the flashing board in full screen.
    ShowBoard,
    /// Uses and saves an alignment.
    UseAlignment(Box<Alignment>),
    /// Opens the dialog that exports these recordings as a dataset.
    Export(Vec<PathBuf>),
    /// Opens the dialog that confirms the deletion of a recording.
    ConfirmDelete(PathBuf),
    /// Opens the system's file dialog.
    ChooseFile(Purpose),
    /// A file or folder was chosen in the system's file dialog.
    FileChosen(Purpose, PathBuf),

    /// Shows a message.
    Notify(ToastKind, String),
    /// Removes the fault of this part of the pipeline, or that of the source if none.
    DismissFault(Option<&'static str>),
    /// Closes the dialog on top, or leaves full screen.
    Close,
    Quit,
}
