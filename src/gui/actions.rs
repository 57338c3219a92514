//! What can be asked for, by a key, a button or a dialog, and what then happens.

use super::snapshot;
use super::state::{Dialog, Window};
use super::widgets::pan_zoom::PanZoom;
use super::widgets::toast;
use crate::gui::action::Action;
use crate::live::{Control, SourceName, Sources};
use eframe::egui;
use std::path::Path;

impl Window {
    /// Does what was asked for.
    pub(super) fn act(&mut self, ui: &egui::Ui, action: Action) {
        match action {
            Action::View(view) => self.settings.view = view,
            Action::Pause => {
                self.held = !self.held;
                self.stepping = false;
                // A recording stops with the picture; a camera cannot.
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

    /// Escape: what lies on top goes first.
    fn close(&mut self, ui: &egui::Ui) {
        match self.dialog.take() {
            None => {}
            // The board lies over the alignment, which goes on.
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

    /// Opens another source in place of this one.
    pub(super) fn open(&mut self, name: Sources) {
        if self.recorder.running(&self.session.tap) {
            self.toast.notify(toast::Kind::Bad, "Stop the recording before you change the source.");
            return;
        }
        self.dialog = None;
        self.wizard.leave();
        self.held = false;
        (self.stepping, self.slow, self.eye) = (false, false, PanZoom::default());
        self.latest = None;
        self.pictures.clear();
        self.quality.forget();
        self.edits.clear();
        self.wish = None;
        self.session.open(name);
    }

    /// A recording is played, weights are used.
    fn take_file(&mut self, path: &Path) {
        match kind(path) {
            Taken::Weights => {
                self.session.swap(path);
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                self.toast.notify(toast::Kind::Good, format!("Loading the weights {name}"));
            }
            Taken::Recording => self.open(SourceName::replay(path).into()),
            Taken::Unknown => self.toast.notify(
                toast::Kind::Bad,
                format!(
                    "{} is neither weights (.ckpt, .pth, .safetensors) nor a recording (a folder \
                     of .npz pairs, or .aedat4)",
                    path.display()
                ),
            ),
        }
    }

    fn snapshot(&mut self) {
        let Some(outcome) = self.latest.clone() else {
            self.toast.notify(toast::Kind::Bad, "There is no picture yet to save.");
            return;
        };
        let (sender, index, wake) = (self.toast.sender(), self.index.0, self.wake.clone());
        let save = move || {
            let (kind, said) = match snapshot::save(&outcome, index, &snapshot::folder()) {
                Ok(said) => (toast::Kind::Good, said),
                Err(e) => (toast::Kind::Bad, e),
            };
            // A window that was closed meanwhile needs no message.
            let _ = sender.send((kind, said));
            // Held, nothing else would draw it.
            wake();
        };
        if let Err(e) = std::thread::Builder::new().name("snapshot".into()).spawn(save) {
            self.toast.notify(toast::Kind::Bad, format!("no snapshot: {e}"));
        }
    }
}

/// What a file is taken for.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Weights,
    Recording,
    Unknown,
}

fn kind(path: &Path) -> Taken {
    if path.is_dir() {
        return Taken::Recording;
    }
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match ending.as_str() {
        "ckpt" | "pth" | "pt" | "safetensors" => Taken::Weights,
        "aedat4" | "npz" => Taken::Recording,
        _ => Taken::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_taken_for_what_their_names_say() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(kind(folder.path()), Taken::Recording);
        assert_eq!(kind(Path::new("a/b.AEDAT4")), Taken::Recording);
        assert_eq!(kind(Path::new("best.ckpt")), Taken::Weights);
        assert_eq!(kind(Path::new("best.safetensors")), Taken::Weights);
        assert_eq!(kind(Path::new("letter.odt")), Taken::Unknown);
        assert_eq!(kind(Path::new("nothing")), Taken::Unknown);
    }
}
