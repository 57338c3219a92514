//! The recorder panel: settings, progress, drops and the last result.

use crate::gui::action::Action;
use crate::gui::dialogs::file_dialog::Purpose;
use crate::gui::settings::Tab;
use crate::gui::state::Window;
use crate::gui::text_format;
use crate::gui::theme;
use crate::gui::widgets::icons::Icon;
use crate::gui::widgets::{self, hint, title, toast};
use crate::live::{RestoredFrame, SourceName};
use crate::sequence::recorder::RecordSettings;
use crate::sequence::{Progress, SessionInfo, StopReason, new_sequence};
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{TryRecvError, channel};
use std::time::Duration;

/// Bytes of one event in an npz file: an eight-byte timestamp, x, y and polarity.
const EVENT_BYTES: usize = 8 + 2 + 2 + 1;

impl Window {
    /// Starts a recording, or stops the running one.
    pub(crate) fn record(&mut self) {
        if self.recorder.starting.is_some() || self.recorder.finishing.is_some() {
            return;
        }
        if self.recorder.running(&self.session.rig_handle) {
            self.finish_recording();
            return;
        }
        if let Some(why) = self.unrecordable() {
            self.toast.notify(toast::Kind::Bad, why);
            return;
        }
        let folder = new_sequence(&self.settings.recordings(), &self.settings.scene);
        let session = SessionInfo {
            scene: self.settings.scene.clone(),
            indoor: self.settings.indoor,
            notes: self.recorder.notes.clone(),
            ..SessionInfo::default()
        };
        let wanted = (!self.settings.open_ended).then_some(self.settings.frames);
        let settings = RecordSettings { frames: wanted, ..RecordSettings::default() };
        // On a worker thread: a slow disk must not block the window.
        let (send, receive) = channel();
        let (rig_handle, wake, to) =
            (self.session.rig_handle.clone(), self.wake.clone(), folder.clone());
        let work = move || {
            let _ = send.send(rig_handle.record(&to, session, settings).map_err(|e| e.to_string()));
            wake();
        };
        match std::thread::Builder::new().name("recording starts".into()).spawn(work) {
            Ok(_) => {
                self.recorder.starting = Some(receive);
                self.recorder.current = Some((folder, wanted));
            }
            Err(e) => {
                let text = format!("Cannot record: the thread did not start ({e})");
                self.toast.notify(toast::Kind::Bad, text);
            }
        }
    }

    /// Why no recording can be started now; none if one can.
    pub(crate) fn unrecordable(&self) -> Option<String> {
        let source = crate::gui::source_kinds::short_name(&self.session.name);
        if self.session.opening() {
            Some(format!("{source} is being opened."))
        } else if !self.session.rig_handle.can_record() {
            Some(format!("{source} cannot be recorded: choose a camera or the simulated rig (O)."))
        } else if self.latest.is_none() {
            Some(format!("{source} has delivered no picture yet."))
        } else {
            None
        }
    }

