//! The recorder panel: settings, progress, drops and the last result.

use crate::gui::action::Action;
use crate::gui::describe;
use crate::gui::dialogs::file_dialog::Purpose;
use crate::gui::player::Player;
use crate::gui::recording::Recording;
use crate::gui::session::Session;
use crate::gui::settings::{Settings, Tab};
use crate::gui::settings_change::{Setting, Toggle};
use crate::gui::text_format::{bytes, counted};
use crate::gui::theme;
use crate::gui::widgets::icons::Icon;
use crate::gui::widgets::toast::ToastKind;
use crate::gui::widgets::{self, hint, title};
use crate::live::{RestoredFrame, SourceName};
use crate::sequence::recorder::{Disk, Store};
use crate::sequence::{EVENT_BYTES, Progress};
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Interval between two queries of the free disk space.
const QUERY_INTERVAL: Duration = Duration::from_secs(2);

/// The panel; the recording itself is a [`Recording`].
#[derive(Default)]
pub(crate) struct RecorderPanel {
    /// Notes that are stored with the next recording.
    pub notes: String,
    /// The folder as typed, while it is being edited.
    folder_text: Option<String>,
    free_space: Option<FreeSpace>,
}

/// Free space on the disk of a folder.
struct FreeSpace {
    queried: Instant,
    folder: PathBuf,
    /// None if unknown.
    bytes: Option<u64>,
}

impl RecorderPanel {
    /// Draws the panel.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        settings: &Settings,
        player: &Player,
        recording: &Recording,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let rig = &session.rig_handle;
        let running = recording.is_running(rig);
        ui.add_enabled_ui(!running, |ui| self.form(ui, settings, &mut actions));
        ui.separator();
        self.free_space(ui, settings, player.latest.as_deref());
        ui.add_space(4.0);
        if !rig.can_record() && !session.opening() {
            hint(ui, "This source cannot be recorded: choose a camera or the simulated rig.");
            if ui.button("Choose another source").clicked() {
                actions.push(Action::ChooseSource);
            }
            return actions;
        }
        if recording.is_finishing() {
            ui.horizontal(|ui| {
                ui.spinner();
                ui.label("Writing queued frames...");
            });
        } else if running {
            let white = egui::Color32::WHITE;
            let colours = [theme::ALERT, white, white];
            let name = "Stop recording";
            let stop = widgets::labelled_icon_button(ui, true, Icon::Stop, name, name, colours);
            if stop.clicked() {
                actions.push(Action::ToggleRecording);
            }
        } else {
            let why = Recording::obstacle(session, player);
            let button = widgets::primary_button(ui, why.is_none(), "Start recording");
            if button.on_disabled_hover_text(why.unwrap_or_default()).clicked() {
                actions.push(Action::ToggleRecording);
            }
        }
        if let Some(progress) = rig.progress().filter(|_| running) {
            show_progress(ui, &progress, recording.frame_limit());
        } else if let Some((folder, progress)) = recording.last() {
            show_result(ui, folder, progress, &mut actions);
        }
        actions
    }

    /// Draws the settings of the next recording.
    fn form(&mut self, ui: &mut Ui, settings: &Settings, actions: &mut Vec<Action>) {
        let name = |ui: &mut Ui, text: &str| ui.label(RichText::new(text).color(theme::QUIET));
        let mut set = |setting| actions.push(Action::Set(setting));
        name(ui, "Scene");
        let mut scene = settings.scene.clone();
        let edit = ui.add(egui::TextEdit::singleline(&mut scene).desired_width(f32::INFINITY));
        edit.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Scene"));
        if edit.changed() {
            set(Setting::Scene(scene));
        }
        ui.horizontal(|ui| {
            for (indoor, name) in [(true, "Indoors"), (false, "Outdoors")] {
                if ui.radio(settings.indoor == indoor, name).clicked() {
                    set(Setting::Indoor(indoor));
                }
            }
        });
        name(ui, "Notes");
        let notes = egui::TextEdit::multiline(&mut self.notes).desired_rows(2);
        let notes = ui.add(notes.desired_width(f32::INFINITY));
        notes.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Notes"));
        name(ui, "Length");
        ui.horizontal(|ui| {
            if ui.radio(!settings.open_ended, "Frames").clicked() {
                set(Setting::OpenEnded(false));
            }
            let mut frames = settings.frames;
            let drag = egui::DragValue::new(&mut frames).range(2..=1_000_000).speed(0.5);
            let drag = ui.add_enabled(!settings.open_ended, drag);
            drag.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Number of frames"));
            if drag.changed() {
                set(Setting::RecordFrames(frames));
            }
            if ui.radio(settings.open_ended, "Until stopped").clicked() {
                set(Setting::OpenEnded(true));
            }
        });
        let choose = ui
            .horizontal(|ui| {
                name(ui, "Folder");
                let right_to_left = egui::Layout::right_to_left(egui::Align::Center);
                ui.with_layout(right_to_left, |ui| ui.small_button("Choose...").clicked()).inner
            })
            .inner;
        let shown = settings.recordings_folder().display().to_string();
        let mut text = self.folder_text.clone().unwrap_or(shown);
        let edit = ui.add(egui::TextEdit::singleline(&mut text).desired_width(f32::INFINITY));
        edit.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Folder"));
        if edit.changed() {
            let folder = (!text.trim().is_empty()).then(|| PathBuf::from(text.trim()));
            set(Setting::Folder(folder));
            self.folder_text = Some(text);
        } else if !edit.has_focus() {
            self.folder_text = None;
        }
        if choose {
            actions.push(Action::ChooseFile(Purpose::RecordingsFolder));
        }
    }

    /// Draws the free disk space and how many frames fit.
    fn free_space(&mut self, ui: &mut Ui, settings: &Settings, frame: Option<&RestoredFrame>) {
        let Some(free) = self.free_bytes(&settings.recordings_folder()) else {
            return hint(ui, "The free disk space is unknown.");
        };
        let per_frame = frame.map_or(0, frame_bytes);
        let frames = free.checked_div(per_frame).filter(|_| per_frame > 0);
        let wanted = if settings.open_ended { 0 } else { settings.frames };
        let low = frames.is_some_and(|n| n < wanted.max(200));
        let estimate =
            frames.map(|n| format!(", about {}", counted(n, "frame"))).unwrap_or_default();
        let text = format!("{} free on disk{estimate}", bytes(free));
        let colour = if low { theme::WARNING } else { theme::QUIET };
        ui.label(RichText::new(text).size(11.5).color(colour));
    }

    /// Free bytes on the disk of `folder`, queried at most every [`QUERY_INTERVAL`]; none if
    /// unknown.
    fn free_bytes(&mut self, folder: &Path) -> Option<u64> {
        let fresh =
            |known: &FreeSpace| known.queried.elapsed() < QUERY_INTERVAL && known.folder == folder;
        if !self.free_space.as_ref().is_some_and(fresh) {
            // The folder may not exist yet: use the nearest parent that does.
            let here = |f| if f == Path::new("") { Path::new(".") } else { f };
            let there = folder.ancestors().map(here).find(|f| f.is_dir());
            let bytes = there.and_then(|f| Disk.free_bytes(f).ok());
            let (queried, folder) = (Instant::now(), folder.to_owned());
            self.free_space = Some(FreeSpace { queried, folder, bytes });
        }
        self.free_space.as_ref().and_then(|known| known.bytes)
    }
}

