//! From recordings to a dataset: what is asked before, how far it is, and how it ended.

use super::actions::Action;
use super::chooser::Purpose;
use super::style;
use super::toast::Kind;
use super::widgets::{self, hint};
use super::window::{Dialog, Window};
use crate::dataset::export::{ExportError, Exported, Order, Phase, Split, Transfer, run};
use crate::record::new_sequence;
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Files so far, of how many.
type Far = (Phase, usize, usize);

/// An export that runs on a thread of its own: every pair is read, which takes its time.
struct Running {
    far: Arc<Mutex<Far>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Exported, ExportError>>,
}

/// What is asked for, and what became of it.
pub(super) struct Export {
    sequences: Vec<PathBuf>,
    /// Folder for the dataset, as it is being typed.
    out: String,
    /// Per cent that is for testing.
    part: u32,
    /// Divided by whole sequences rather than by pairs.
    whole: bool,
    copy: bool,
    running: Option<Running>,
    /// How the last one ended: what to say, and what is odd.
    ended: Option<(Kind, String, Vec<String>)>,
}

impl Default for Export {
    fn default() -> Self {
        Self {
            sequences: Vec::new(),
            out: String::new(),
            // As the command line has it.
            part: 20,
            whole: false,
            copy: false,
            running: None,
            ended: None,
        }
    }
}

impl Export {
    /// A folder was chosen in the system's own dialog.
    pub(super) fn choose(&mut self, folder: &Path) {
        self.out = folder.display().to_string();
    }

