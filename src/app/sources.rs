//! The dialog that chooses where pictures come from.

use super::actions::Action;
use super::chooser::Purpose;
use super::{style, widgets};
use crate::pipeline::SourceName;
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};

/// A kind of source: what it is called on the command line, its name, and what it is for.
struct Kind {
    word: &'static str,
    name: &'static str,
    about: &'static str,
    /// What may follow the word and a colon, if anything.
    rest: Option<Rest>,
}

/// What further names a source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Size,
    Serial,
    Path,
}

const KINDS: [Kind; 6] = [
    Kind {
        word: "sim",
        name: "Simulated rig",
        about: "A moving scene seen by two cameras whose clocks disagree. Its sharp truth is \
                known, and no hardware is needed.",
        rest: Some(Rest::Size),
    },
    Kind {
        word: "davis",
        name: "DAVIS camera",
        about: "Frames and events of one DAVIS346, through libcaer. It is waited for if it is \
                not plugged in.",
        rest: Some(Rest::Serial),
    },
    Kind {
        word: "genicam",
        name: "GenICam camera",
        about: "A FLIR or another machine-vision camera, through Aravis.",
        rest: Some(Rest::Serial),
    },
    Kind {
        word: "uvc",
        name: "Web camera",
        about: "Any camera that the system knows as a webcam.",
        rest: Some(Rest::Serial),
    },
    Kind {
        word: "replay",
        name: "Recording",
        about: "A folder of MS-RBD pairs, or an AEDAT4 file. It can also be dropped onto the \
                window.",
        rest: Some(Rest::Path),
    },
    Kind {
        word: "clip",
        name: "Built-in clip",
        about: "A short sequence that ships with the program.",
        rest: None,
    },
];

/// Sizes of the simulated rig's frames; the last one is the published rig's.
const SIZES: [&str; 4] = ["288x192", "384x256", "576x384", "1152x768"];

/// What is chosen so far.
#[derive(Default)]
pub(super) struct Sources {
    /// As on the command line.
    spec: String,
}

impl Sources {
    /// Begins with what is open now.
    pub(super) fn begin(&mut self, now: &SourceName) {
        self.spec = now.to_string();
    }

    /// A recording was chosen in the system's own dialog.
    pub(super) fn choose(&mut self, path: &std::path::Path) {
        self.spec = format!("replay:{}", path.display());
    }

    fn split(&self) -> (&str, &str) {
        self.spec.split_once(':').unwrap_or((&self.spec, ""))
    }

    /// Draws the dialog.
    pub(super) fn show(&mut self, ui: &mut Ui, trouble: Option<&str>) -> Vec<Action> {
        let mut actions = Vec::new();
        let response = egui::Modal::new(egui::Id::unique("sources")).show(ui, |ui| {
            ui.set_width(620.0);
            ui.heading("Where do the pictures come from?");
            ui.separator();
            ui.horizontal_top(|ui| {
                ui.vertical(|ui| {
                    ui.set_width(170.0);
                    self.kinds(ui);
                });
                ui.separator();
                ui.vertical(|ui| {
                    ui.set_min_height(150.0);
                    self.options(ui, &mut actions);
                });
            });
            ui.separator();
            let name: Result<SourceName, String> = self.spec.parse();
            if let Some(why) = trouble.or(name.as_ref().err().map(String::as_str)) {
                ui.add(egui::Label::new(RichText::new(why).color(style::WARNING)).wrap());
            }
            ui.horizontal(|ui| {
                ui.label(RichText::new("--source").monospace().color(style::QUIET));
                let edit = egui::TextEdit::singleline(&mut self.spec).desired_width(340.0);
                let edit = ui.add(edit.font(egui::TextStyle::Monospace));
                edit.widget_info(|| labelled(Role::TextInput, "Name of the source"));
                let enter = edit.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let go = widgets::primary(ui, name.is_ok(), "Open").clicked();
                    if ui.button("Cancel").clicked() {
                        actions.push(Action::Close);
                    }
                    if let (Ok(name), true) = (name, go || enter) {
                        actions.push(Action::Open(name));
                    }
                });
            });
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }

