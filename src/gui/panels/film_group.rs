//! The part of the recorder tab that films what the window shows.

use crate::formats::film::Layout;
use crate::gui::action::Action;
use crate::gui::film_recording::{FilmProgress, FilmRecording, films, layout};
use crate::gui::player::Player;
use crate::gui::settings::Settings;
use crate::gui::text_format::counted;
use crate::gui::theme;
use crate::gui::widgets::icons::Icon;
use crate::gui::widgets::toast::ToastKind;
use crate::gui::widgets::{self, hint, title};
use eframe::egui::{self, RichText, Ui};

/// Draws the button and the progress or the result.
pub(crate) fn show(
    ui: &mut Ui,
    settings: &Settings,
    player: &Player,
    film: &FilmRecording,
) -> Option<Action> {
    ui.add_space(8.0);
    title(ui, "Film of the view");
    let Some(progress) = film.progress() else { return start(ui, settings, player, film) };
    if film.is_finishing() {
        ui.horizontal(|ui| {
            ui.spinner();
            ui.label("Writing the film...");
        });
        return None;
    }
    let white = egui::Color32::WHITE;
    let (name, colours) = ("Stop film", [theme::ALERT, white, white]);
    let stop = widgets::labelled_icon_button(ui, true, Icon::Stop, name, name, colours);
    show_progress(ui, progress);
    stop.clicked().then_some(Action::ToggleFilm)
}

fn start(
    ui: &mut Ui,
    settings: &Settings,
    player: &Player,
    film: &FilmRecording,
) -> Option<Action> {
    let what = match layout(settings.view) {
        Layout::Restored => "the restored picture",
        Layout::Side => "blurry and restored side by side",
        Layout::Wipe => "the wipe",
    };
    hint(ui, format!("Shows {what}, in {}", films(settings).display()));
    let button = ui.add_enabled(player.is_restored(), egui::Button::new("Record film"));
    let button = button.on_disabled_hover_text("there is no restored picture yet");
    if let Some((kind, text)) = film.last() {
        let colour = if *kind == ToastKind::Error { theme::WARNING } else { theme::RESTORED };
        ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
    }
    button.clicked().then_some(Action::ToggleFilm)
}

fn show_progress(ui: &mut Ui, progress: FilmProgress) {
    let FilmProgress { frames, repeated, dropped } = progress;
    hint(ui, format!("{} in the film, {repeated} of them repeated", counted(frames, "frame")));
    if dropped > 0 {
        let text = format!("{} dropped: the disk is too slow", counted(dropped, "picture"));
        ui.label(RichText::new(text).color(theme::WARNING));
    }
}
