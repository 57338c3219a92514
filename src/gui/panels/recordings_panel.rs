//! The library of recordings: thumbnails and details, to play, export or delete them.

use crate::gui::action::Action;
use crate::gui::settings::Settings;
use crate::gui::state::{Dialog, Window};
use crate::gui::text_format;
use crate::gui::theme;
use crate::gui::widgets::{self, hint, toast};
use crate::live::{SourceName, Sources};
use crate::sequence::catalog::{self, Sequence};
use eframe::egui::{self, RichText, Role, Sense, Ui, WidgetInfo, vec2};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{TryRecvError, channel};

/// Size of a thumbnail in points; the aspect ratio of the rig's frames.
const THUMBNAIL: egui::Vec2 = vec2(96.0, 64.0);

impl Window {
    /// Draws the tab of the library.
    pub(crate) fn library_panel(&mut self, ui: &mut Ui) -> Vec<Action> {
        let mut actions = Vec::new();
        let folder = self.settings.recordings();
        self.library.read(&folder, &self.wake);
        self.library.poll(ui);
        ui.horizontal(|ui| {
            let count = self.library.sequences.len();
            let plural = if count == 1 { "" } else { "s" };
            widgets::title(ui, &format!("{count} recording{plural}"));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button("Refresh").clicked() {
                    self.library.stale();
                }
                if self.library.reading.is_some() {
                    ui.spinner();
                }
            });
        });
        hint(ui, folder.display().to_string());
        if let Some(why) = &self.library.fault {
            ui.add(egui::Label::new(RichText::new(why).color(theme::WARNING)).wrap());
        } else if self.library.sequences.is_empty() && self.library.reading.is_none() {
            ui.add_space(8.0);
            ui.label("No recordings in this folder yet.");
            if ui.button("Open the recorder").clicked() {
                actions.push(Action::Side(crate::gui::settings::Tab::Record));
            }
        }
        self.export_bar(ui, &mut actions);
        let sequences = std::mem::take(&mut self.library.sequences);
        for sequence in &sequences {
            self.card(ui, sequence, &mut actions);
        }
        self.library.sequences = sequences;
        actions
    }

    /// Draws the actions on several recordings at a time.
    fn export_bar(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        if let Some(far) = self.export.far() {
            crate::gui::dialogs::export_dialog::bar(ui, far);
        }
        if self.library.sequences.is_empty() {
            return;
        }
        let ticked = self.library.ticked.len();
        ui.horizontal(|ui| {
            let name = match ticked {
                0 => "Export all...".to_owned(),
                n => format!("Export {n} selected..."),
            };
            let tip = "make a dataset for training and testing, of the selected recordings";
            if ui.button(name).on_hover_text(tip).clicked() {
                let all = self.library.sequences.iter().map(|s| &s.folder);
                let wanted = all.filter(|f| ticked == 0 || self.library.ticked.contains(*f));
                actions.push(Action::Export(wanted.cloned().collect()));
            }
            if ticked > 0 && ui.button("Clear selection").clicked() {
                self.library.ticked.clear();
            }
        });
    }

    fn card(&mut self, ui: &mut Ui, sequence: &Sequence, actions: &mut Vec<Action>) {
        let chosen = self.library.chosen.as_ref() == Some(&sequence.folder);
        let playing = self.playing(&sequence.folder);
        let fill = if chosen { egui::Color32::from_gray(42) } else { egui::Color32::from_gray(33) };
        egui::Frame::new().fill(fill).corner_radius(6).inner_margin(6).show(ui, |ui| {
            ui.set_width(ui.available_width());
            // Only the head is clickable, so that clicking a disabled button below does not
            // collapse the card.
            let head = egui::UiBuilder::new().id_salt(&sequence.folder).sense(Sense::click());
            let head = ui.scope_builder(head, |ui| self.head(ui, sequence, playing)).response;
            let name = format!("Recording {}", sequence.name);
            head.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
            if head.double_clicked() {
                actions.push(play(&sequence.folder));
            } else if head.clicked() {
                self.library.chosen = (!chosen).then(|| sequence.folder.clone());
            }
            if chosen {
                self.details(ui, sequence, playing, actions);
            }
        });
    }

    fn head(&mut self, ui: &mut Ui, sequence: &Sequence, playing: bool) {
        ui.horizontal_top(|ui| {
            self.thumbnail(ui, sequence);
            ui.vertical(|ui| {
                ui.set_width(ui.available_width());
                ui.spacing_mut().item_spacing.y = 2.0;
                let scene = RichText::new(sequence.scene()).strong();
                ui.add(egui::Label::new(scene).truncate());
                hint(ui, sequence.date());
                hint(ui, about(sequence));
                let small = |text: &str, colour| RichText::new(text).size(11.5).color(colour);
                if playing {
                    ui.label(small("playing", theme::RESTORED));
                } else if !sequence.broken.is_empty() || sequence.lost_frames() > 0 {
                    ui.label(small("incomplete", theme::WARNING));
                }
            });
        });
    }

    /// Draws the thumbnail of a recording, with its checkbox in a corner.
    fn thumbnail(&mut self, ui: &mut Ui, sequence: &Sequence) {
        let folder = &sequence.folder;
        let (rect, _) = ui.allocate_exact_size(THUMBNAIL, Sense::hover());
        ui.painter().rect_filled(rect, 3.0, theme::SURROUND);
        if let Some(texture) = self.library.thumbnails.get(folder) {
            let size = texture.size_vec2();
            let scale = (rect.width() / size.x).min(rect.height() / size.y);
            let inner = egui::Rect::from_center_size(rect.center(), size * scale);
            egui::Image::new(texture).corner_radius(3).paint_at(ui, inner);
        }
        let mut ticked = self.library.ticked.contains(folder);
        let corner = egui::Rect::from_min_size(rect.min + vec2(3.0, 3.0), vec2(20.0, 20.0));
        ui.painter().rect_filled(corner, 4.0, egui::Color32::from_black_alpha(165));
        let name = format!("Select {}", sequence.name);
        // Over the thumbnail, without taking space in the layout.
        let mut over = ui.new_child(egui::UiBuilder::new().max_rect(corner));
        let tick = over.add(egui::Checkbox::without_text(&mut ticked));
        tick.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, ticked, &name));
        if tick.on_hover_text("select it, to export several recordings together").changed() {
            match ticked {
                true => self.library.ticked.insert(folder.clone()),
                false => self.library.ticked.remove(folder),
            };
        }
    }

    fn details(
        &mut self,
        ui: &mut Ui,
        sequence: &Sequence,
        playing: bool,
        actions: &mut Vec<Action>,
    ) {
        ui.add_space(4.0);
        let mut line = |text: String, colour| {
            ui.add(egui::Label::new(RichText::new(text).size(12.0).color(colour)).wrap());
        };
        if let Some(size) = sequence.image {
            let truth = if sequence.truth { ", with ground truth" } else { "" };
            line(format!("{size}{truth}"), theme::QUIET);
        }
        if let Some(manifest) = &sequence.manifest {
            let place = if manifest.session.indoor { "indoors" } else { "outdoors" };
            line(format!("{place}; {}", manifest.cameras()), theme::QUIET);
            if !manifest.session.notes.trim().is_empty() {
                line(manifest.session.notes.clone(), egui::Color32::from_gray(208));
            }
        }
        if sequence.lost_frames() > 0 {
            line(
                format!("dropped: {}", text_format::counted(sequence.lost_frames(), "frame")),
                theme::WARNING,
            );
        }
        for broken in &sequence.broken {
            line(broken.clone(), theme::WARNING);
        }
        ui.horizontal(|ui| {
            if widgets::primary_button(ui, sequence.frames > 0, "Play").clicked() {
                actions.push(play(&sequence.folder));
            }
            if ui.add_enabled(sequence.frames > 0, egui::Button::new("Export...")).clicked() {
                actions.push(Action::Export(vec![sequence.folder.clone()]));
            }
            let deleting = self.library.deleting.is_some();
            let free = sequence.can_delete() && !playing && !deleting;
            let delete = ui.add_enabled(free, egui::Button::new("Delete..."));
            let delete = delete.on_disabled_hover_text(if deleting {
                "another recording is being deleted"
            } else if playing {
                "it is in use: choose another source first"
            } else {
                "only recordings of this program can be deleted here"
            });
            if delete.clicked() {
                self.library.doomed = Some(sequence.folder.clone());
                self.dialog = Some(Dialog::Delete);
            }
        });
    }

    /// Whether a sequence is being played or recorded.
    fn playing(&self, folder: &Path) -> bool {
        let open =
            matches!(&self.session.name, Sources::One(name) if name.recording() == Some(folder));
        open || self.recorder.writes(folder)
    }

    /// Draws the dialog that confirms a deletion.
    pub(crate) fn confirm_delete(&mut self, ui: &mut Ui) -> Vec<Action> {
        let mut actions = Vec::new();
        let doomed = self.library.doomed.as_ref();
        let all = &self.library.sequences;
        let Some(sequence) = all.iter().find(|s| doomed == Some(&s.folder)).cloned() else {
            return vec![Action::Close];
        };
        let response = theme::dialog(ui, "delete", 420.0, |ui| {
            ui.heading(format!("Delete {}?", sequence.scene()));
            ui.add_space(4.0);
            ui.add(egui::Label::new(sequence.folder.display().to_string()).wrap());
            ui.label(format!("{}. This cannot be undone.", about(&sequence)));
            ui.add_space(8.0);
            theme::buttons(ui, |ui| {
                let text = RichText::new("Delete permanently").strong().color(egui::Color32::WHITE);
                if ui.add(egui::Button::new(text).fill(theme::ALERT)).clicked() {
                    self.delete(&sequence.folder);
                    actions.push(Action::Close);
                }
                if ui.button("Cancel").clicked() {
                    actions.push(Action::Close);
                }
            });
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }

    /// Deletes a recording on a worker thread: there may be thousands of files on a slow disk.
    fn delete(&mut self, folder: &Path) {
        let (send, receive) = channel();
        let (doomed, wake) = (folder.to_owned(), self.wake.clone());
        let work = move || {
            let _ = send.send(delete_recording(&doomed));
            wake();
        };
        match std::thread::Builder::new().name("delete".into()).spawn(work) {
            Ok(_) => self.library.deleting = Some(receive),
            Err(e) => {
                let text = format!("Nothing was deleted: the thread did not start ({e})");
                self.toast.notify(toast::Kind::Bad, text);
            }
        }
        self.library.thumbnails.remove(folder);
        (self.library.doomed, self.library.chosen) = (None, None);
    }

    /// Checks whether the deletion has finished, and reports the result.
    pub(crate) fn watch_deleting(&mut self) {
        let Some(deleting) = &self.library.deleting else { return };
        match deleting.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok((kind, text)) => self.toast.notify(kind, text),
            Err(TryRecvError::Disconnected) => {
                self.toast.notify(toast::Kind::Bad, "Deleting failed: internal error");
            }
        }
        self.library.deleting = None;
        self.library.stale();
    }
}

/// Deletes a recording; returns the result as a message.
fn delete_recording(folder: &Path) -> (toast::Kind, String) {
    match catalog::delete(folder) {
        Ok(deleted) if deleted.kept.is_empty() => {
            let files = text_format::counted(deleted.files, "file");
            (toast::Kind::Good, format!("Deleted {files}, {}", text_format::bytes(deleted.bytes)))
        }
        Ok(deleted) => {
            let text = format!(
                "Deleted {}; kept {} of other programs in {}",
                text_format::counted(deleted.files, "file"),
                text_format::counted(deleted.kept.len() as u64, "file"),
                folder.display()
            );
            (toast::Kind::Good, text)
        }
        Err(e) => (toast::Kind::Bad, e.to_string()),
    }
}

fn play(folder: &Path) -> Action {
    Action::Open(SourceName::replay(folder).into())
}

/// Frames, duration and size in one line.
fn about(sequence: &Sequence) -> String {
    let seconds = sequence.duration_us as f64 / 1e6;
    {
        let frames = text_format::counted(sequence.frames, "frame");
        format!("{frames}, {seconds:.1} s, {}", text_format::bytes(sequence.bytes))
    }
}

impl Settings {
    /// Folder of the recordings.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(crate::sequence::recordings)
    }
}