    /// Checks whether the recording has started or failed to start.
    fn watch_start(&mut self) {
        let Some(starting) = &self.recorder.starting else { return };
        let started = match starting.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(started) => started,
            Err(TryRecvError::Disconnected) => Err("Cannot record: internal error".into()),
        };
        self.recorder.starting = None;
        if let Err(why) = started {
            self.recorder.current = None;
            self.toast.notify(toast::Kind::Bad, why);
        }
    }

    /// Ends the recording when the window closes; waits until everything is written.
    pub(crate) fn end_recording(&mut self) {
        if let Some(starting) = self.recorder.starting.take() {
            // It must have started before it can be stopped.
            let _ = starting.recv();
        }
        self.session.rig_handle.stop();
    }

    /// Stops the recording on a worker thread, which writes the queued frames: a slow disk must
    /// not block the window.
    fn finish_recording(&mut self) {
        let (send, receive) = channel();
        let (rig_handle, wake) = (self.session.rig_handle.clone(), self.wake.clone());
        let work = move || {
            let _ = send.send(rig_handle.stop());
            wake();
        };
        match std::thread::Builder::new().name("recording ends".into()).spawn(work) {
            Ok(_) => self.recorder.finishing = Some(receive),
            Err(e) => {
                let text = format!("Cannot stop recording: the thread did not start ({e})");
                self.toast.notify(toast::Kind::Bad, text);
            }
        }
    }

    /// Checks whether the recording has ended, and reports the result.
    pub(crate) fn watch_recording(&mut self, ui: &egui::Ui) {
        self.watch_start();
        let over = self.session.rig_handle.progress().is_some_and(|p| p.ending.is_some());
        if self.recorder.current.is_some() && over && self.recorder.finishing.is_none() {
            self.finish_recording();
        }
        if self.recorder.current.is_some() {
            ui.request_repaint_after(Duration::from_millis(100));
        }
        let Some(finishing) = &self.recorder.finishing else { return };
        let progress = match finishing.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(progress) => progress.unwrap_or_default(),
            Err(TryRecvError::Disconnected) => Progress::default(),
        };
        self.recorder.finishing = None;
        if let Some((folder, _)) = self.recorder.current.take() {
            let (kind, text) = describe(&progress, &folder);
            self.toast.notify(kind, text);
            self.recorder.last = Some((folder, progress));
            self.library.stale();
        }
    }

    /// Draws the tab of the recorder.
    pub(crate) fn recorder_panel(&mut self, ui: &mut Ui) -> Vec<Action> {
        let mut actions = Vec::new();
        let running = self.recorder.running(&self.session.rig_handle);
        ui.add_enabled_ui(!running, |ui| self.recording_settings(ui, &mut actions));
        ui.separator();
        self.free_space(ui);
        ui.add_space(4.0);
        if !self.session.rig_handle.can_record() && !self.session.opening() {
            hint(ui, "This source cannot be recorded: choose a camera or the simulated rig.");
            if ui.button("Choose another source").clicked() {
                actions.push(Action::Sources);
            }
            return actions;
        }
        if self.recorder.finishing.is_some() {
            ui.horizontal(|ui| {
                ui.spinner();
                ui.label("Writing queued frames...");
            });
        } else if running {
            let white = egui::Color32::WHITE;
            let colours = [theme::ALERT, white, white];
            let name = "Stop recording";
            if widgets::labelled_icon_button(ui, true, Icon::Stop, name, name, colours).clicked() {
                actions.push(Action::Record);
            }
        } else {
            let why = self.unrecordable();
            let button = widgets::primary_button(ui, why.is_none(), "Start recording");
            if button.on_disabled_hover_text(why.unwrap_or_default()).clicked() {
                actions.push(Action::Record);
            }
        }
        if let Some(progress) = self.session.rig_handle.progress().filter(|_| running) {
            self.progress(ui, &progress);
        } else if let Some((folder, progress)) = &self.recorder.last {
            ui.add_space(8.0);
            title(ui, "Last recording");
            let (kind, text) = describe(progress, folder);
            let colour = if kind == toast::Kind::Good { theme::RESTORED } else { theme::WARNING };
            ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
            ui.horizontal(|ui| {
                if progress.pairs > 0 && ui.button("Play").clicked() {
                    actions.push(Action::Open(SourceName::replay(folder).into()));
                }
                if ui.button("All recordings").clicked() {
                    actions.push(Action::Side(Tab::Library));
                }
            });
        }
        actions
    }

    fn recording_settings(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let s = &mut self.settings;
        let name = |ui: &mut Ui, text: &str| ui.label(RichText::new(text).color(theme::QUIET));
        name(ui, "Scene");
        let scene = ui.add(egui::TextEdit::singleline(&mut s.scene).desired_width(f32::INFINITY));
        scene.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Scene"));
        ui.horizontal(|ui| {
            ui.radio_value(&mut s.indoor, true, "Indoors");
            ui.radio_value(&mut s.indoor, false, "Outdoors");
        });
        name(ui, "Notes");
        let notes = egui::TextEdit::multiline(&mut self.recorder.notes).desired_rows(2);
        let notes = ui.add(notes.desired_width(f32::INFINITY));
        notes.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Notes"));
        name(ui, "Length");
        ui.horizontal(|ui| {
            ui.radio_value(&mut s.open_ended, false, "Frames");
            let frames = egui::DragValue::new(&mut s.frames).range(2..=1_000_000).speed(0.5);
            let frames = ui.add_enabled(!s.open_ended, frames);
            frames.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Number of frames"));
            ui.radio_value(&mut s.open_ended, true, "Until stopped");
        });
        ui.horizontal(|ui| {
            name(ui, "Folder");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.small_button("Choose...").clicked() {
                    actions.push(Action::Choose(Purpose::Folder));
                }
            });
        });
        let shown = s.recordings().display().to_string();
        let mut text = self.recorder.folder.clone().unwrap_or(shown);
        let edit = ui.add(egui::TextEdit::singleline(&mut text).desired_width(f32::INFINITY));
        edit.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Folder"));
        if edit.changed() {
            s.folder = (!text.trim().is_empty()).then(|| PathBuf::from(text.trim()));
            self.recorder.folder = Some(text);
        } else if !edit.has_focus() {
            self.recorder.folder = None;
        }
    }

    /// Draws the free disk space and how many frames fit.
    fn free_space(&mut self, ui: &mut Ui) {
        let folder = self.settings.recordings();
        match self.recorder.space(&folder) {
            Some(free) => {
                let per_frame = self.latest.as_ref().map_or(0, frame_bytes);
                let frames = free.checked_div(per_frame).filter(|_| per_frame > 0);
                let wanted = if self.settings.open_ended { 0 } else { self.settings.frames };
                let low = frames.is_some_and(|n| n < wanted.max(200));
                let estimate = frames
                    .map(|n| format!(", about {}", text_format::counted(n, "frame")))
                    .unwrap_or_default();
                let text = format!("{} free on disk{estimate}", text_format::bytes(free));
                let colour = if low { theme::WARNING } else { theme::QUIET };
                ui.label(RichText::new(text).size(11.5).color(colour));
            }
            None => hint(ui, "The free disk space is unknown."),
        }
    }

    fn progress(&self, ui: &mut Ui, progress: &Progress) {
        let wanted = self.recorder.current.as_ref().and_then(|(_, wanted)| *wanted);
        ui.add_space(4.0);
        if let Some(wanted) = wanted {
            let fraction = progress.exposures as f32 / wanted.max(1) as f32;
            let bar = egui::ProgressBar::new(fraction.min(1.0)).fill(theme::ALERT);
            ui.add(bar.text(format!("{} of {wanted} frames", progress.exposures)));
        } else {
            ui.label(format!("{} so far", text_format::counted(progress.exposures, "frame")));
        }
        let size = text_format::bytes(progress.bytes);
        let waiting = match progress.waiting {
            0 => String::new(),
            n => format!(", {} queued", text_format::counted(n, "frame")),
        };
        hint(
            ui,
            format!("{} written, {size}{waiting}", text_format::counted(progress.pairs, "pair")),
        );
        let problems = [
            (progress.lost, "frames dropped: the disk is too slow"),
            (progress.unpaired, "frames unpaired"),
            (progress.missing_total, "pairs with missing events"),
        ];
        for (count, what) in problems.into_iter().filter(|(count, _)| *count > 0) {
            ui.label(RichText::new(format!("{count} {what}")).color(theme::WARNING));
        }
        if let Some(warning) = &progress.warning {
            ui.add(egui::Label::new(RichText::new(warning).color(theme::WARNING)).wrap());
        }
    }
}

