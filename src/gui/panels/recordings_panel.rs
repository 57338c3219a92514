//! The recordings panel: thumbnails and details, to play, export or delete recordings.

use crate::gui::action::Action;
use crate::gui::describe;
use crate::gui::export_job::ExportProgress;
use crate::gui::recording::Recording;
use crate::gui::recording_list::RecordingList;
use crate::gui::session::Session;
use crate::gui::settings::{Settings, Tab};
use crate::gui::settings_change::Toggle;
use crate::gui::text_format::counted;
use crate::gui::theme;
use crate::gui::wake::Wake;
use crate::gui::widgets::{self, hint};
use crate::live::{SourceName, Sources};
use crate::sequence::catalog::Sequence;
use eframe::egui::{self, RichText, Role, Sense, Ui, WidgetInfo, vec2};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Size of a thumbnail in points; the aspect ratio of the rig's frames.
const THUMBNAIL: egui::Vec2 = vec2(96.0, 64.0);

/// The panel.
pub(crate) struct RecordingsPanel {
    pub list: RecordingList,
    /// Recording whose details are shown.
    expanded: Option<PathBuf>,
    /// Recordings that are selected for export.
    selected: BTreeSet<PathBuf>,
}

impl RecordingsPanel {
    pub(crate) fn new(wake: Wake) -> Self {
        Self { list: RecordingList::new(wake), expanded: None, selected: BTreeSet::new() }
    }

    /// Deletes a recording.
    ///
    /// # Errors
    /// The deletion cannot be started; the text is for the user.
    pub(crate) fn delete(&mut self, folder: &Path) -> Result<(), String> {
        self.expanded = None;
        self.list.delete(folder)
    }

    /// Draws the panel.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        settings: &Settings,
        recording: &Recording,
        export: Option<ExportProgress>,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let folder = settings.recordings_folder();
        self.list.read(&folder);
        if self.list.poll(ui) {
            self.selected.retain(|folder| self.list.find(folder).is_some());
        }
        let count = self.list.sequences().len();
        ui.horizontal(|ui| {
            let plural = if count == 1 { "" } else { "s" };
            widgets::title(ui, &format!("{count} recording{plural}"));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button("Refresh").clicked() {
                    self.list.refresh();
                }
                if self.list.is_reading() {
                    ui.spinner();
                }
            });
        });
        hint(ui, folder.display().to_string());
        if let Some(why) = self.list.fault() {
            ui.add(egui::Label::new(RichText::new(why).color(theme::WARNING)).wrap());
        } else if count == 0 && !self.list.is_reading() {
            ui.add_space(8.0);
            ui.label("No recordings in this folder yet.");
            if ui.button("Open the recorder").clicked() {
                actions.push(Action::Toggle(Toggle::Tab(Tab::Recorder)));
            }
        }
        if let Some(progress) = export {
            progress.show_bar(ui);
        }
        if count > 0 {
            actions.extend(self.export_buttons(ui));
        }
        for sequence in self.list.sequences() {
            let in_use = is_in_use(&sequence.folder, session, recording);
            let card = Card { sequence, in_use, list: &self.list };
            card.show(ui, &mut self.expanded, &mut self.selected, &mut actions);
        }
        actions
    }

    /// Draws the buttons for several recordings at a time.
    fn export_buttons(&mut self, ui: &mut Ui) -> Option<Action> {
        ui.horizontal(|ui| {
            let name = match self.selected.len() {
                0 => "Export all...".to_owned(),
                n => format!("Export {n} selected..."),
            };
            let tip = "make a dataset for training and testing, of the selected recordings";
            let export = ui.button(name).on_hover_text(tip).clicked().then(|| {
                let all = self.list.sequences().iter().map(|s| &s.folder);
                let none_selected = self.selected.is_empty();
                let wanted = all.filter(|f| none_selected || self.selected.contains(*f));
                Action::Export(wanted.cloned().collect())
            });
            if !self.selected.is_empty() && ui.button("Clear selection").clicked() {
                self.selected.clear();
            }
            export
        })
        .inner
    }
}

/// Whether a recording is being played or recorded.
fn is_in_use(folder: &Path, session: &Session, recording: &Recording) -> bool {
    let played = matches!(&session.name, Sources::One(name) if name.recording() == Some(folder));
    played || recording.writes_to(folder)
}

/// One recording of the list.
struct Card<'a> {
    sequence: &'a Sequence,
    in_use: bool,
    list: &'a RecordingList,
}

