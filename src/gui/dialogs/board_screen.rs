//! The calibration board, flashing over the whole window.

use crate::image::Size;
use crate::rig::align::{AlignProgress, Board};
use eframe::egui::{self, Color32, ColorImage, Rect, TextureHandle, Ui, vec2};
use std::time::{Duration, Instant};

/// Half a period of the flashing: slow enough for every screen, fast enough for the user.
const HALF_PERIOD: Duration = Duration::from_millis(250);

/// The board on the screen.
pub(crate) struct BoardScreen {
    texture: Option<TextureHandle>,
    /// Start of the flashing.
    start: Instant,
}

impl Default for BoardScreen {
    fn default() -> Self {
        Self { texture: None, start: Instant::now() }
    }
}

impl BoardScreen {
    /// Releases the board's picture; another board may be shown next.
    pub(crate) fn end(&mut self) {
        self.texture = None;
    }

    /// Draws the board, or black, and one line with the progress of the search.
    pub(crate) fn show(&mut self, ui: &mut Ui, board: Option<Board>, progress: &AlignProgress) {
        let screen = ui.ctx().content_rect();
        let size = Size::new(screen.width().max(64.0) as usize, screen.height().max(64.0) as usize);
        let texture = self.texture.get_or_insert_with(|| {
            let picture = board.unwrap_or_default().paint(size);
            let image = ColorImage::from_rgb([size.width, size.height], &picture.to_rgb());
            ui.load_texture("board", image, egui::TextureOptions::NEAREST)
        });
        let half_periods = self.start.elapsed().as_millis() / HALF_PERIOD.as_millis();
        let painter = ui.ctx().layer_painter(egui::LayerId::new(
            egui::Order::Foreground,
            egui::Id::unique("flashing board"),
        ));
        painter.rect_filled(screen, 0.0, Color32::BLACK);
        if half_periods.is_multiple_of(2) {
            let whole = Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(1.0, 1.0));
            painter.image(texture.id(), screen, whole, Color32::WHITE);
        }
        let AlignProgress { views, wanted, hint, .. } = progress;
        let text = format!("{views} of {wanted} views: {hint} (Esc)");
        // A static line of text causes no events.
        let at = screen.center_bottom() - vec2(0.0, 4.0);
        let font = egui::FontId::proportional(13.0);
        painter.text(at, egui::Align2::CENTER_BOTTOM, text, font, Color32::from_gray(128));
        ui.request_repaint_after(HALF_PERIOD / 2);
    }
}
