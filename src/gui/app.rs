//! The window's state, and how actions change it. `window.rs` draws it.

use super::action::Action;
use super::dialogs::file_dialog::Purpose;
use super::dialogs::{Dialog, Dialogs};
use super::file_kind::FileKind;
use super::film_recording::FilmRecording;
use super::fit::Fit;
use super::intro::Intro;
use super::panels::Panels;
use super::player::Player;
use super::recording::Recording;
use super::scores::Scorer;
use super::session::Session;
use super::settings::{Settings, View};
use super::settings_change::Setting;
use super::settings_file::SettingsFile;
use super::wake::Wake;
use super::widgets::pan_zoom::PanZoom;
use super::widgets::toast::{Toast, ToastKind};
use super::{describe, snapshot};
use crate::live::{SourceName, Sources};
use eframe::egui;
use eframe::egui_wgpu::RenderState;
use std::path::{Path, PathBuf};

/// Message that is shown when the program runs for the first time.
const WELCOME: &str = "Left: the camera frame. Right: the same exposure with its motion blur \
                       removed. Drag the line between them. Press O to open a camera or a \
                       recording, F for full screen, H for all keys. (Click to dismiss.)";

/// Frames per second of a film while the rate of the view is unknown, and at most.
const DEFAULT_FILM_RATE_HZ: f64 = 25.0;
const MAX_FILM_RATE_HZ: f64 = 120.0;

/// The window's state. It owns the panels and dialogs, which read the rest of it and return
/// actions; only [`App::apply`] changes more than one of them.
pub(crate) struct App {
    pub session: Session,
    /// Requests a repaint from another thread.
    wake: Wake,
    pub settings: Settings,
    pub settings_file: SettingsFile,
    pub player: Player,
    pub recording: Recording,
    /// The film of what is shown.
    pub film: FilmRecording,
    pub scorer: Scorer,
    /// The wipe that moves by itself when the program runs for the first time.
    pub intro: Intro,
    /// What makes everything smaller in a small window.
    pub fit: Fit,
    pub toast: Toast,
    pub panels: Panels,
    pub dialogs: Dialogs,
}

impl App {
    /// Creates the window of a session. Settings are stored in `file`; pictures are drawn with
    /// the GPU of `render`.
    pub(crate) fn new(
        session: Session,
        file: Option<PathBuf>,
        render: Option<&RenderState>,
        wake: Wake,
    ) -> Self {
        let (settings_file, mut settings, warnings) = SettingsFile::open(file);
        let mut intro = Intro::Over;
        let mut toast = Toast::default();
        if settings_file.is_new() {
            toast.notify(ToastKind::Welcome, WELCOME);
            (intro, settings.view) = (Intro::Waiting, View::Wipe);
        }
        if !warnings.is_empty() {
            let text = format!("Some settings were ignored: {}", warnings.join("; "));
            tracing::warn!("{text}");
            eprintln!("gem-live: {text}");
            toast.notify(ToastKind::Error, text);
        }
        Self {
            session,
            player: Player::new(),
            recording: Recording::new(wake.clone()),
            film: FilmRecording::new(wake.clone()),
            scorer: Scorer::new(wake.clone()),
            panels: Panels::new(render, &wake),
            dialogs: Dialogs::new(&wake),
            settings,
            settings_file,
            intro,
            fit: Fit::default(),
            toast,
            wake,
        }
    }

    /// Executes one action.
    pub(super) fn apply(&mut self, ui: &egui::Ui, action: Action) {
        let full_screen = || ui.input(|i| i.viewport().fullscreen.unwrap_or(false));
        let set_full_screen = |on| ui.send_viewport_cmd(egui::ViewportCommand::Fullscreen(on));
        match action {
            Action::Set(setting) => setting.apply(&mut self.settings),
            Action::Toggle(toggle) => toggle.apply(&mut self.settings),
            Action::SetThresholds(thresholds) => {
                self.player.given_thresholds = None;
                self.session.rig_handle.contrast().set_by_hand(thresholds);
            }
            Action::ToggleLargeStatistics => {
                self.settings.large = Some(!self.settings.large_in(full_screen()));
            }
            Action::ToggleFullScreen => set_full_screen(!full_screen()),

            Action::TogglePause => self.player.toggle_pause(&mut self.session),
            Action::Step(count) => self.player.step(count, &mut self.session),
            Action::Seek(position) => self.player.seek(position, &mut self.session),
            Action::ToggleSlowMotion => self.player.slow_motion = !self.player.slow_motion,
            Action::SetInstant(instant) => self.player.set_instant(instant),
            Action::MoveInstant(by) => self.player.set_instant(self.player.instant + by),
            Action::Control(control) => self.session.control(control),

            Action::ToggleOneToOne => self.panels.image_view.pan_zoom.toggle_one_to_one(),
            Action::Zoom(factor) => self.panels.image_view.pan_zoom.magnify_center(factor),
            Action::FitToWindow => self.panels.image_view.pan_zoom = PanZoom::default(),
            Action::SaveSnapshot => self.save_snapshot(),

            Action::ToggleRecording => {
                let (player, notes) = (&self.player, &self.panels.recorder.notes);
                let result = self.recording.toggle(&self.session, player, &self.settings, notes);
                self.report(result);
            }
            Action::ToggleFilm => self.toggle_film(),
            Action::RefreshRecordings => self.panels.recordings.list.refresh(),
            Action::Delete(folder) => {
                let result = self.panels.recordings.delete(&folder);
                self.report(result);
            }

            Action::Open(sources) => self.open(sources),
            Action::OpenFile(path) => self.open_file(&path),

            Action::ToggleHelp => {
                let is_open = self.dialogs.open == Some(Dialog::Help);
                self.dialogs.open = (!is_open).then_some(Dialog::Help);
            }
            Action::ChooseSource => {
                self.dialogs.source.begin(&self.session.name);
                self.dialogs.open = Some(Dialog::Source);
            }
            Action::Align => self.dialogs.open = Some(Dialog::Alignment),
            Action::StartAlignment => self.dialogs.alignment.begin(&self.session.rig_handle),
            Action::ShowBoard => {
                self.dialogs.open = Some(Dialog::Board);
                set_full_screen(true);
            }
            Action::UseAlignment(alignment) => {
                let result = self.session.rig_handle.alignment().accept(*alignment);
                let (kind, text) = describe::alignment(&result);
                self.toast.notify(kind, text);
            }
            Action::Export(sequences) => self.begin_export(sequences),
            Action::ConfirmDelete(folder) => {
                self.dialogs.delete.begin(folder);
                self.dialogs.open = Some(Dialog::Delete);
            }
            Action::ChooseFile(purpose) => self.dialogs.file.open(purpose, ui),
            Action::FileChosen(purpose, path) => self.use_chosen_file(purpose, path),

            Action::Notify(kind, text) => self.toast.notify(kind, text),
            Action::DismissFault(part) => self.session.dismiss(part),
            Action::Close => match self.dialogs.close() {
                None if full_screen() => set_full_screen(false),
                Some(Dialog::Board) => set_full_screen(false),
                _ => {}
            },
            Action::Quit => ui.send_viewport_cmd(egui::ViewportCommand::Close),
        }
    }

