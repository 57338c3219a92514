//! The dialog that exports recordings as a dataset or a film: options, progress, result.

use super::file_dialog::Purpose;
use super::film_form::FilmForm;
use crate::event::Thresholds;
use crate::gui::action::Action;
use crate::gui::export_job::{ExportJob, ExportProgress, ExportResult};
use crate::gui::session::Session;
use crate::gui::settings::Settings;
use crate::gui::wake::Wake;
use crate::gui::widgets::toast::ToastKind;
use crate::gui::widgets::{self, hint};
use crate::gui::{describe, theme};
use crate::sequence::export::{Order, Split, Transfer};
use crate::sequence::new_sequence;
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};
use std::path::{Path, PathBuf};

/// Remarks that are shown, so that the dialog fits on the screen.
const MAX_REMARKS: usize = 5;

/// Options of the export, the running export and the last result.
pub(crate) struct ExportDialog {
    wake: Wake,
    /// Folders of the recordings to export.
    sequences: Vec<PathBuf>,
    /// Make a film instead of a dataset.
    as_film: bool,
    film: FilmForm,
    /// Folder of the dataset, as typed.
    folder: String,
    /// Share of the test set, in percent.
    test_percent: u32,
    /// Split by whole recordings instead of by pairs.
    split_by_recording: bool,
    /// Copy the files instead of linking them.
    copy: bool,
    job: Option<ExportJob>,
    report: Option<Report>,
}

/// What is shown after an export.
struct Report {
    kind: ToastKind,
    text: String,
    /// Warnings about single files.
    remarks: Vec<String>,
}

impl Report {
    fn new(result: &std::thread::Result<ExportResult>) -> Self {
        let ((kind, text), remarks) = match result {
            Ok(ExportResult::Dataset(result)) => {
                let result = &**result;
                let remarks = result.as_ref().map(|exported| exported.remarks());
                (describe::export(result), remarks.unwrap_or_default())
            }
            Ok(ExportResult::Film(result)) => {
                let skipped = result.as_ref().map(|report| report.skipped.as_slice());
                let skipped = skipped.unwrap_or_default().iter();
                let remark = |(file, why): &(PathBuf, String)| match file.as_os_str().is_empty() {
                    true => why.clone(),
                    false => format!("{} is skipped: {why}", file.display()),
                };
                (describe::film(result), skipped.map(remark).collect())
            }
            Err(_) => {
                let text = "Export failed with an internal error: please report it.";
                ((ToastKind::Error, text.to_owned()), Vec::new())
            }
        };
        Self { kind, text, remarks }
    }
}

impl ExportDialog {
    pub(crate) fn new(wake: Wake) -> Self {
        Self {
            wake,
            sequences: Vec::new(),
            as_film: false,
            film: FilmForm::new(),
            folder: String::new(),
            // The default of the command line.
            test_percent: 20,
            split_by_recording: false,
            copy: false,
            job: None,
            report: None,
        }
    }

    /// Offers to export these recordings, into a new folder beside the one of the recordings.
    /// Films are restored with these contrast thresholds, if any.
    /// While an export runs, the dialog keeps showing its progress.
    pub(crate) fn begin(
        &mut self,
        sequences: Vec<PathBuf>,
        settings: &Settings,
        scene: &str,
        thresholds: Option<Thresholds>,
    ) {
        if self.job.is_some() {
            return;
        }
        let mut base = settings.recordings_folder().into_os_string();
        base.push(" datasets");
        self.folder = new_sequence(Path::new(&base), scene).display().to_string();
        self.film.begin(settings, scene, thresholds);
        self.split_by_recording &= sequences.len() > 1;
        (self.sequences, self.report) = (sequences, None);
    }

    /// Sets the folder that was chosen in the system's file dialog.
    pub(crate) fn set_folder(&mut self, folder: &Path) {
        self.folder = folder.display().to_string();
    }

    /// Sets the file that was chosen in the system's file dialog.
    pub(crate) fn set_film(&mut self, file: &Path) {
        self.film.set_file(file);
    }

    /// Progress of the running export; none if none runs.
    pub(crate) fn progress(&self) -> Option<ExportProgress> {
        self.job.as_ref().map(ExportJob::progress)
    }

    /// Checks whether the export has ended; returns a message unless the dialog `is_open`.
    pub(crate) fn poll(&mut self, is_open: bool) -> Option<Action> {
        let job = self.job.take_if(|job| job.is_finished())?;
        let report = self.report.insert(Report::new(&job.join()));
        (!is_open).then(|| Action::Notify(report.kind, report.text.clone()))
    }

    /// Stops the export and waits for its thread, for when the window is closed.
    pub(crate) fn end(&mut self) {
        if let Some(job) = self.job.take() {
            job.stop();
            let _ = job.join();
        }
    }

