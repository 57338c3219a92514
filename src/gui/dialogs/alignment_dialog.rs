//! The alignment dialog: prepare, capture views of the board, check the result, save it.

use super::alignment_run::{Order, Search};
use crate::gui::action::Action;
use crate::gui::state::Window;
use crate::gui::text_format::capitalized;
use crate::gui::theme;
use crate::gui::widgets::{self, hint, title, toast};
use crate::image::Size;
use crate::live::AlignmentHandleError;
use crate::rig::align::{AlignSettings, Board};
use eframe::egui::{
    self, Color32, ColorImage, Rect, RichText, Role, Sense, TextureHandle, Ui, WidgetInfo, vec2,
};
use std::time::Duration;

/// Half a period of the flashing board: slow enough for every screen, fast enough for the user.
const FLASH: Duration = Duration::from_millis(250);
/// Height of the previews, in points.
const HEIGHT: f32 = 190.0;
/// Names of the three previews.
const NAMES: [&str; 3] = ["Frame camera", "Event camera", "Event overlay"];

impl Window {
    /// Draws the dialog.
    pub(crate) fn align(&mut self, ui: &mut Ui) -> Vec<Action> {
        let mut actions = Vec::new();
        self.wizard.poll(ui);
        let response = theme::dialog(ui, "align", 760.0, |ui| {
            ui.horizontal(|ui| {
                ui.heading("Align the two cameras");
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if ui.button("Close").clicked() {
                        actions.push(Action::Close);
                    }
                });
            });
            self.steps(ui);
            ui.separator();
            if self.wizard.search.is_none() {
                self.prepare(ui, &mut actions);
            } else {
                self.capture(ui, &mut actions);
            }
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }

    /// Draws the list of steps with the current one highlighted.
    fn steps(&self, ui: &mut Ui) {
        let current = match (&self.wizard.search, &self.wizard.seen.alignment) {
            (None, _) => 0,
            (Some(_), None) => 1,
            (Some(_), Some(_)) => 2,
        };
        let steps = ["1  Choose a board", "2  Capture views", "3  Check and save"];
        ui.horizontal(|ui| {
            for (i, step) in steps.into_iter().enumerate() {
                let colour = if i == current { theme::RESTORED } else { theme::QUIET };
                ui.label(RichText::new(step).color(colour));
                ui.add_space(14.0);
            }
        });
    }

