//! The dialog that chooses where pictures come from.

use super::file_dialog::Purpose;
use crate::gui::action::Action;
use crate::gui::{theme, widgets};
use crate::live::{SourceName, Sources};
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};

/// A kind of source: what it is called on the command line, its name, and what it is for.
struct Kind {
    word: &'static str,
    name: &'static str,
    /// In the bar.
    short: &'static str,
    about: &'static str,
    /// What may follow the word and a colon, if anything.
    rest: Option<Rest>,
}

/// What further names a source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Size,
    Serial,
    Number,
    Path,
}

const KINDS: [Kind; 6] = [
    Kind {
        word: "sim",
        name: "Simulated rig",
        short: "Simulated rig",
        about: "A moving scene seen by two cameras whose clocks disagree. Its sharp truth is \
                known, and no hardware is needed.",
        rest: Some(Rest::Size),
    },
    Kind {
        word: "davis",
        name: "DAVIS camera",
        short: "DAVIS",
        about: "Frames and events of one DAVIS346, through libcaer. It is waited for if it is \
                not plugged in.",
        rest: Some(Rest::Serial),
    },
    Kind {
        word: "genicam",
        name: "GenICam camera",
        short: "GenICam",
        about: "A FLIR or another machine-vision camera, through Aravis.",
        rest: Some(Rest::Serial),
    },
    Kind {
        word: "uvc",
        name: "Web camera",
        short: "Web camera",
        about: "Any camera that the system knows as a webcam.",
        rest: Some(Rest::Number),
    },
    Kind {
        word: "replay",
        name: "Recording",
        short: "Recording",
        about: "A folder of MS-RBD pairs, or an AEDAT4 file. It can also be dropped onto the \
                window.",
        rest: Some(Rest::Path),
    },
    Kind {
        word: "clip",
        name: "Built-in clip",
        short: "Built-in clip",
        about: "A short sequence that ships with the program.",
        rest: None,
    },
];

/// Sizes of the simulated rig's frames; the last one is the published rig's.
const SIZES: [&str; 4] = ["288x192", "384x256", "576x384", "1152x768"];

/// What is chosen so far.
#[derive(Default)]
pub(crate) struct Chosen {
    /// Frames and events come from two cameras.
    two: bool,
    /// As on the command line: the one for both or for frames, and the one for events.
    specs: [String; 2],
    /// Which of the two is being chosen.
    edited: usize,
}

impl Chosen {
    /// Begins with what is open now.
    pub(crate) fn begin(&mut self, now: &Sources) {
        self.edited = 0;
        (self.two, self.specs) = match now {
            Sources::One(name) => (false, [name.to_string(), "davis".into()]),
            Sources::Two { frames, events } => (true, [frames.to_string(), events.to_string()]),
        };
    }

    /// A recording was chosen in the system's own dialog.
    pub(crate) fn choose(&mut self, path: &std::path::Path) {
        *self.spec() = format!("replay:{}", path.display());
    }

    fn spec(&mut self) -> &mut String {
        let [first, second] = &mut self.specs;
        if self.two && self.edited == 1 { second } else { first }
    }

    fn sources(&self) -> Result<Sources, String> {
        let [first, second] = &self.specs;
        if !self.two {
            return Ok(Sources::One(first.parse()?));
        }
        Ok(Sources::Two { frames: first.parse()?, events: second.parse()? })
    }

