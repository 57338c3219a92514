//! Executes the actions of keys, buttons and dialogs.

use super::played::Played;
use super::snapshot;
use super::state::{Dialog, Window};
use super::widgets::pan_zoom::PanZoom;
use super::widgets::toast;
use crate::gui::action::Action;
use crate::live::{Control, SourceName, Sources};
use eframe::egui;
use std::path::Path;

impl Window {
    /// Executes one action.
    pub(super) fn act(&mut self, ui: &egui::Ui, action: Action) {
        match action {
            Action::View(view) => self.settings.view = view,
            Action::Pause => {
                self.held = !self.held;
                self.stepping = false;
                // A replay pauses with the picture; a live camera ignores this.
                self.session.control(Control::Pause(self.held));
            }
            Action::Step(count) => self.step(count),
            Action::Seek(to) => self.seek(to),
            Action::Speed(speed) => self.session.control(Control::Speed(speed)),
            Action::Loop(on) => self.set_loop(on),
            Action::Events => self.settings.events = !self.settings.events,
            Action::Edi => self.settings.edi = !self.settings.edi,
            Action::Truth => self.settings.truth = !self.settings.truth,
            Action::Clipping => self.settings.clipping = !self.settings.clipping,
            Action::Smooth => self.settings.smooth = !self.settings.smooth,
            Action::SlowMotion => self.slow = !self.slow,
            Action::Scrub(by) => self.instant = (self.instant + by).clamp(0.0, 1.0),
            Action::Actual => self.eye = PanZoom { actual: !self.eye.actual, ..PanZoom::default() },
            Action::Zoom(factor) => {
                self.eye.actual = false;
                self.eye.zoom = (self.eye.zoom * factor).clamp(1.0, super::widgets::pan_zoom::MOST);
            }
            Action::Fit => self.eye = PanZoom::default(),
            Action::Snapshot => self.snapshot(),
            Action::Record => self.record(),
            Action::Side(tab) if self.settings.side && self.settings.tab == tab => {
                self.settings.side = false;
            }
            Action::Side(tab) => (self.settings.side, self.settings.tab) = (true, tab),
            Action::SideToggle => self.settings.side = !self.settings.side,
            Action::Sources => {
                self.sources.begin(&self.session.name);
                self.dialog = Some(Dialog::Sources);
            }
            Action::Align => self.dialog = Some(Dialog::Align),
            Action::Board => {
                self.dialog = Some(Dialog::Board);
                ui.send_viewport_cmd(egui::ViewportCommand::Fullscreen(true));
            }
            Action::Open(name) => self.open(name),
            Action::Export(sequences) => self.begin_export(sequences),
            Action::Choose(purpose) => self.chooser.ask(purpose, ui),
            Action::Take(path) => self.take_file(&path),
            Action::FullScreen => {
                let full = ui.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ui.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
            }
            Action::Large => {
                self.settings.large = Some(!self.large(ui));
            }
            Action::Help => {
                let open = self.dialog == Some(Dialog::Help);
                self.dialog = (!open).then_some(Dialog::Help);
            }
            Action::Close => self.close(ui),
            Action::Quit => ui.send_viewport_cmd(egui::ViewportCommand::Close),
        }
        self.draw();
    }

    /// Escape: closes the dialog on top; without a dialog, leaves full screen.
    fn close(&mut self, ui: &egui::Ui) {
        match self.dialog.take() {
            None => {}
            // The board covers the alignment dialog, which keeps running.
            Some(Dialog::Board) => {
                self.dialog = Some(Dialog::Align);
                ui.send_viewport_cmd(egui::ViewportCommand::Fullscreen(false));
                return;
            }
            Some(Dialog::Align) => {
                self.wizard.leave();
                return;
            }
            Some(_) => return,
        }
        if ui.input(|i| i.viewport().fullscreen.unwrap_or(false)) {
            ui.send_viewport_cmd(egui::ViewportCommand::Fullscreen(false));
        }
    }

    fn step(&mut self, count: i32) {
        if !self.held {
            return;
        }
        self.request_id += 1;
        self.stepping = true;
        self.session.control(Control::Step(count));
    }

    /// Replaces the current source.
    pub(super) fn open(&mut self, name: Sources) {
        if self.recorder.running(&self.session.rig_handle) {
            self.toast.notify(toast::Kind::Bad, "Stop the recording before you change the source.");
            return;
        }
        self.dialog = None;
        self.wizard.leave();
        self.held = false;
        (self.stepping, self.slow, self.eye) = (false, false, PanZoom::default());
        self.latest = None;
        self.played = Played::default();
        self.pictures.clear();
        self.quality.reset();
        self.edits.clear();
        self.sent_request = None;
        self.session.open(name);
    }

    /// Plays a recording or loads weights, depending on the kind of file.
    fn take_file(&mut self, path: &Path) {
        match file_kind(path) {
            FileKind::Weights => {
                self.session.swap(path);
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                self.toast.notify(toast::Kind::Good, format!("Loading the weights {name}"));
            }
            FileKind::Recording => self.open(SourceName::replay(path).into()),
            FileKind::Unknown => self.toast.notify(
                toast::Kind::Bad,
                format!(
                    "{} is neither weights (.ckpt, .pth, .safetensors) nor a recording (a folder \
                     of .npz pairs or of pictures with events, or .aedat4, .bag, .mcap, .h5)",
                    path.display()
                ),
            ),
        }
    }

    fn snapshot(&mut self) {
        let Some(outcome) = self.latest.clone() else {
            self.toast.notify(toast::Kind::Bad, "There is no picture to save yet.");
            return;
        };
        let (sender, index, wake) = (self.toast.sender(), self.index.0, self.wake.clone());
        let save = move || {
            let (kind, message) =
                match snapshot::save(&outcome, index, &crate::sequence::snapshots()) {
                    Ok(message) => (toast::Kind::Good, message),
                    Err(e) => (toast::Kind::Bad, e),
                };
            // The window may have been closed meanwhile; then the message is dropped.
            let _ = sender.send((kind, message));
            // While paused, nothing else triggers a repaint.
            wake();
        };
        if let Err(e) = std::thread::Builder::new().name("snapshot".into()).spawn(save) {
            self.toast.notify(toast::Kind::Bad, format!("Cannot save a snapshot: {e}"));
        }
    }
}

/// Kind of a dropped or chosen file, from its extension.
#[derive(Debug, PartialEq, Eq)]
enum FileKind {
    Weights,
    Recording,
    Unknown,
}

fn file_kind(path: &Path) -> FileKind {
    if path.is_dir() {
        return FileKind::Recording;
    }
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match extension.as_str() {
        "ckpt" | "pth" | "pt" | "safetensors" => FileKind::Weights,
        "aedat4" | "npz" | "bag" | "mcap" | "h5" | "hdf5" => FileKind::Recording,
        _ => FileKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_file_follows_from_its_extension() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(file_kind(folder.path()), FileKind::Recording);
        assert_eq!(file_kind(Path::new("a/b.AEDAT4")), FileKind::Recording);
        assert_eq!(file_kind(Path::new("desk.bag")), FileKind::Recording);
        assert_eq!(file_kind(Path::new("best.ckpt")), FileKind::Weights);
        assert_eq!(file_kind(Path::new("best.safetensors")), FileKind::Weights);
        assert_eq!(file_kind(Path::new("letter.odt")), FileKind::Unknown);
        assert_eq!(file_kind(Path::new("nothing")), FileKind::Unknown);
    }
}
