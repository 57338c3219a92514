//! Zoom and pan, common to all pictures.

use eframe::egui::{Pos2, Rect, Vec2, pos2, vec2};

/// Zoom and centre of the visible part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PanZoom {
    /// Magnification relative to fitting the whole picture into its place.
    pub zoom: f32,
    /// Picture point at the centre of the view, as fractions of width and height.
    pub middle: Pos2,
    /// 1:1: one picture pixel is one screen pixel.
    pub actual: bool,
}

impl Default for PanZoom {
    fn default() -> Self {
        Self { zoom: 1.0, middle: pos2(0.5, 0.5), actual: false }
    }
}

/// Largest magnification.
pub(crate) const MOST: f32 = 40.0;

impl PanZoom {
    /// Rectangle that a whole picture of `size` covers when it is shown in `place`, in points.
    pub(crate) fn rect(&self, size: Vec2, place: Rect) -> Rect {
        let drawn = self.fitted(size, place) * self.zoom;
        let corner = place.center() - vec2(self.middle.x * drawn.x, self.middle.y * drawn.y);
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
        self.zoom = (self.zoom * factor).clamp(1.0, MOST);
        self.actual = false;
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
        self.middle = pos2(
            axis(self.middle.x, by.x, drawn.x, place.width()),
            axis(self.middle.y, by.y, drawn.y, place.height()),
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
        let mut eye = PanZoom::default();
        assert_eq!(eye.rect(size, place), place);
        let under = |eye: &PanZoom| (at - eye.rect(size, place).min) / eye.rect(size, place).size();
        let before = under(&eye);
        eye.magnify(4.0, at, size, place);
        assert!((under(&eye) - before).length() < 1e-4);
        eye.shift(vec2(1e6, -1e6), size, place);
        let rect = eye.rect(size, place).expand(0.01);
        assert!(rect.contains_rect(place), "{rect:?}");
        eye.magnify(1e-6, at, size, place);
        assert_eq!(eye.zoom, 1.0);
    }
}