    /// Draws the dialog.
    pub(crate) fn show(&mut self, ui: &mut Ui, fault: Option<&str>) -> Vec<Action> {
        let mut actions = Vec::new();
        let response = theme::modal(ui, "sources").show(ui, |ui| {
            ui.set_width(640.0);
            self.head(ui);
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
            if let Some(why) = fault.or(sources.as_ref().err().map(String::as_str)) {
                ui.add(egui::Label::new(RichText::new(why).color(theme::WARNING)).wrap());
            }
            self.foot(ui, sources, &mut actions);
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }

    fn head(&mut self, ui: &mut Ui) {
        ui.heading("Where do the pictures come from?");
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

    /// The same in the words of the command line, to be typed for whatever has no button.
    fn foot(&mut self, ui: &mut Ui, sources: Result<Sources, String>, actions: &mut Vec<Action>) {
        ui.horizontal(|ui| {
            let options = if self.two {
                ["--frame-source", "--event-source"].as_slice()
            } else {
                ["--source"].as_slice()
            };
            let width = if self.two { 112.0 } else { 360.0 };
            let mut enter = false;
            for (option, spec) in options.iter().zip(&mut self.specs) {
                ui.label(RichText::new(*option).monospace().color(theme::QUIET));
                let edit = egui::TextEdit::singleline(spec).desired_width(width);
                let edit = ui.add(edit.font(egui::TextStyle::Monospace));
                edit.widget_info(|| labelled(Role::TextInput, option));
                enter |= edit.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let go = widgets::primary(ui, sources.is_ok(), "Open").clicked();
                if ui.button("Cancel").clicked() {
                    actions.push(Action::Close);
                }
                if let (Ok(sources), true) = (sources, go || enter) {
                    actions.push(Action::Open(sources));
                }
            });
        });
    }

    /// Kinds that can be chosen: an event camera of two must give events.
    fn kinds(&mut self, ui: &mut Ui) {
        let spec = self.spec().clone();
        let now = spec.split(':').next().unwrap_or_default().to_owned();
        let (two, events) = (self.two, self.two && self.edited == 1);
        for kind in KINDS.iter().filter(|k| k.fits(two, events)) {
            let width = egui::vec2(ui.available_width(), 26.0);
            let label = egui::Button::selectable(now == kind.word, kind.name).min_size(width);
            if ui.add(label).clicked() && now != kind.word {
                *self.spec() = match kind.rest {
                    Some(Rest::Path) => format!("{}:", kind.word),
                    _ => kind.word.to_owned(),
                };
            }
        }
    }

    fn options(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let spec = self.spec().clone();
        let (word, rest) = spec.split_once(':').unwrap_or((&spec, ""));
        let Some(kind) = KINDS.iter().find(|k| k.word == word) else { return };
        let mut rest = rest.to_owned();
        ui.add(egui::Label::new(kind.about).wrap());
        ui.add_space(8.0);
        match kind.rest {
            Some(Rest::Size) => {
                ui.label(RichText::new("Size of its frames").color(theme::QUIET));
                ui.horizontal(|ui| {
                    for size in SIZES {
                        let chosen = rest == size || (rest.is_empty() && size == SIZES[0]);
                        if ui.selectable_label(chosen, size).clicked() {
                            size.clone_into(&mut rest);
                        }
                    }
                });
                let text = "The larger the frames, the more of them a small machine skips.";
                widgets::hint(ui, text);
            }
            Some(Rest::Serial) => {
                ui.label(RichText::new("Serial number, if there are several").color(theme::QUIET));
                let edit = ui.add(egui::TextEdit::singleline(&mut rest).hint_text("any"));
                edit.widget_info(|| labelled(Role::TextInput, "Serial number"));
            }
            Some(Rest::Number) => {
                ui.label(RichText::new("Which one: 0 is the first").color(theme::QUIET));
                let mut number: u32 = rest.parse().unwrap_or(0);
                let edit = ui.add(egui::DragValue::new(&mut number).range(0..=63));
                edit.widget_info(|| labelled(Role::SpinButton, "Number of the camera"));
                rest = number.to_string();
            }
            Some(Rest::Path) => {
                ui.label(RichText::new("File or folder").color(theme::QUIET));
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
        *self.spec() = if colon { format!("{}:{rest}", kind.word) } else { kind.word.to_owned() };
    }
}

fn labelled(role: Role, name: &str) -> WidgetInfo {
    WidgetInfo::labeled(role, true, name)
}

impl Kind {
    /// Whether it can be chosen for both, for frames or for events of two cameras.
    fn fits(&self, two: bool, events: bool) -> bool {
        let tried = [self.word.to_owned(), format!("{}:x", self.word)];
        let name = tried.iter().find_map(|name| name.parse::<SourceName>().ok());
        let gives = |n: &SourceName| match (two, events) {
            (false, _) => n.has_events(),
            (true, false) => !n.is_clip(),
            (true, true) => n.has_events() && !n.is_clip(),
        };
        name.is_some_and(|n| gives(&n))
    }
}

/// What sources are called in the bar.
pub(crate) fn called(sources: &Sources) -> String {
    match sources {
        Sources::One(name) => one(name),
        Sources::Two { frames, events } if frames == events => one(frames),
        Sources::Two { frames, events } => format!("{} + {}", one(frames), one(events)),
    }
}

fn one(name: &SourceName) -> String {
    let text = name.to_string();
    let (word, rest) = text.split_once(':').unwrap_or((&text, ""));
    match word {
        "replay" => {
            let path = std::path::Path::new(rest);
            let last = path.file_name().map_or(rest.into(), |n| n.to_string_lossy());
            shortened(&last)
        }
        _ => {
            let known = KINDS.iter().find(|k| k.word == word);
            known.map_or_else(|| shortened(&text), |k| k.short.into())
        }
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
        let one = |name: &str| Sources::One(name.parse().unwrap());
        let called = |name: &str| called(&one(name));
        assert_eq!(called("sim:576x384"), "Simulated rig");
        assert_eq!(called("clip"), "Built-in clip");
        assert_eq!(called("replay:/data/walk-003"), "walk-003");
        let long = called("replay:/data/a-very-long-name-of-a-recording.aedat4");
        assert_eq!(long.chars().count(), 22, "{long}");
    }
}
