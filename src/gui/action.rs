//! What a person can ask of the window.

use crate::gui::dialogs::file_dialog::Purpose;
use crate::gui::settings::{Tab, View};
use crate::live::Sources;
use std::path::PathBuf;

/// Something that a key or a button asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    View(View),
    Pause,
    /// So many exposures forward, or backward.
    Step(i32),
    /// To a fraction of the recording.
    Seek(f64),
    Speed(f64),
    Loop(bool),
    Events,
    Edi,
    Truth,
    Clipping,
    Smooth,
    SlowMotion,
    /// Moves the instant that is restored.
    Scrub(f64),
    Actual,
    /// Magnifies around the middle.
    Zoom(f32),
    Fit,
    Snapshot,
    /// Starts recording, or stops.
    Record,
    Side(Tab),
    SideToggle,
    Sources,
    /// The alignment of two cameras.
    Align,
    /// The board that flashes full screen.
    Board,
    Open(Sources),
    /// Makes a dataset of these recordings.
    Export(Vec<PathBuf>),
    /// Asks for a file or folder.
    Choose(Purpose),
    /// A file that was dropped or chosen: a recording or weights.
    Take(PathBuf),
    FullScreen,
    /// The numbers in large type, or not.
    Large,
    Help,
    Close,
    Quit,
}