/// Draws the progress of the running recording.
fn show_progress(ui: &mut Ui, progress: &Progress, wanted: Option<u64>) {
    ui.add_space(4.0);
    if let Some(wanted) = wanted {
        let fraction = progress.exposures as f32 / wanted.max(1) as f32;
        let bar = egui::ProgressBar::new(fraction.min(1.0)).fill(theme::ALERT);
        ui.add(bar.text(format!("{} of {wanted} frames", progress.exposures)));
    } else {
        ui.label(format!("{} so far", counted(progress.exposures, "frame")));
    }
    let size = bytes(progress.bytes);
    let waiting = match progress.waiting {
        0 => String::new(),
        n => format!(", {} queued", counted(n, "frame")),
    };
    hint(ui, format!("{} written, {size}{waiting}", counted(progress.pairs, "pair")));
    let problems = [
        (progress.lost, "frames dropped: the disk is too slow"),
        (progress.unpaired, "frames unpaired"),
        (progress.missing_total, "pairs partly without event data"),
    ];
    for (count, what) in problems.into_iter().filter(|(count, _)| *count > 0) {
        ui.label(RichText::new(format!("{count} {what}")).color(theme::WARNING));
    }
    if let Some(warning) = &progress.warning {
        ui.add(egui::Label::new(RichText::new(warning).color(theme::WARNING)).wrap());
    }
}

/// Draws the result of the last recording.
fn show_result(ui: &mut Ui, folder: &Path, progress: &Progress, actions: &mut Vec<Action>) {
    ui.add_space(8.0);
    title(ui, "Last recording");
    let (kind, text) = describe::recording(progress, folder);
    let colour = if kind == ToastKind::Success { theme::RESTORED } else { theme::WARNING };
    ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
    ui.horizontal(|ui| {
        if progress.pairs > 0 && ui.button("Play").clicked() {
            actions.push(Action::Open(SourceName::replay(folder).into()));
        }
        if ui.button("All recordings").clicked() {
            actions.push(Action::Toggle(Toggle::Tab(Tab::Recordings)));
        }
    });
}

/// Approximate bytes of a frame and its events on disk.
fn frame_bytes(frame: &RestoredFrame) -> u64 {
    let captured = &frame.captured;
    let events = captured.exposure.events.len() * EVENT_BYTES;
    (captured.picture.data().len() + events) as u64
}
