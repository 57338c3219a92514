//! Colours and spacing: dark and calm, so that the pictures are what one looks at.

use eframe::egui::{self, Color32, CornerRadius, Stroke};

/// Around the pictures: neutral, so that their colours are judged right.
pub(super) const SURROUND: Color32 = Color32::from_gray(16);
/// Bars above and below, and the panel beside the pictures.
pub(super) const PANEL: Color32 = Color32::from_gray(27);
/// What is chosen, and what is to be pressed next.
pub(super) const ACCENT: Color32 = Color32::from_rgb(36, 118, 98);
/// Restored, wherever it is drawn.
pub(super) const RESTORED: Color32 = Color32::from_rgb(94, 196, 167);
/// Blurry, wherever it is drawn.
pub(super) const BLURRY: Color32 = Color32::from_rgb(214, 158, 84);
/// Names of values.
pub(super) const QUIET: Color32 = Color32::from_gray(158);
/// Something is wrong.
pub(super) const WARNING: Color32 = Color32::from_rgb(238, 160, 92);
/// Recording, deleting.
pub(super) const ALERT: Color32 = Color32::from_rgb(232, 92, 84);
/// Width of the panel beside the pictures.
pub(super) const SIDE: f32 = 312.0;

/// Sets the style once.
pub(super) fn apply(context: &egui::Context) {
    context.set_theme(egui::Theme::Dark);
    context.all_styles_mut(|style| {
        style.spacing.item_spacing = egui::vec2(8.0, 6.0);
        style.spacing.button_padding = egui::vec2(9.0, 4.0);
        style.spacing.interact_size.y = 24.0;
        style.spacing.slider_width = 200.0;
        style.spacing.scroll = egui::style::ScrollStyle::solid();
        style.interaction.selectable_labels = false;
        let v = &mut style.visuals;
        (v.panel_fill, v.window_fill, v.extreme_bg_color) = (PANEL, PANEL, SURROUND);
        v.selection.bg_fill = ACCENT;
        v.selection.stroke = Stroke::new(1.0, Color32::WHITE);
        v.hyperlink_color = RESTORED;
        v.warn_fg_color = WARNING;
        v.error_fg_color = ALERT;
        v.widgets.noninteractive.bg_stroke = Stroke::new(1.0, Color32::from_gray(46));
        v.widgets.noninteractive.fg_stroke = Stroke::new(1.0, Color32::from_gray(208));
        for widget in [&mut v.widgets.inactive, &mut v.widgets.hovered, &mut v.widgets.active] {
            widget.corner_radius = CornerRadius::same(5);
        }
        v.slider_trailing_fill = true;
    });
}

/// A bar or a panel.
pub(super) fn bar() -> egui::Frame {
    egui::Frame::new().fill(PANEL).inner_margin(egui::Margin::symmetric(10, 7))
}

/// A dialog over everything else, with room around what it says.
pub(super) fn modal(ui: &egui::Ui, name: &str) -> egui::Modal {
    let frame = egui::Frame::popup(ui.style()).inner_margin(egui::Margin::symmetric(18, 14));
    egui::Modal::new(egui::Id::unique(name)).frame(frame)
}
