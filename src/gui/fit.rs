//! Windows that are smaller than their content needs, as on a screen of 800x480 pixels at 250 %:
//! everything is drawn smaller there, so that nothing overlaps.

use eframe::egui::{self, Vec2, ViewportCommand};

/// Smallest size of the window, in points: a screen of 1920x1080 at 250 % has 768x432.
const MIN_SIZE: Vec2 = Vec2::new(640.0, 360.0);
/// Smaller differences of the zoom are not worth another layout.
const MIN_CHANGE: f32 = 0.01;

/// The zoom of the window.
#[derive(Default)]
pub(super) struct Fit {
    /// The smallest size of the window is set.
    limited: bool,
    /// The zoom is below 1 for want of room.
    shrunk: bool,
}

impl Fit {
    /// Adapts the zoom to the size of the window.
    pub(super) fn update(&mut self, ui: &egui::Ui) {
        if !self.limited {
            self.limited = true;
            // Known only now: a window cannot be larger than its screen.
            let screen = ui.input(|i| i.viewport().monitor_size).unwrap_or(MIN_SIZE);
            ui.send_viewport_cmd(ViewportCommand::MinInnerSize(MIN_SIZE.min(screen)));
        }
        let present = ui.ctx().zoom_factor();
        let size = ui.ctx().content_rect().size() * present;
        if let Some(zoom) = self.zoom(size, present) {
            ui.ctx().set_zoom_factor(zoom);
        }
    }

    /// The zoom for a window of `size` points at a zoom of 1, if the `present` one must change.
    fn zoom(&mut self, size: Vec2, present: f32) -> Option<f32> {
        if size.min_elem() < 1.0 {
            // A minimised window.
            return None;
        }
        let fitting = (size.x / MIN_SIZE.x).min(size.y / MIN_SIZE.y).min(1.0);
        let changes = match self.shrunk {
            true => (fitting - present).abs() > MIN_CHANGE,
            // Where there is room, the zoom is that of the user.
            false => fitting < 1.0 && present - fitting > MIN_CHANGE,
        };
        if changes {
            self.shrunk = fitting < 1.0;
        }
        changes.then_some(fitting)
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
        is(zoom(&[(320.0, 192.0), (480.0, 900.0), (0.0, 0.0)], 1.0), 0.75);
        // One who wants everything smaller still gets it.
        is(zoom(&[(480.0, 900.0)], 0.5), 0.5);
    }
}
