//! State of the window, which its panels read and modify.

use crate::event::Thresholds;
use crate::gui::dialogs::alignment_state::AlignmentDialog;
use crate::gui::dialogs::export_state::ExportDialog;
use crate::gui::dialogs::file_dialog::Chooser;
use crate::gui::dialogs::source_dialog::SourceDialog;
use crate::gui::intro::Intro;
use crate::gui::panels::recorder_state::RecorderPanel;
use crate::gui::panels::recordings_state::RecordingsPanel;
use crate::gui::pictures::Pictures;
use crate::gui::played::Played;
use crate::gui::scores::Quality;
use crate::gui::session::Session;
use crate::gui::settings::{Settings, View};
use crate::gui::settings_file::SettingsFile;
use crate::gui::widgets::histogram::Histogram;
use crate::gui::widgets::pan_zoom::PanZoom;
use crate::gui::widgets::toast::{self, Toast};
use crate::live::{RestoreRequest, RestoredFrame};
use eframe::egui_wgpu::RenderState;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Message that is shown when the program runs for the first time.
pub(crate) const WELCOME: &str = "Left: the camera frame. Right: the same exposure with its \
                                  motion blur removed. Drag the line between them. Press O to \
                                  open a camera or a recording, F for full screen, H for all \
                                  keys. (Click to dismiss.)";

/// Dialog that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialog {
    Help,
    Sources,
    Delete,
    /// Export of recordings as a dataset.
    Export,
    /// Alignment of two cameras.
    Align,
    /// Flashing board in full screen.
    Board,
}

/// The window's state.
pub(crate) struct Window {
    pub session: Session,
    /// Requests a repaint from another thread.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    pub(crate) file: SettingsFile,
    pub settings: Settings,
    /// The wipe that moves by itself when the program runs for the first time.
    pub intro: Intro,
    /// Whether the source was played to its end before it delivered a picture.
    pub played: Played,
    /// Contrast thresholds that are set in the settings or on the command line; none if they
    /// are estimated.
    pub thresholds: Option<Thresholds>,
    pub pictures: Pictures,
    pub latest: Option<RestoredFrame>,
    /// Index of the instant of `latest` that is shown, and since when.
    pub index: (usize, Instant),
    pub eye: PanZoom,
    /// Restored instant, as a fraction of the exposure.
    pub instant: f64,
    /// Paused.
    pub held: bool,
    /// Paused, and waiting for one more exposure.
    pub stepping: bool,
    /// Slow motion is on.
    pub slow: bool,
    /// Number of exposures that slow motion and steps have requested.
    pub request_id: u64,
    /// Last request that was sent to the engine; none after another source was opened.
    pub sent_request: Option<RestoreRequest>,
    /// Position of the seek handle while it is dragged, as a fraction of the recording.
    pub seeking: Option<f64>,
    /// Controls that were set a moment ago.
    pub edits: Vec<crate::gui::panels::edit::Edit>,
    pub dialog: Option<Dialog>,
    pub toast: Toast,
    pub quality: Quality,
    pub histogram: Histogram,
    pub recorder: RecorderPanel,
    pub library: RecordingsPanel,
    pub export: ExportDialog,
    pub sources: SourceDialog,
    pub wizard: AlignmentDialog,
    pub chooser: Chooser,
}

impl Window {
    /// Creates the window of a session. Settings are stored in `file`; pictures are drawn with
    /// the GPU of `render`.
    pub(crate) fn new(
        session: Session,
        file: Option<PathBuf>,
        render: Option<&RenderState>,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        let (file, mut settings, warnings) = SettingsFile::open(file);
        let mut intro = Intro::Over;
        let mut toast = Toast::default();
        if file.is_new() {
            toast.notify(toast::Kind::Welcome, WELCOME);
            (intro, settings.view) = (Intro::Waiting, View::Wipe);
        }
        if !warnings.is_empty() {
            let text = format!("Some settings were ignored: {}", warnings.join("; "));
            tracing::warn!("{text}");
            eprintln!("gem-live: {text}");
            toast.notify(toast::Kind::Bad, text);
        }
        Self {
            session,
            wake: wake.clone(),
            file,
            thresholds: settings.thresholds,
            settings,
            intro,
            played: Played::default(),
            pictures: Pictures::new(render),
            latest: None,
            index: (0, Instant::now()),
            eye: PanZoom::default(),
            instant: 0.5,
            held: false,
            stepping: false,
            slow: false,
            request_id: 0,
            sent_request: None,
            seeking: None,
            edits: Vec::new(),
            dialog: None,
            toast,
            quality: Quality::new(wake),
            histogram: Histogram::default(),
            recorder: RecorderPanel::default(),
            library: RecordingsPanel::default(),
            export: ExportDialog::default(),
            sources: SourceDialog::default(),
            wizard: AlignmentDialog::default(),
            chooser: Chooser::default(),
        }
    }
}
