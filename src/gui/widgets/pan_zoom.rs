//! Zoom and pan, common to all pictures.

use eframe::egui::{Pos2, Rect, Vec2, pos2, vec2};

/// Zoom and centre of the visible part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PanZoom {
    /// Magnification relative to fitting the whole picture into its place.
    pub zoom: f32,
    /// Picture point at the centre of the view, as fractions of width and height.
    pub center: Pos2,
    /// 1:1: one picture pixel is one screen pixel.
    pub one_to_one: bool,
}

impl Default for PanZoom {
    fn default() -> Self {
        Self { zoom: 1.0, center: pos2(0.5, 0.5), one_to_one: false }
    }
}

/// Largest magnification.
pub(crate) const MAX_ZOOM: f32 = 40.0;

impl PanZoom {
    /// Switches between 1:1 and fitting the picture into its place.
    pub(crate) fn toggle_one_to_one(&mut self) {
        *self = Self { one_to_one: !self.one_to_one, ..Self::default() };
    }

    /// Magnifies by `factor` around the centre of the view.
    pub(crate) fn magnify_center(&mut self, factor: f32) {
        self.one_to_one = false;
        self.zoom = (self.zoom * factor).clamp(1.0, MAX_ZOOM);
    }

    /// Rectangle that a whole picture of `size` covers when it is shown in `place`, in points.
    pub(crate) fn rect(&self, size: Vec2, place: Rect) -> Rect {
        let drawn = self.fitted(size, place) * self.zoom;
        let corner = place.center() - vec2(self.center.x * drawn.x, self.center.y * drawn.y);
        Rect::from_min_size(corner, drawn)
    }

    /// Size of the picture when it fits into `place`, in points.
    pub(crate) fn fitted(&self, size: Vec2, place: Rect) -> Vec2 {
        size * (place.width() / size.x).min(place.height() / size.y).max(1e-3)
    }

    /// Magnifies by `factor` so that the picture point under `at` stays there.
    pub(crate) fn magnify(&mut self, factor: f32, at: Pos2, size: Vec2, place: Rect) {
        let before = self.rect(size, place);
        let point = (at - before.min) / before.size();
        self.zoom = (self.zoom * factor).clamp(1.0, MAX_ZOOM);
        self.one_to_one = false;
        let after = self.rect(size, place);
        self.shift(after.min + point * after.size() - at, size, place);
    }

    /// Pans by `by` points on the screen, limited to the picture's edges.
    pub(crate) fn shift(&mut self, by: Vec2, size: Vec2, place: Rect) {
        let drawn = self.rect(size, place).size();
        let axis = |middle: f32, by: f32, drawn: f32, room: f32| {
            let margin = (room / drawn / 2.0).min(0.5);
            (middle + by / drawn).clamp(margin, 1.0 - margin)
        };
        self.center = pos2(
            axis(self.center.x, by.x, drawn.x, place.width()),
            axis(self.center.y, by.y, drawn.y, place.height()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zoom_keeps_the_point_under_the_pointer_and_stays_within_the_picture() {
        let place = Rect::from_min_size(pos2(100.0, 50.0), vec2(600.0, 400.0));
        let (size, at) = (vec2(288.0, 192.0), pos2(250.0, 200.0));
        let mut view = PanZoom::default();
        assert_eq!(view.rect(size, place), place);
        let under =
            |view: &PanZoom| (at - view.rect(size, place).min) / view.rect(size, place).size();
        let before = under(&view);
        view.magnify(4.0, at, size, place);
        assert!((under(&view) - before).length() < 1e-4);
        view.shift(vec2(1e6, -1e6), size, place);
        let rect = view.rect(size, place).expand(0.01);
        assert!(rect.contains_rect(place), "{rect:?}");
        view.magnify(1e-6, at, size, place);
        assert_eq!(view.zoom, 1.0);
    }
}
