//! The dialog that chooses the source: cameras, a recording or the simulated rig.

use super::file_dialog::Purpose;
use crate::gui::action::Action;
use crate::gui::session::Session;
use crate::gui::source_kinds::{Argument, SOURCE_KINDS};
use crate::gui::{theme, widgets};
use crate::live::Sources;
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};

/// Frame sizes and rates of the simulated rig: as on the command line, and in words. The first one
/// is the default, the last one has the size of the published rig.
const SIZES: [(&str, &str); 4] = [
    ("384x256@5", "384x256, 5 fps"),
    ("288x192", "288x192, 15 fps"),
    ("576x384", "576x384, 15 fps"),
    ("1152x768", "1152x768, 15 fps"),
];

/// The dialog.
#[derive(Default)]
pub(crate) struct SourceDialog {
    /// Frames and events come from two separate cameras.
    two: bool,
    /// Source names as on the command line: for both or for frames, and for events.
    names: [String; 2],
    /// Index of the source that is being edited.
    edited: usize,
}

impl SourceDialog {
    /// Initialises the dialog with the current source.
    pub(crate) fn begin(&mut self, now: &Sources) {
        self.edited = 0;
        (self.two, self.names) = match now {
            Sources::One(name) => (false, [name.to_string(), "davis".into()]),
            Sources::Two { frames, events } => (true, [frames.to_string(), events.to_string()]),
        };
    }

    /// Sets the recording that was chosen in the system's file dialog.
    pub(crate) fn set_recording(&mut self, path: &std::path::Path) {
        *self.edited_name() = format!("replay:{}", path.display());
    }

    fn edited_name(&mut self) -> &mut String {
        let [first, second] = &mut self.names;
        if self.two && self.edited == 1 { second } else { first }
    }

    fn sources(&self) -> Result<Sources, String> {
        let [first, second] = &self.names.each_ref().map(|name| clean_pasted_name(name));
        if !self.two {
            return Ok(Sources::One(first.parse()?));
        }
        Ok(Sources::Two { frames: first.parse()?, events: second.parse()? })
    }