impl Card<'_> {
    fn show(
        &self,
        ui: &mut Ui,
        expanded: &mut Option<PathBuf>,
        selected: &mut BTreeSet<PathBuf>,
        actions: &mut Vec<Action>,
    ) {
        let Sequence { folder, name, .. } = self.sequence;
        let is_expanded = expanded.as_ref() == Some(folder);
        let gray = if is_expanded { 42 } else { 33 };
        let frame = egui::Frame::new().fill(egui::Color32::from_gray(gray));
        frame.corner_radius(6).inner_margin(6).show(ui, |ui| {
            ui.set_width(ui.available_width());
            // Only the head is clickable, so that clicking a disabled button below does not
            // collapse the card.
            let head = egui::UiBuilder::new().id_salt(folder).sense(Sense::click());
            let head = ui.scope_builder(head, |ui| self.head(ui, selected)).response;
            let name = format!("Recording {name}");
            head.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
            if head.double_clicked() {
                actions.push(play(folder));
            } else if head.clicked() {
                *expanded = (!is_expanded).then(|| folder.clone());
            }
            if is_expanded {
                self.details(ui);
                self.buttons(ui, actions);
            }
        });
    }

    fn head(&self, ui: &mut Ui, selected: &mut BTreeSet<PathBuf>) {
        let sequence = self.sequence;
        ui.horizontal_top(|ui| {
            self.thumbnail(ui, selected);
            ui.vertical(|ui| {
                ui.set_width(ui.available_width());
                ui.spacing_mut().item_spacing.y = 2.0;
                let scene = RichText::new(sequence.scene()).strong();
                ui.add(egui::Label::new(scene).truncate());
                hint(ui, sequence.date());
                hint(ui, describe::sequence(sequence));
                let small = |text: &str, colour| RichText::new(text).size(11.5).color(colour);
                if self.in_use {
                    ui.label(small("playing", theme::RESTORED));
                } else if !sequence.broken.is_empty() || sequence.lost_frames() > 0 {
                    ui.label(small("incomplete", theme::WARNING));
                }
            });
        });
    }

    /// Draws the thumbnail, with the checkbox in a corner.
    fn thumbnail(&self, ui: &mut Ui, selected: &mut BTreeSet<PathBuf>) {
        let folder = &self.sequence.folder;
        let (rect, _) = ui.allocate_exact_size(THUMBNAIL, Sense::hover());
        ui.painter().rect_filled(rect, 3.0, theme::SURROUND);
        if let Some(texture) = self.list.thumbnail(folder) {
            let size = texture.size_vec2();
            let scale = (rect.width() / size.x).min(rect.height() / size.y);
            let inner = egui::Rect::from_center_size(rect.center(), size * scale);
            egui::Image::new(texture).corner_radius(3).paint_at(ui, inner);
        }
        let mut on = selected.contains(folder);
        let corner = egui::Rect::from_min_size(rect.min + vec2(3.0, 3.0), vec2(20.0, 20.0));
        ui.painter().rect_filled(corner, 4.0, egui::Color32::from_black_alpha(165));
        let name = format!("Select {}", self.sequence.name);
        // Over the thumbnail, without taking space in the layout.
        let mut over = ui.new_child(egui::UiBuilder::new().max_rect(corner));
        let checkbox = over.add(egui::Checkbox::without_text(&mut on));
        checkbox.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on, &name));
        if checkbox.on_hover_text("select it, to export several recordings together").changed() {
            match on {
                true => selected.insert(folder.clone()),
                false => selected.remove(folder),
            };
        }
    }

    fn details(&self, ui: &mut Ui) {
        let sequence = self.sequence;
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
            let lost = counted(sequence.lost_frames(), "frame");
            line(format!("dropped: {lost}"), theme::WARNING);
        }
        for broken in &sequence.broken {
            line(broken.clone(), theme::WARNING);
        }
    }

    fn buttons(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let sequence = self.sequence;
        ui.horizontal(|ui| {
            if widgets::primary_button(ui, sequence.frames > 0, "Play").clicked() {
                actions.push(play(&sequence.folder));
            }
            if ui.add_enabled(sequence.frames > 0, egui::Button::new("Export...")).clicked() {
                actions.push(Action::Export(vec![sequence.folder.clone()]));
            }
            let deleting = self.list.is_deleting();
            let free = sequence.can_delete() && !self.in_use && !deleting;
            let delete = ui.add_enabled(free, egui::Button::new("Delete..."));
            let delete = delete.on_disabled_hover_text(if deleting {
                "another recording is being deleted"
            } else if self.in_use {
                "it is in use: choose another source first"
            } else {
                "only recordings of this program can be deleted here"
            });
            if delete.clicked() {
                actions.push(Action::ConfirmDelete(sequence.folder.clone()));
            }
        });
    }
}

fn play(folder: &Path) -> Action {
    Action::Open(SourceName::replay(folder).into())
}
