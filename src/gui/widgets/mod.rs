//! Small widgets and text formats that several panels share.

pub(crate) mod histogram;
pub(crate) mod icons;
pub(crate) mod image_view;
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
pub(super) fn sign(ui: &mut Ui, enabled: bool, icon: Icon, name: &str, tip: &str) -> Response {
    let button = egui::Button::new("").min_size(egui::vec2(32.0, 24.0));
    let response = ui.add_enabled(enabled, button);
    let ink = ui.style().interact(&response).text_color();
    icons::draw(ui.painter(), icon, response.rect.center(), ink);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    response.on_hover_text(format!("{name} ({tip})"))
}

/// Draws a button with an icon beside its text. The colours are those of the button, the text
/// and the icon.
pub(super) fn signed(
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
pub(super) fn primary(ui: &mut Ui, enabled: bool, text: &str) -> Response {
    let text = RichText::new(text).strong().color(egui::Color32::WHITE);
    ui.add_enabled(enabled, egui::Button::new(text).fill(theme::ACCENT))
}

/// Draws a line of small secondary text.
pub(super) fn hint(ui: &mut Ui, text: impl Into<String>) {
    ui.add(egui::Label::new(RichText::new(text.into()).size(11.5).color(theme::QUIET)).wrap());
}

/// A number of bytes in kB, MB or GB (powers of ten).
pub(super) fn bytes(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{:.0} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

/// The text with its first letter in upper case.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}

/// A number with spaces between groups of three digits.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A count with its unit in singular or plural: 1 frame, 1 204 frames.
pub(super) fn counted(n: u64, one: &str) -> String {
    format!("{} {one}{}", thousands(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_separated_and_only_one_is_singular() {
        let numbers = [0, 999, 1000, 1_234_567].map(super::thousands);
        assert_eq!(numbers, ["0", "999", "1 000", "1 234 567"]);
        let counts = [0, 1, 1001].map(|n| super::counted(n, "frame"));
        assert_eq!(counts, ["0 frames", "1 frame", "1 001 frames"]);
    }

    #[test]
    fn bytes_are_formatted_with_a_fitting_unit() {
        assert_eq!(super::bytes(12_345), "12 kB");
        assert_eq!(super::bytes(12_345_678), "12.3 MB");
        assert_eq!(super::bytes(98_765_432_100), "98.8 GB");
    }
}
