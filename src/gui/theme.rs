//! Colours and spacing: dark and neutral, so that the pictures stand out.

use eframe::egui::{self, Color32, CornerRadius, Stroke};

/// Background of the pictures: neutral, so that it does not affect how their colours look.
pub(super) const SURROUND: Color32 = Color32::from_gray(16);
/// Bars and side panel.
pub(super) const PANEL: Color32 = Color32::from_gray(27);
/// Selected items and primary buttons.
pub(super) const ACCENT: Color32 = Color32::from_rgb(36, 118, 98);
/// Text and curves of the restored picture.
pub(super) const RESTORED: Color32 = Color32::from_rgb(94, 196, 167);
/// Text and curves of the blurry picture.
pub(super) const BLURRY: Color32 = Color32::from_rgb(214, 158, 84);
/// Secondary text, such as the names of values.
pub(super) const QUIET: Color32 = Color32::from_gray(158);
/// Warnings.
pub(super) const WARNING: Color32 = Color32::from_rgb(238, 160, 92);
/// Recording and deleting.
pub(super) const ALERT: Color32 = Color32::from_rgb(232, 92, 84);
/// Width of the side panel, in points.
pub(super) const SIDE_WIDTH: f32 = 312.0;

/// Applies the style to the whole window.
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

/// Frame of a bar or panel.
pub(super) fn bar() -> egui::Frame {
    egui::Frame::new().fill(PANEL).inner_margin(egui::Margin::symmetric(10, 7))
}

/// Draws the row of buttons at the end of a dialog, from right to left.
pub(super) fn buttons(ui: &mut egui::Ui, content: impl FnOnce(&mut egui::Ui)) {
    // Within a row: otherwise the buttons are centred in all the height that is left.
    ui.horizontal(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), content);
    });
}

/// Room around the content of a dialog, in points: its margins and a rim of the window.
const AROUND_DIALOG: egui::Vec2 = egui::vec2(56.0, 48.0);

/// Draws a modal dialog of this width, in points. It scrolls where the window is too small.
pub(super) fn dialog(
    ui: &egui::Ui,
    name: &str,
    width: f32,
    content: impl FnOnce(&mut egui::Ui),
) -> egui::ModalResponse<()> {
    let frame = egui::Frame::popup(ui.style()).inner_margin(egui::Margin::symmetric(18, 14));
    let room = ui.ctx().content_rect().size() - AROUND_DIALOG;
    egui::Modal::new(egui::Id::unique(name)).frame(frame).show(ui, |ui| {
        // A dialog would otherwise begin with a default size, and scroll within that.
        ui.set_max_size(room);
        egui::ScrollArea::both().max_width(room.x).max_height(room.y).show(ui, |ui| {
            // Less than the room where a scroll bar is shown.
            ui.set_width(width.min(ui.available_width()));
            content(ui);
        });
    })
}