    fn kinds(&mut self, ui: &mut Ui) {
        let now = self.split().0.to_owned();
        for kind in KINDS.iter().filter(|k| known(k)) {
            let width = egui::vec2(ui.available_width(), 26.0);
            let label = egui::Button::selectable(now == kind.word, kind.name).min_size(width);
            if ui.add(label).clicked() && now != kind.word {
                self.spec = match kind.rest {
                    Some(Rest::Path) => format!("{}:", kind.word),
                    _ => kind.word.to_owned(),
                };
            }
        }
    }

    fn options(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let (word, rest) = self.split();
        let Some(kind) = KINDS.iter().find(|k| k.word == word) else { return };
        let mut rest = rest.to_owned();
        ui.add(egui::Label::new(kind.about).wrap());
        ui.add_space(8.0);
        match kind.rest {
            Some(Rest::Size) => {
                ui.label(RichText::new("Size of its frames").color(style::QUIET));
                ui.horizontal(|ui| {
                    for size in SIZES {
                        let chosen = rest == size || (rest.is_empty() && size == SIZES[0]);
                        if ui.selectable_label(chosen, size).clicked() {
                            size.clone_into(&mut rest);
                        }
                    }
                });
                widgets::hint(
                    ui,
                    "The larger the frames, the more of them a small machine has to skip.",
                );
            }
            Some(Rest::Serial) => {
                ui.label(RichText::new("Serial number, if there are several").color(style::QUIET));
                let edit = ui.add(egui::TextEdit::singleline(&mut rest).hint_text("any"));
                edit.widget_info(|| labelled(Role::TextInput, "Serial number"));
            }
            Some(Rest::Path) => {
                ui.label(RichText::new("File or folder").color(style::QUIET));
                let edit = egui::TextEdit::singleline(&mut rest).desired_width(f32::INFINITY);
                let edit = ui.add(edit.hint_text("/path/to/recording"));
                edit.widget_info(|| labelled(Role::TextInput, "Path of the recording"));
                ui.horizontal(|ui| {
                    if ui.button("File...").clicked() {
                        actions.push(Action::Choose(Purpose::Recording));
                    }
                    if ui.button("Folder...").clicked() {
                        actions.push(Action::Choose(Purpose::RecordingFolder));
                    }
                });
            }
            None => {}
        }
        let colon = !rest.is_empty() || kind.rest == Some(Rest::Path);
        self.spec = if colon { format!("{}:{rest}", kind.word) } else { kind.word.to_owned() };
    }
}

fn labelled(kind: Role, name: &str) -> WidgetInfo {
    WidgetInfo::labeled(kind, true, name)
}

/// Whether this build of the program has such a source.
fn known(kind: &Kind) -> bool {
    [kind.word.to_owned(), format!("{}:x", kind.word)]
        .iter()
        .any(|name| name.parse::<SourceName>().is_ok())
}

/// What a source is called in the bar.
pub(super) fn called(name: &SourceName) -> String {
    let text = name.to_string();
    let (word, rest) = text.split_once(':').unwrap_or((&text, ""));
    match word {
        "replay" => {
            let path = std::path::Path::new(rest);
            let last = path.file_name().map_or(rest.into(), |n| n.to_string_lossy());
            shortened(&last)
        }
        _ => KINDS
            .iter()
            .find(|k| k.word == word)
            .map_or_else(|| shortened(&text), |k| k.name.into()),
    }
}

fn shortened(name: &str) -> String {
    const LONGEST: usize = 22;
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    name.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_names_that_fit_into_the_bar() {
        let called = |name: &str| called(&name.parse().unwrap());
        assert_eq!(called("sim:576x384"), "Simulated rig");
        assert_eq!(called("clip"), "Built-in clip");
        assert_eq!(called("replay:/data/walk-003"), "walk-003");
        let long = called("replay:/data/a-very-long-name-of-a-recording.aedat4");
        assert_eq!(long.chars().count(), 22, "{long}");
    }
}