    /// Draws the dialog.
    pub(crate) fn show(&mut self, ui: &mut Ui, session: &Session) -> Vec<Action> {
        let mut actions = Vec::new();
        let response = theme::dialog(ui, "sources", 640.0, |ui| {
            self.cameras(ui);
            ui.separator();
            ui.horizontal_top(|ui| {
                ui.vertical(|ui| {
                    ui.set_width(170.0);
                    self.kinds(ui);
                });
                ui.add_space(12.0);
                ui.vertical(|ui| {
                    ui.set_min_height(170.0);
                    self.options(ui, &mut actions);
                });
            });
            ui.separator();
            let sources = self.sources();
            let fault = session.fault.as_deref();
            if let Some(why) = fault.or(sources.as_ref().err().map(String::as_str)) {
                ui.add(egui::Label::new(RichText::new(why).color(theme::WARNING)).wrap());
            }
            // Widgets keep their identity, and a click its target, when the fault above appears.
            ui.push_id("names", |ui| self.name_fields(ui, sources, &mut actions));
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }

    fn cameras(&mut self, ui: &mut Ui) {
        ui.heading("Choose a source");
        ui.horizontal(|ui| {
            ui.radio_value(&mut self.two, false, "One camera for frames and events");
            ui.radio_value(&mut self.two, true, "Two cameras");
            if self.two {
                ui.separator();
                for (i, name) in ["Frames", "Events"].into_iter().enumerate() {
                    if ui.selectable_label(self.edited == i, name).clicked() {
                        self.edited = i;
                    }
                }
            }
        });
    }

    /// Draws the source names of the command line as text fields, for sources without a button.
    fn name_fields(
        &mut self,
        ui: &mut Ui,
        sources: Result<Sources, String>,
        actions: &mut Vec<Action>,
    ) {
        ui.horizontal(|ui| {
            let options = if self.two {
                ["--frame-source", "--event-source"].as_slice()
            } else {
                ["--source"].as_slice()
            };
            let width = if self.two { 112.0 } else { 360.0 };
            let mut enter = false;
            for (option, name) in options.iter().zip(&mut self.names) {
                ui.label(RichText::new(*option).monospace().color(theme::QUIET));
                let edit = egui::TextEdit::singleline(name).desired_width(width);
                let edit = ui.add(edit.font(egui::TextStyle::Monospace));
                edit.widget_info(|| labelled(Role::TextInput, option));
                enter |= edit.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let open = widgets::primary_button(ui, sources.is_ok(), "Open").clicked();
                if ui.button("Cancel").clicked() {
                    actions.push(Action::Close);
                }
                if let (Ok(sources), true) = (sources, open || enter) {
                    actions.push(Action::Open(sources));
                }
            });
        });
    }

    /// Draws the kinds of sources that fit: for example only those with events for the event
    /// camera of two.
    fn kinds(&mut self, ui: &mut Ui) {
        let name = self.edited_name().clone();
        let current = name.split(':').next().unwrap_or_default().to_owned();
        let (two, events) = (self.two, self.two && self.edited == 1);
        for kind in SOURCE_KINDS.iter().filter(|k| k.fits(two, events)) {
            let width = egui::vec2(ui.available_width(), 26.0);
            let selected = current == kind.prefix;
            let label = egui::Button::selectable(selected, kind.name).min_size(width);
            if ui.add(label).clicked() && !selected {
                *self.edited_name() = match kind.argument {
                    Some(Argument::Path) => format!("{}:", kind.prefix),
                    _ => kind.prefix.to_owned(),
                };
            }
        }
    }

    fn options(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let name = self.edited_name().clone();
        let (prefix, argument) = name.split_once(':').unwrap_or((&name, ""));
        let Some(kind) = SOURCE_KINDS.iter().find(|k| k.prefix == prefix) else { return };
        let mut argument = argument.to_owned();
        ui.add(egui::Label::new(kind.about).wrap());
        ui.add_space(8.0);
        match kind.argument {
            Some(Argument::Size) => {
                ui.label(RichText::new("Frame size").color(theme::QUIET));
                ui.horizontal_wrapped(|ui| {
                    for (i, (size, name)) in SIZES.into_iter().enumerate() {
                        let chosen = argument == size || (argument.is_empty() && i == 0);
                        if ui.selectable_label(chosen, name).clicked() {
                            size.clone_into(&mut argument);
                        }
                    }
                });
                let text = "Larger frames need a faster machine: a slow one skips more of them.";
                widgets::hint(ui, text);
            }
            Some(Argument::Serial) => {
                ui.label(
                    RichText::new("Serial number, if several are connected").color(theme::QUIET),
                );
                let edit = ui.add(egui::TextEdit::singleline(&mut argument).hint_text("any"));
                edit.widget_info(|| labelled(Role::TextInput, "Serial number"));
            }
            Some(Argument::Number) => {
                ui.label(RichText::new("Camera index, 0 is the first").color(theme::QUIET));
                let mut number: u32 = argument.parse().unwrap_or(0);
                let edit = ui.add(egui::DragValue::new(&mut number).range(0..=63));
                edit.widget_info(|| labelled(Role::SpinButton, "Camera index"));
                argument = number.to_string();
            }
            Some(Argument::Address) => {
                let text = "Host and port of the events, then the port of the frames";
                ui.label(RichText::new(text).color(theme::QUIET));
                let edit = egui::TextEdit::singleline(&mut argument);
                let edit = ui.add(edit.hint_text("localhost:10101,10102"));
                edit.widget_info(|| labelled(Role::TextInput, "Address"));
            }
            Some(Argument::Path) => {
                ui.label(RichText::new("File or folder").color(theme::QUIET));
                let edit = egui::TextEdit::singleline(&mut argument).desired_width(f32::INFINITY);
                let edit = ui.add(edit.hint_text("/path/to/recording"));
                edit.widget_info(|| labelled(Role::TextInput, "Path of the recording"));
                ui.horizontal(|ui| {
                    if ui.button("File...").clicked() {
                        actions.push(Action::ChooseFile(Purpose::Recording));
                    }
                    if ui.button("Folder...").clicked() {
                        actions.push(Action::ChooseFile(Purpose::RecordingFolder));
                    }
                });
            }
            None => {}
        }
        *self.edited_name() = if argument.is_empty() && kind.argument != Some(Argument::Path) {
            kind.prefix.to_owned()
        } else {
            format!("{}:{argument}", kind.prefix)
        };
    }
}

/// The name of a source without what a pasted path may have around it: spaces, line breaks, quotes.
fn clean_pasted_name(name: &str) -> String {
    let Some(path) = name.trim().strip_prefix("replay:") else { return name.trim().to_owned() };
    let path = path.trim();
    let quoted = ['"', '\''].into_iter().find_map(|q| path.strip_prefix(q)?.strip_suffix(q));
    format!("replay:{}", quoted.unwrap_or(path))
}

fn labelled(role: Role, name: &str) -> WidgetInfo {
    WidgetInfo::labeled(role, true, name)
}
