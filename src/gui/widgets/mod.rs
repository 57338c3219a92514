//! Small widgets that several panels share.

pub(crate) mod icons;
pub(crate) mod pan_zoom;
pub(crate) mod toast;

use super::theme;
use super::widgets::icons::Icon;
use eframe::egui::{self, Response, RichText, Role, Ui, WidgetInfo};

/// Draws the heading of a group.
pub(super) fn title(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).strong().size(13.5));
}

/// Draws a heading with rows of names and values below it.
pub(super) fn group(ui: &mut Ui, name: &str, rows: impl FnOnce(&mut Ui)) {
    title(ui, name);
    egui::Grid::new(name)
        .num_columns(2)
        .min_col_width(112.0)
        .max_col_width(168.0)
        .min_row_height(17.0)
        .spacing([8.0, 3.0])
        .show(ui, |ui| {
            // Rows of text can be lower than buttons.
            ui.spacing_mut().interact_size.y = 17.0;
            rows(ui);
        });
    ui.add_space(8.0);
}

/// Draws one row of a [`group`].
pub(super) fn row(ui: &mut Ui, name: &str, value: impl Into<egui::WidgetText>) {
    ui.label(RichText::new(name).color(theme::QUIET));
    // Wrapped: a long value would otherwise widen the panel beyond the window.
    ui.add(egui::Label::new(value).wrap());
    ui.end_row();
}

/// Draws a button with an icon; `name` is its tooltip and its name for assistive technology.
pub(super) fn icon_button(
    ui: &mut Ui,
    enabled: bool,
    icon: Icon,
    name: &str,
    tip: &str,
) -> Response {
    let button = egui::Button::new("").min_size(egui::vec2(32.0, 24.0));
    let response = ui.add_enabled(enabled, button);
    let ink = ui.style().interact(&response).text_color();
    icons::draw(ui.painter(), icon, response.rect.center(), ink);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    response.on_hover_text(format!("{name} ({tip})"))
}

/// Draws a button with an icon beside its text. The colours are those of the button, the text
/// and the icon.
pub(super) fn labelled_icon_button(
    ui: &mut Ui,
    enabled: bool,
    icon: Icon,
    text: &str,
    name: &str,
    [fill, ink, dot]: [egui::Color32; 3],
) -> Response {
    // The spaces leave room for the icon.
    let text = RichText::new(format!("     {text}")).color(ink);
    let response = ui.add_enabled(enabled, egui::Button::new(text).fill(fill));
    let dot = if enabled { dot } else { dot.gamma_multiply(0.35) };
    let left = response.rect.left_center() + egui::vec2(icons::SIDE / 2.0 + 8.0, 0.0);
    icons::draw(ui.painter(), icon, left, dot);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    response
}

/// Draws the primary button of a panel or dialog.
pub(super) fn primary_button(ui: &mut Ui, enabled: bool, text: &str) -> Response {
    let text = RichText::new(text).strong().color(egui::Color32::WHITE);
    ui.add_enabled(enabled, egui::Button::new(text).fill(theme::ACCENT))
}

/// Draws a line of small secondary text.
pub(super) fn hint(ui: &mut Ui, text: impl Into<String>) {
    ui.add(egui::Label::new(RichText::new(text.into()).size(11.5).color(theme::QUIET)).wrap());
}
