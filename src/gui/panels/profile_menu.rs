//! The profiles of the camera panel: settings of cameras and noise filters under a name.

use crate::gui::action::Action;
use crate::gui::profile_job::{Job, ProfileJob};
use crate::gui::session::Session;
use crate::gui::theme;
use crate::gui::wake::Wake;
use crate::gui::widgets::hint;
use crate::gui::widgets::toast::ToastKind;
use crate::live::profile;
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};
use std::path::PathBuf;

/// The menu.
pub(crate) struct ProfileMenu {
    wake: Wake,
    /// Folder of the profiles; none if the platform has no config folder.
    pub folder: Option<PathBuf>,
    /// Names of the profiles; none before they were listed.
    names: Option<Vec<String>>,
    /// Name for the next profile, as typed.
    new_name: String,
    job: Option<ProfileJob>,
}

impl ProfileMenu {
    pub(crate) fn new(wake: Wake) -> Self {
        let folder = profile::folder();
        Self { wake, folder, names: None, new_name: String::new(), job: None }
    }

    /// Drops what is being loaded, for when another source is opened.
    pub(crate) fn reset(&mut self) {
        self.job = None;
    }

    /// Whether the profiles are listed and nothing is being loaded or saved.
    #[cfg(test)]
    pub(crate) fn is_ready(&self) -> bool {
        self.names.is_some() && self.job.is_none()
    }

    /// Names of the profiles that are listed.
    #[cfg(test)]
    pub(crate) fn names(&self) -> &[String] {
        self.names.as_deref().unwrap_or_default()
    }

    /// Checks whether a profile was loaded or saved, and returns what follows from it.
    pub(crate) fn poll(&mut self) -> Vec<Action> {
        let Some((names, actions)) = self.job.as_ref().and_then(ProfileJob::take) else {
            return Vec::new();
        };
        (self.names, self.job) = (Some(names), None);
        actions
    }

    /// Draws the menu, if the source has settings.
    pub(crate) fn show(&mut self, ui: &mut Ui, session: &Session) -> Option<Action> {
        if self.folder.is_none() || session.controls().is_empty() {
            return None;
        }
        ui.collapsing("Profiles", |ui| self.content(ui, session)).body_returned.flatten()
    }

    fn content(&mut self, ui: &mut Ui, session: &Session) -> Option<Action> {
        let mut job = self.names.is_none().then_some(Job::List);
        let is_idle = self.job.is_none();
        for name in self.names.iter().flatten() {
            ui.horizontal(|ui| {
                let load = ui.add_enabled(is_idle, egui::Button::new("Load").small());
                let label = format!("Load profile {name}");
                load.widget_info(|| WidgetInfo::labeled(Role::Button, is_idle, &label));
                if load.clicked() {
                    job = Some(Job::Load(name.clone()));
                }
                ui.add(egui::Label::new(name).truncate());
            });
        }
        ui.horizontal(|ui| {
            let edit = egui::TextEdit::singleline(&mut self.new_name).hint_text("name");
            let edit = ui.add(edit.desired_width(170.0));
            edit.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Profile name"));
            let name = self.new_name.trim();
            let can_save = is_idle && !name.is_empty();
            let save = ui.add_enabled(can_save, egui::Button::new("Save"));
            save.widget_info(|| WidgetInfo::labeled(Role::Button, can_save, "Save profile"));
            if save.clicked() {
                job = Some(Job::Save(name.to_owned()));
            }
        });
        let known = self.names.iter().flatten().any(|name| name == self.new_name.trim());
        if known {
            let text = "A profile of this name exists and will be replaced.";
            ui.label(RichText::new(text).size(11.5).color(theme::WARNING));
        }
        hint(ui, "The settings above, under a name. Loading sets them again.");
        self.start(job?, session)
    }

    /// Starts a job, unless one runs.
    fn start(&mut self, job: Job, session: &Session) -> Option<Action> {
        let folder = self.folder.clone().filter(|_| self.job.is_none())?;
        match ProfileJob::start(job, folder, session.controls(), self.wake.clone()) {
            Ok(job) => {
                self.job = Some(job);
                None
            }
            Err(e) => {
                let text = format!("Profiles cannot be used: the thread did not start ({e})");
                Some(Action::Notify(ToastKind::Error, text))
            }
        }
    }
}