    /// Shows why an action failed.
    fn report(&mut self, result: Result<(), String>) {
        if let Err(why) = result {
            self.toast.notify(ToastKind::Error, why);
        }
    }

    /// Replaces the current source.
    pub(super) fn open(&mut self, sources: Sources) {
        if self.recording.is_running(&self.session.rig_handle) {
            let text = "Stop the recording before you change the source.";
            self.toast.notify(ToastKind::Error, text);
            return;
        }
        self.dialogs.reset();
        self.player.reset();
        self.scorer.reset();
        self.panels.image_view.pan_zoom = PanZoom::default();
        self.panels.placeholder.reset();
        self.panels.camera.reset();
        self.session.open(sources);
    }

    fn open_file(&mut self, path: &Path) {
        match FileKind::of(path) {
            FileKind::Weights => {
                self.session.load_weights(path);
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                self.toast.notify(ToastKind::Success, format!("Loading the weights {name}"));
            }
            FileKind::Recording => self.open(SourceName::replay(path).into()),
            FileKind::Unknown => self.toast.notify(
                ToastKind::Error,
                format!(
                    "{} is neither weights (.ckpt, .pth, .safetensors) nor a recording (a folder \
                     of .npz pairs or of pictures with events, or .aedat4, .bag, .mcap, .h5)",
                    path.display()
                ),
            ),
        }
    }

    fn use_chosen_file(&mut self, purpose: Purpose, path: PathBuf) {
        match purpose {
            Purpose::Recording | Purpose::RecordingFolder => {
                self.dialogs.source.set_recording(&path);
            }
            Purpose::Weights => self.open_file(&path),
            Purpose::RecordingsFolder => Setting::Folder(Some(path)).apply(&mut self.settings),
            Purpose::DatasetFolder => self.dialogs.export.set_folder(&path),
            Purpose::FilmFile => self.dialogs.export.set_film(&path),
        }
    }

    fn begin_export(&mut self, sequences: Vec<PathBuf>) {
        self.dialogs.open = Some(Dialog::Export);
        let list = &self.panels.recordings.list;
        let single = match sequences.as_slice() {
            [single] => list.find(single),
            _ => None,
        };
        let scene = single.map_or("dataset", |sequence| sequence.scene());
        // What is set for the recording that is shown holds for no other.
        let shown = self.session.name.recording();
        let is_shown = sequences.iter().all(|sequence| Some(sequence.as_path()) == shown);
        let set = self.session.rig_handle.contrast().is_set().filter(|_| is_shown);
        let thresholds = self.player.given_thresholds.or(set);
        self.dialogs.export.begin(sequences, &self.settings, scene, thresholds);
    }

    fn toggle_film(&mut self) {
        let shown_hz = self.session.snapshot().rate_out;
        let rate_hz = match self.player.slow_motion {
            true => Player::slow_rate_hz(),
            // Unknown at first, and while paused.
            false if shown_hz < 1.0 => DEFAULT_FILM_RATE_HZ,
            false => shown_hz,
        };
        let result = self.film.toggle(&self.player, &self.settings, rate_hz.min(MAX_FILM_RATE_HZ));
        self.report(result);
    }

    fn save_snapshot(&mut self) {
        let Some(frame) = self.player.latest.clone() else {
            self.toast.notify(ToastKind::Error, "There is no picture to save yet.");
            return;
        };
        let (messages, wake) = (self.toast.sender(), self.wake.clone());
        let saving = snapshot::save_in_background(frame, self.player.index, messages, wake);
        self.report(saving.map_err(|e| format!("Cannot save a snapshot: {e}")));
    }

    /// Finishes a running recording, film and export, and saves the settings.
    pub(super) fn end(&mut self) {
        // Queued frames are written before the program exits.
        self.recording.end(&self.session.rig_handle);
        if let Err(why) = self.film.end() {
            tracing::warn!("{why}");
            eprintln!("gem-live: {why}");
        }
        self.dialogs.export.end();
        if let Err(e) = self.settings_file.end(&self.settings) {
            tracing::warn!("cannot save the settings: {e}");
            eprintln!("gem-live: cannot save the settings: {e}");
        }
    }
}
