//! Windows that are smaller than their content needs, as on a screen of 800x480 pixels at 250 %:
//! everything is drawn smaller there, so that nothing overlaps.

use eframe::egui::{self, Vec2, ViewportCommand};

/// Smallest size of the window, in points: a screen of 1920x1080 at 250 % has 768x432.
const MIN_SIZE: Vec2 = Vec2::new(640.0, 360.0);
/// Smaller differences of the zoom are not worth another layout.
const MIN_CHANGE: f32 = 0.01;

/// The zoom of the window.
pub(super) struct Fit {
    /// The smallest size of the window that was set, in pixels.
    limit_px: Vec2,
    /// The zoom that the user has chosen.
    chosen: f32,
    /// The zoom for want of room, while it is below the chosen one.
    shrunk: Option<f32>,
}

impl Default for Fit {
    fn default() -> Self {
        Self { limit_px: Vec2::ZERO, chosen: 1.0, shrunk: None }
    }
}

impl Fit {
    /// Adapts the zoom to the size of the window.
    pub(super) fn update(&mut self, ui: &egui::Ui) {
        let present = ui.ctx().zoom_factor();
        self.limit(ui, present);
        let size = ui.ctx().content_rect().size() * present;
        if let Some(zoom) = self.zoom(size, present) {
            ui.ctx().set_zoom_factor(zoom);
        }
    }

    /// Sets the smallest size of the window, again when it moves to another screen. It cannot be set
    /// before the window is open: a window cannot be larger than its screen.
    fn limit(&mut self, ui: &egui::Ui, zoom: f32) {
        let screen = ui.input(|i| i.viewport().monitor_size);
        let least = screen.map_or(MIN_SIZE, |screen| MIN_SIZE.min(screen * zoom));
        let pixels_per_point = ui.ctx().pixels_per_point();
        let limit_px = least * (pixels_per_point / zoom);
        if (limit_px - self.limit_px).abs().max_elem() > 1.0 {
            self.limit_px = limit_px;
            ui.send_viewport_cmd(ViewportCommand::MinInnerSize(limit_px / pixels_per_point));
        }
    }

    /// The zoom for a window of `size` points at a zoom of 1, if the `present` one must change.
    fn zoom(&mut self, size: Vec2, present: f32) -> Option<f32> {
        if size.min_elem() < 1.0 {
            // A minimised window.
            return None;
        }
        // In a small window the user can only choose a smaller zoom.
        if self.shrunk.is_none_or(|shrunk| present < shrunk - 2.0 * MIN_CHANGE) {
            self.chosen = present;
        }
        let fitting = (size.x / MIN_SIZE.x).min(size.y / MIN_SIZE.y);
        self.shrunk = (fitting < self.chosen.min(1.0)).then_some(fitting);
        let (zoom, tolerance) = match self.shrunk {
            Some(fitting) => (fitting, MIN_CHANGE),
            None => (self.chosen, 0.0),
        };
        ((zoom - present).abs() > tolerance).then_some(zoom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The zoom after the window has had these sizes, in points at a zoom of 1.
    fn zoom(sizes: &[(f32, f32)], first: f32) -> f32 {
        let mut fit = Fit::default();
        let mut present = first;
        for (width, height) in sizes {
            // Twice: the second time nothing changes.
            present = fit.zoom(Vec2::new(*width, *height), present).unwrap_or(present);
            assert_eq!(fit.zoom(Vec2::new(*width, *height), present), None, "{width}x{height}");
        }
        present
    }

    #[test]
    fn a_small_window_is_drawn_smaller_and_a_large_one_as_the_user_wants() {
        let is = |found: f32, wanted: f32| assert!((found - wanted).abs() < 1e-6, "{found}");
        is(zoom(&[(640.0, 360.0)], 1.0), 1.0);
        is(zoom(&[(1240.0, 540.0)], 1.4), 1.4);
        // 800x480 pixels at 250 %.
        is(zoom(&[(320.0, 192.0)], 1.0), 0.5);
        is(zoom(&[(320.0, 192.0), (1240.0, 540.0)], 1.0), 1.0);
        is(zoom(&[(320.0, 192.0), (638.0, 360.0), (1240.0, 540.0)], 1.4), 1.4);
        is(zoom(&[(320.0, 192.0), (480.0, 900.0), (0.0, 0.0)], 1.0), 0.75);
        // One who wants everything smaller still gets it.
        is(zoom(&[(480.0, 900.0)], 0.5), 0.5);
    }

    #[test]
    fn the_user_can_zoom_out_in_a_small_window_but_not_in() {
        let small = Vec2::new(320.0, 192.0);
        let mut fit = Fit::default();
        assert_eq!(fit.zoom(small, 1.0), Some(0.5));
        assert_eq!(fit.zoom(small, 0.6), Some(0.5));
        assert_eq!(fit.zoom(small, 0.4), None);
        assert_eq!(fit.zoom(small, 0.4), None);
        assert_eq!(fit.zoom(Vec2::new(1240.0, 540.0), 0.4), None);
        // With enough room the zoom is only the user's.
        assert_eq!(fit.zoom(Vec2::new(1240.0, 540.0), 1.7), None);
        assert_eq!(fit.zoom(Vec2::new(1240.0, 540.0), 1.0), None);
    }
}
