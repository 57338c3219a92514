//! State of the window, which its panels read and change.

use crate::event::Thresholds;
use crate::gui::dialogs::alignment_state::AlignmentDialog;
use crate::gui::dialogs::export_state::ExportDialog;
use crate::gui::dialogs::file_dialog::Chooser;
use crate::gui::dialogs::source_dialog::Chosen;
use crate::gui::panels::recorder_state::RecorderPanel;
use crate::gui::panels::recordings_state::RecordingsPanel;
use crate::gui::pictures::Pictures;
use crate::gui::scores::Quality;
use crate::gui::session::Session;
use crate::gui::settings::Settings;
use crate::gui::settings_file::SettingsFile;
use crate::gui::widgets::histogram::Histogram;
use crate::gui::widgets::pan_zoom::PanZoom;
use crate::gui::widgets::toast::{self, Toast};
use crate::live::{RestoreRequest, RestoredFrame};
use eframe::egui_wgpu::RenderState;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// What someone is told who has never opened the window before.
pub(crate) const WELCOME: &str = "Left is what the camera sees, right the same moment without its motion \
                       blur. O chooses a camera or a recording, F fills the screen, H shows all \
                       keys. (Click here to close this.)";

/// What lies over everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialog {
    Help,
    Sources,
    Delete,
    /// Recordings become a dataset.
    Export,
    /// The alignment of two cameras.
    Align,
    /// The board that flashes full screen.
    Board,
}

/// The window's state.
pub(crate) struct Window {
    pub session: Session,
    /// Wakes the window from another thread.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    pub(crate) file: SettingsFile,
    pub settings: Settings,
    /// Contrast thresholds that are set rather than estimated: those of the settings, or of the
    /// command line.
    pub thresholds: Option<Thresholds>,
    pub pictures: Pictures,
    pub latest: Option<RestoredFrame>,
    /// Which instant of `latest` is shown, since when.
    pub index: (usize, Instant),
    pub eye: PanZoom,
    /// The instant that is restored, a fraction of the exposure.
    pub instant: f64,
    pub held: bool,
    /// Held, and waiting for one more exposure.
    pub stepping: bool,
    pub slow: bool,
    /// Counts the exposures that slow motion and steps asked for.
    pub request_id: u64,
    /// What the engine was told last; none after another source was opened.
    pub wish: Option<RestoreRequest>,
    /// Where the handle of the position is held.
    pub seeking: Option<f64>,
    /// Controls that were just set.
    pub edits: Vec<crate::gui::panels::edit::Edit>,
    pub dialog: Option<Dialog>,
    pub toast: Toast,
    pub quality: Quality,
    pub histogram: Histogram,
    pub recorder: RecorderPanel,
    pub library: RecordingsPanel,
    pub export: ExportDialog,
    pub sources: Chosen,
    pub wizard: AlignmentDialog,
    pub chooser: Chooser,
}

impl Window {
    /// A window for a session. Settings are kept in `file`, pictures are drawn on the card of
    /// `render`.
    pub(crate) fn new(
        session: Session,
        file: Option<PathBuf>,
        render: Option<&RenderState>,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        let (file, settings, warnings) = SettingsFile::open(file);
        let mut toast = Toast::default();
        if file.is_new() {
            toast.notify(toast::Kind::Welcome, WELCOME);
        }
        if !warnings.is_empty() {
            let text = format!("Not all settings could be read: {}", warnings.join("; "));
            eprintln!("gem-live: {text}");
            toast.notify(toast::Kind::Bad, text);
        }
        Self {
            session,
            wake: wake.clone(),
            file,
            thresholds: settings.thresholds,
            settings,
            pictures: Pictures::new(render),
            latest: None,
            index: (0, Instant::now()),
            eye: PanZoom::default(),
            instant: 0.5,
            held: false,
            stepping: false,
            slow: false,
            request_id: 0,
            wish: None,
            seeking: None,
            edits: Vec::new(),
            dialog: None,
            toast,
            quality: Quality::new(wake),
            histogram: Histogram::default(),
            recorder: RecorderPanel::default(),
            library: RecordingsPanel::default(),
            export: ExportDialog::default(),
            sources: Chosen::default(),
            wizard: AlignmentDialog::default(),
            chooser: Chooser::default(),
        }
    }
}
