//! Colours and spacing: dark and calm, so that the pictures are what one looks at.

use eframe::egui::{self, Color32, CornerRadius, Stroke};

/// Around the pictures: neutral, so that their colours are judged right.
pub(super) const SURROUND: Color32 = Color32::from_gray(18);
/// Bars above and below, and the panel beside the pictures.
pub(super) const PANEL: Color32 = Color32::from_gray(27);
/// Restored, wherever it is drawn.
pub(super) const RESTORED: Color32 = Color32::from_rgb(94, 196, 167);
/// Blurry, wherever it is drawn.
pub(super) const BLURRY: Color32 = Color32::from_rgb(214, 158, 84);
/// Names of values.
pub(super) const QUIET: Color32 = Color32::from_gray(150);

/// Sets the style once.
pub(super) fn apply(context: &egui::Context) {
    context.set_theme(egui::Theme::Dark);
    context.all_styles_mut(|style| {
        style.spacing.item_spacing = egui::vec2(8.0, 6.0);
        style.spacing.button_padding = egui::vec2(9.0, 4.0);
        style.spacing.slider_width = 240.0;
        let v = &mut style.visuals;
        (v.panel_fill, v.window_fill, v.extreme_bg_color) = (PANEL, PANEL, SURROUND);
        v.selection.bg_fill = Color32::from_rgb(38, 92, 79);
        v.selection.stroke = Stroke::new(1.0, Color32::WHITE);
        v.widgets.noninteractive.bg_stroke = Stroke::new(1.0, Color32::from_gray(42));
        v.widgets.noninteractive.fg_stroke = Stroke::new(1.0, Color32::from_gray(205));
        for widget in [&mut v.widgets.inactive, &mut v.widgets.hovered, &mut v.widgets.active] {
            widget.corner_radius = CornerRadius::same(5);
        }
    });
}