    /// How far the one that runs is.
    pub(super) fn far(&self) -> Option<Far> {
        let running = self.running.as_ref()?;
        Some(*running.far.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stops it and waits until nothing is left of it, for a window that is closed.
    pub(super) fn end(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.store(true, Ordering::Relaxed);
            let _ = running.thread.join();
        }
    }

    fn order(&self) -> Order {
        let part = f64::from(self.part) / 100.0;
        Order {
            sequences: self.sequences.clone(),
            out: PathBuf::from(self.out.trim()),
            split: if self.whole { Split::Sequences(part) } else { Split::Pairs(part) },
            seed: 1,
            transfer: if self.copy { Transfer::Copy } else { Transfer::Link },
        }
    }

    fn start(&mut self, wake: Arc<dyn Fn() + Send + Sync>) {
        let far = Arc::new(Mutex::new((Phase::Looking, 0, 0)));
        let stop = Arc::new(AtomicBool::new(false));
        let (order, told, stopped) = (self.order(), far.clone(), stop.clone());
        let work = move || {
            let ended = run(&order, |step| {
                let far = (step.phase, step.done, step.total);
                *told.lock().unwrap_or_else(PoisonError::into_inner) = far;
                wake();
                match stopped.load(Ordering::Relaxed) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
            wake();
            ended
        };
        match std::thread::Builder::new().name("export".into()).spawn(work) {
            Ok(thread) => self.running = Some(Running { far, stop, thread }),
            Err(e) => self.ended = Some((Kind::Bad, format!("no thread: {e}"), Vec::new())),
        }
    }

    /// Takes the result once it is there.
    fn listen(&mut self) -> bool {
        let Some(running) = self.running.take_if(|r| r.thread.is_finished()) else { return false };
        self.ended = Some(match running.thread.join() {
            Ok(Ok(exported)) => {
                let remarks = exported.remarks();
                let kind = if exported.plan.broken.is_empty() { Kind::Good } else { Kind::Bad };
                (kind, format!("Exported {}", exported.summary()), remarks)
            }
            Ok(Err(ExportError::Stopped)) => {
                (Kind::Good, "Stopped: nothing was exported.".into(), Vec::new())
            }
            Ok(Err(e)) => (Kind::Bad, format!("Not exported: {e}"), Vec::new()),
            Err(_) => (Kind::Bad, "Exporting failed, please report it.".into(), Vec::new()),
        });
        true
    }
}

impl Window {
    /// Asks how these sequences are to be exported, or shows how far it is.
    pub(super) fn begin_export(&mut self, sequences: Vec<PathBuf>) {
        self.dialog = Some(Dialog::Export);
        if self.export.running.is_some() {
            return;
        }
        let scene = match sequences.as_slice() {
            [one] => self.library.scene(one).unwrap_or_else(|| "dataset".to_owned()),
            _ => "dataset".to_owned(),
        };
        let mut base = self.settings.recordings().into_os_string();
        base.push(" datasets");
        let export = &mut self.export;
        export.out = new_sequence(Path::new(&base), &scene).display().to_string();
        (export.sequences, export.ended) = (sequences, None);
        export.whole &= export.sequences.len() > 1;
    }

    /// Notices that an export has ended; without its dialog a message says so.
    pub(super) fn watch_export(&mut self) {
        if self.export.listen()
            && self.dialog != Some(Dialog::Export)
            && let Some((kind, text, _)) = &self.export.ended
        {
            self.toast.say(*kind, text);
        }
    }

    /// The dialog.
    pub(super) fn export_dialog(&mut self, ui: &mut Ui) -> Vec<Action> {
        let mut actions = Vec::new();
        let response = style::modal(ui, "export").show(ui, |ui| {
            ui.set_width(520.0);
            let count = self.export.sequences.len();
            let plural = if count == 1 { "" } else { "s" };
            ui.heading(format!("Export {count} recording{plural} as a dataset"));
            hint(ui, "train/ and test/ as gem-live test and train read them, with YAML files.");
            ui.separator();
            if let Some(far) = self.export.far() {
                self.progress_of_export(ui, far, &mut actions);
            } else if self.export.ended.is_some() {
                self.end_of_export(ui, &mut actions);
            } else {
                self.ask_for_export(ui, &mut actions);
            }
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }

    fn ask_for_export(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let export = &mut self.export;
        ui.horizontal(|ui| {
            ui.label("Folder");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.small_button("Choose...").clicked() {
                    actions.push(Action::Choose(Purpose::Dataset));
                }
            });
        });
        let edit = egui::TextEdit::singleline(&mut export.out).desired_width(f32::INFINITY);
        ui.add(edit).widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Dataset folder"));
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            ui.label("For testing");
            let part = egui::Slider::new(&mut export.part, 0..=100).suffix(" %");
            let part = ui.add(part);
            part.widget_info(|| WidgetInfo::slider(true, export.part.into(), "For testing"));
        });
        ui.add_enabled_ui(export.sequences.len() > 1, |ui| {
            ui.radio_value(&mut export.whole, false, "of the pairs of every recording");
            ui.radio_value(&mut export.whole, true, "whole recordings: no scene is in both");
        });
        ui.add_space(4.0);
        ui.checkbox(&mut export.copy, "Copy the files");
        hint(ui, "Otherwise they are linked where the disk can, which takes no space.");
        ui.add_space(8.0);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let ready = !export.out.trim().is_empty() && !export.sequences.is_empty();
            if widgets::primary(ui, ready, "Export").clicked() {
                export.start(self.wake.clone());
            }
            if ui.button("Cancel").clicked() {
                actions.push(Action::Close);
            }
        });
    }

    fn progress_of_export(&self, ui: &mut Ui, far: Far, actions: &mut Vec<Action>) {
        bar(ui, far);
        ui.add_space(8.0);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.button("Go on behind").clicked() {
                actions.push(Action::Close);
            }
            if let Some(running) = &self.export.running
                && ui.button("Stop").clicked()
            {
                running.stop.store(true, Ordering::Relaxed);
            }
        });
    }

    fn end_of_export(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let Some((kind, text, remarks)) = &self.export.ended else { return };
        let colour = if *kind == Kind::Good { style::RESTORED } else { style::WARNING };
        ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
        // Many broken files are one trouble.
        for remark in remarks.iter().take(5) {
            ui.add(egui::Label::new(RichText::new(remark).color(style::WARNING)).wrap());
        }
        if remarks.len() > 5 {
            ui.label(
                RichText::new(format!("and {} more", remarks.len() - 5)).color(style::WARNING),
            );
        }
        ui.add_space(8.0);
        let mut again = false;
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if widgets::primary(ui, true, "Done").clicked() {
                actions.push(Action::Close);
            }
            again = *kind == Kind::Bad && ui.button("Change it").clicked();
        });
        if again {
            self.export.ended = None;
        }
    }
}

/// How far it is, as a bar.
pub(super) fn bar(ui: &mut Ui, (phase, done, total): Far) {
    let what = match phase {
        Phase::Looking => "Looking at",
        Phase::Writing => "Writing",
    };
    let part = done as f32 / total.max(1) as f32;
    let text = format!("{what} pair {done} of {total}");
    ui.add(egui::ProgressBar::new(part.min(1.0)).text(text).fill(style::ACCENT));
}
