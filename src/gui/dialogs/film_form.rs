//! The options of a film in the dialog that exports recordings.

use super::file_dialog::Purpose;
use crate::event::Thresholds;
use crate::formats::film::Layout;
use crate::gui::action::Action;
use crate::gui::film_recording::films;
use crate::gui::settings::Settings;
use crate::gui::settings_change::Toggle;
use crate::gui::widgets::hint;
use crate::sequence::{FilmOrder, new_path};
use eframe::egui::{self, Role, Ui, WidgetInfo};
use std::path::{Path, PathBuf};

/// Most instants per exposure that can be chosen.
const MAX_INSTANTS: u16 = 64;

/// What the switch of reblurring does, here and in slow motion.
pub(crate) const REBLUR_TIP: &str = "with five or more instants, adds what the mean of the pictures \
                                     lacks of the blurry one, where the image has less than three \
                                     times the resolution of the events; off for a camera whose \
                                     values are not proportional to light";

/// The options.
pub(crate) struct FilmForm {
    /// The file of the film, as typed.
    file: String,
    layout: Layout,
    /// Instants per exposure.
    instants: u16,
    /// Frames per second.
    rate_hz: f64,
    thresholds: Option<Thresholds>,
}

impl FilmForm {
    pub(crate) fn new() -> Self {
        let (file, thresholds) = (String::new(), None);
        Self { file, layout: Layout::Side, instants: 8, rate_hz: 25.0, thresholds }
    }

    /// Prepares a film with the name of this scene, in the folder of films. Contrast thresholds are
    /// known or estimated unless they are given.
    pub(crate) fn begin(
        &mut self,
        settings: &Settings,
        scene: &str,
        thresholds: Option<Thresholds>,
    ) {
        self.set_file(&new_path(&films(settings), scene, ".mp4"));
        self.thresholds = thresholds;
    }

    pub(crate) fn set_file(&mut self, file: &Path) {
        self.file = file.display().to_string();
    }

    /// The film of these recordings; none without a file.
    pub(crate) fn order(&self, recordings: &[PathBuf]) -> Option<FilmOrder> {
        let file = self.file.trim();
        (!file.is_empty()).then(|| FilmOrder {
            recordings: recordings.to_vec(),
            path: PathBuf::from(file),
            layout: self.layout,
            instants: self.instants,
            rate_hz: self.rate_hz,
            thresholds: self.thresholds,
        })
    }

    /// Draws the options.
    pub(crate) fn show(&mut self, ui: &mut Ui, settings: &Settings, actions: &mut Vec<Action>) {
        ui.horizontal(|ui| {
            ui.label("File");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.small_button("Choose...").clicked() {
                    actions.push(Action::ChooseFile(Purpose::FilmFile));
                }
            });
        });
        let edit = egui::TextEdit::singleline(&mut self.file).desired_width(f32::INFINITY);
        ui.add(edit).widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Film file"));
        hint(ui, ".mp4, .mkv, .mov, .webm, .avi: by ffmpeg, .y4m where it is missing; .y4m; .gif");
        ui.add_space(4.0);
        ui.horizontal_wrapped(|ui| {
            for (layout, name) in [
                (Layout::Restored, "Restored"),
                (Layout::Side, "Blurry and restored side by side"),
                (Layout::Wipe, "Moving wipe"),
            ] {
                ui.radio_value(&mut self.layout, layout, name);
            }
        });
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            ui.label("Instants per exposure");
            let instants = egui::DragValue::new(&mut self.instants).range(1..=MAX_INSTANTS);
            let name = "Instants per exposure";
            ui.add(instants).widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, name));
            ui.label("Frames per second");
            let rate = egui::DragValue::new(&mut self.rate_hz).range(1.0..=240.0);
            let name = "Frames per second";
            ui.add(rate).widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, name));
        });
        hint(ui, "More than one instant per exposure makes a slow motion.");
        let mut reblur = settings.reblur;
        if ui.checkbox(&mut reblur, "Reblur").on_hover_text(REBLUR_TIP).changed() {
            actions.push(Action::Toggle(Toggle::Reblur));
        }
        ui.add_space(8.0);
    }
}