    fn prepare(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let alignment = self.session.rig_handle.alignment();
        let used = alignment.used();
        ui.label(match &used {
            None if alignment.cameras().is_none() => "This source has one camera, which needs no \
                alignment, or its cameras are not connected yet."
                .to_owned(),
            Some(used) => format!("These cameras are aligned: {}.", used.residual),
            None => {
                "These cameras are not aligned: frames and events are not registered.".to_owned()
            }
        });
        ui.add_space(8.0);
        let w = &mut self.wizard;
        ui.radio_value(&mut w.flashing, false, "A printed chessboard, seen by both cameras");
        hint(ui, "The event camera must also output frames, as a DAVIS does.");
        ui.radio_value(&mut w.flashing, true, "A chessboard flashing on this screen");
        hint(ui, "Works with every event camera: the flashing squares trigger events.");
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            ui.label("Inner corners");
            let columns = ui.add(egui::DragValue::new(&mut w.columns).range(3..=40));
            columns.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Corners across"));
            ui.label("by");
            let rows = ui.add(egui::DragValue::new(&mut w.rows).range(3..=40));
            rows.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Corners down"));
        });
        let board = Board::new(w.columns, w.rows);
        if board.is_none() {
            hint(ui, "One number must be odd and the other even, to tell which side is up.");
        }
        if let Some(why) = &w.fault {
            ui.add(egui::Label::new(RichText::new(why).color(theme::WARNING)).wrap());
        }
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            if widgets::primary_button(ui, board.is_some(), "Start").clicked()
                && let Some(board) = board
            {
                self.begin_search(board);
            }
            if self.wizard.fault.is_some() && ui.button("Choose two cameras").clicked() {
                actions.push(Action::Sources);
            }
        });
    }

    fn begin_search(&mut self, board: Board) {
        let settings = AlignSettings { board, ..AlignSettings::default() };
        let run = self.session.rig_handle.alignment().begin(settings, self.wizard.flashing);
        let search = run.map_err(|e| e.to_string()).and_then(|run| {
            Search::start(run, self.wake.clone())
                .map_err(|e| AlignmentHandleError::from(e).to_string())
        });
        match search {
            Ok(search) => (self.wizard.search, self.wizard.fault) = (Some(search), None),
            Err(why) => self.wizard.fault = Some(why),
        }
    }

    fn capture(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let progress = self.wizard.seen.progress.clone();
        let hint_text = if progress.hint.is_empty() { "waiting for frames" } else { progress.hint };
        title(ui, &capitalized(hint_text));
        let found = [Some(progress.in_frame), Some(progress.in_events), None];
        let shown = if self.wizard.seen.alignment.is_some() { 3 } else { 2 };
        ui.horizontal(|ui| {
            let width = (ui.available_width() - 8.0 * (shown as f32 - 1.0)) / shown as f32;
            for ((texture, name), found) in
                self.wizard.textures.iter().zip(NAMES).zip(found).take(shown)
            {
                ui.vertical(|ui| picture(ui, texture.as_ref(), name, found, width));
            }
        });
        ui.add_space(4.0);
        let fraction = progress.views as f32 / progress.wanted.max(1) as f32;
        let text = format!("{} of {} views", progress.views, progress.wanted);
        ui.add(egui::ProgressBar::new(fraction.min(1.0)).text(text).fill(theme::ACCENT));
        if let Some(why) = &progress.fault {
            ui.add(egui::Label::new(RichText::new(why).color(theme::WARNING)).wrap());
        }
        if let Some(residual) = &progress.residual {
            ui.label(format!("Residual: {residual}"));
        }
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            if ui.add_enabled(progress.views > 0, egui::Button::new("Undo last view")).clicked() {
                self.wizard.order(Order::Undo);
            }
            if ui.button("Restart").clicked() {
                self.wizard.order(Order::Restart);
            }
            let solvable = progress.views > 0 && progress.residual.is_none();
            if ui.add_enabled(solvable, egui::Button::new("Solve now")).clicked() {
                self.wizard.order(Order::Solve);
            }
            if self.wizard.flashing && ui.button("Flash the board full screen").clicked() {
                actions.push(Action::Board);
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let ready = self.wizard.seen.alignment.is_some();
                if widgets::primary_button(ui, ready, "Save and apply").clicked() {
                    self.store_alignment();
                    actions.push(Action::Close);
                }
            });
        });
    }

    fn store_alignment(&mut self) {
        let Some(alignment) = self.wizard.seen.alignment.clone() else { return };
        match self.session.rig_handle.alignment().accept(alignment) {
            Ok(path) => {
                let text = format!("Alignment applied and saved to {}", path.display());
                self.toast.notify(toast::Kind::Good, text);
            }
            Err(e) => {
                let text = format!("Alignment applied until the program exits: {e}");
                self.toast.notify(toast::Kind::Bad, text);
            }
        }
    }

    /// Draws the flashing board over the whole window.
    pub(crate) fn flash(&mut self, ui: &mut Ui) -> Vec<Action> {
        self.wizard.poll(ui);
        let screen = ui.ctx().content_rect();
        let size = Size::new(screen.width().max(64.0) as usize, screen.height().max(64.0) as usize);
        let (columns, rows) = (self.wizard.columns, self.wizard.rows);
        let board = self.wizard.board.get_or_insert_with(|| {
            let picture = Board::new(columns, rows).unwrap_or_default().paint(size);
            let image = ColorImage::from_rgb([size.width, size.height], &picture.to_rgb());
            ui.load_texture("board", image, egui::TextureOptions::NEAREST)
        });
        let on = (self.wizard.since.elapsed().as_millis() / FLASH.as_millis()).is_multiple_of(2);
        let painter = ui.ctx().layer_painter(egui::LayerId::new(
            egui::Order::Foreground,
            egui::Id::unique("flashing board"),
        ));
        painter.rect_filled(screen, 0.0, Color32::BLACK);
        if on {
            let whole = Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(1.0, 1.0));
            painter.image(board.id(), screen, whole, Color32::WHITE);
        }
        let p = &self.wizard.seen.progress;
        let text = format!("{} of {} views: {} (Esc)", p.views, p.wanted, p.hint);
        // A static line of text causes no events.
        let at = screen.center_bottom() - vec2(0.0, 4.0);
        let font = egui::FontId::proportional(13.0);
        painter.text(at, egui::Align2::CENTER_BOTTOM, text, font, Color32::from_gray(128));
        ui.request_repaint_after(FLASH / 2);
        Vec::new()
    }
}

fn picture(
    ui: &mut Ui,
    texture: Option<&TextureHandle>,
    name: &str,
    found: Option<bool>,
    width: f32,
) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    ui.painter().rect_filled(rect, 4.0, theme::SURROUND);
    if let Some(texture) = texture {
        let size = texture.size_vec2();
        let scale = (rect.width() / size.x).min(rect.height() / size.y);
        let inner = Rect::from_center_size(rect.center(), size * scale);
        egui::Image::new(texture).paint_at(ui, inner);
    }
    let (status, colour) = match found {
        Some(true) => (": board found", theme::RESTORED),
        Some(false) => (": no board", theme::WARNING),
        None => ("", theme::QUIET),
    };
    ui.label(RichText::new(format!("{name}{status}")).size(12.5).color(colour));
}