    fn start(&mut self, session: &Session, settings: &Settings) {
        let started = if self.as_film {
            let Some(order) = self.film.order(&self.sequences) else { return };
            ExportJob::film(order, settings.reblur, session.film_restorer(), self.wake.clone())
        } else {
            ExportJob::dataset(self.dataset(), self.wake.clone())
        };
        match started {
            Ok(job) => self.job = Some(job),
            Err(e) => {
                let text = format!("Cannot start the export thread: {e}");
                self.report = Some(Report { kind: ToastKind::Error, text, remarks: Vec::new() });
            }
        }
    }

    fn dataset(&self) -> Order {
        let fraction = f64::from(self.test_percent) / 100.0;
        let split = match self.split_by_recording {
            true => Split::Sequences(fraction),
            false => Split::Pairs(fraction),
        };
        Order {
            sequences: self.sequences.clone(),
            out: PathBuf::from(self.folder.trim()),
            split,
            seed: 1,
            transfer: if self.copy { Transfer::Copy } else { Transfer::Link },
        }
    }

    /// Draws the dialog.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        settings: &Settings,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let response = theme::dialog(ui, "export", 520.0, |ui| {
            let count = self.sequences.len();
            let plural = if count == 1 { "" } else { "s" };
            let what = if self.as_film { "film" } else { "dataset" };
            ui.heading(format!("Export {count} recording{plural} as a {what}"));
            if let Some(job) = &self.job {
                show_progress(ui, job, &mut actions);
            } else if self.report.is_some() {
                self.show_report(ui, &mut actions);
            } else {
                self.show_options(ui, session, settings, &mut actions);
            }
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }

    fn show_options(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        settings: &Settings,
        actions: &mut Vec<Action>,
    ) {
        ui.horizontal(|ui| {
            ui.radio_value(&mut self.as_film, false, "Dataset");
            ui.radio_value(&mut self.as_film, true, "Film (mp4)");
        });
        ui.separator();
        if self.as_film {
            self.film.show(ui, settings, actions);
        } else {
            self.show_dataset(ui, actions);
        }
        let ready = match self.as_film {
            _ if self.sequences.is_empty() => false,
            true => self.film.order(&self.sequences).is_some(),
            false => !self.folder.trim().is_empty(),
        };
        theme::buttons(ui, |ui| {
            if widgets::primary_button(ui, ready, "Export").clicked() {
                self.start(session, settings);
            }
            if ui.button("Cancel").clicked() {
                actions.push(Action::Close);
            }
        });
    }

    fn show_dataset(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        hint(ui, "Writes train/ and test/ with YAML files, as gem-live train and test read them.");
        ui.horizontal(|ui| {
            ui.label("Folder");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.small_button("Choose...").clicked() {
                    actions.push(Action::ChooseFile(Purpose::DatasetFolder));
                }
            });
        });
        let edit = egui::TextEdit::singleline(&mut self.folder).desired_width(f32::INFINITY);
        ui.add(edit).widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Dataset folder"));
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            ui.label("Test split");
            let split = egui::Slider::new(&mut self.test_percent, 0..=100).suffix(" %");
            let split = ui.add(split);
            split.widget_info(|| WidgetInfo::slider(true, self.test_percent.into(), "Test split"));
        });
        ui.add_enabled_ui(self.sequences.len() > 1, |ui| {
            let by_recording = &mut self.split_by_recording;
            ui.radio_value(by_recording, false, "split by pairs within every recording");
            ui.radio_value(by_recording, true, "split by recordings: no scene is in both sets");
        });
        ui.add_space(4.0);
        ui.checkbox(&mut self.copy, "Copy the files");
        hint(ui, "Otherwise hard links are used where possible, which take no space.");
        ui.add_space(8.0);
    }

    fn show_report(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let Some(Report { kind, text, remarks }) = &self.report else { return };
        let warning = |text: &str| egui::Label::new(RichText::new(text).color(theme::WARNING));
        let colour = if *kind == ToastKind::Success { theme::RESTORED } else { theme::WARNING };
        ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
        for remark in remarks.iter().take(MAX_REMARKS) {
            ui.add(warning(remark).wrap());
        }
        if remarks.len() > MAX_REMARKS {
            ui.add(warning(&format!("and {} more", remarks.len() - MAX_REMARKS)));
        }
        ui.add_space(8.0);
        let mut edit = false;
        theme::buttons(ui, |ui| {
            if widgets::primary_button(ui, true, "Done").clicked() {
                actions.push(Action::Close);
            }
            edit = *kind == ToastKind::Error && ui.button("Back to options").clicked();
        });
        if edit {
            self.report = None;
        }
    }
}

fn show_progress(ui: &mut Ui, job: &ExportJob, actions: &mut Vec<Action>) {
    job.progress().show_bar(ui);
    ui.add_space(8.0);
    theme::buttons(ui, |ui| {
        if ui.button("Run in background").clicked() {
            actions.push(Action::Close);
        }
        if ui.button("Stop").clicked() {
            job.stop();
        }
    });
}