/// Approximate bytes of a frame and its events on disk.
fn frame_bytes(outcome: &RestoredFrame) -> u64 {
    let captured = &outcome.captured;
    let events = captured.exposure.events.len() * EVENT_BYTES;
    (captured.picture.data().len() + events) as u64
}

/// Result of a recording as a message.
fn describe(progress: &Progress, folder: &Path) -> (toast::Kind, String) {
    let place = folder.display();
    let missing = match progress.lost + progress.unpaired {
        0 => String::new(),
        n => format!(", {} missing", text_format::counted(n, "frame")),
    };
    let pairs = format!("{} in {place}{missing}", text_format::counted(progress.pairs, "pair"));
    match &progress.ending {
        Some(StopReason::DiskFull) => {
            (toast::Kind::Bad, format!("The disk is full: free some space. {pairs}"))
        }
        Some(StopReason::Failed(why)) => {
            (toast::Kind::Bad, format!("Recording failed: {why}. {pairs}"))
        }
        _ if progress.pairs == 0 => {
            let text = format!("Nothing was recorded: fewer than two frames arrived ({place})");
            (toast::Kind::Bad, text)
        }
        _ if !missing.is_empty() => (toast::Kind::Bad, format!("Recorded {pairs}")),
        _ => (toast::Kind::Good, format!("Recorded {pairs}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_frames_and_a_full_disk_are_reported_with_the_result() {
        let folder = Path::new("/r/x-001");
        let good = Progress { pairs: 30, exposures: 60, ..Progress::default() };
        assert_eq!(
            describe(&good, folder),
            (toast::Kind::Good, "Recorded 30 pairs in /r/x-001".into())
        );
        let (kind, text) = describe(&Progress { lost: 4, ..good.clone() }, folder);
        assert!(kind == toast::Kind::Bad && text.contains("4 frames missing"), "{text}");
        let full = Progress { ending: Some(StopReason::DiskFull), ..good };
        assert!(describe(&full, folder).1.contains("disk is full"));
        assert_eq!(describe(&Progress::default(), folder).0, toast::Kind::Bad);
    }
}
