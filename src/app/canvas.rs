//! The middle of the window: pictures, side by side or one over the other, zoomed together.

use super::pictures::Pictures;
use super::settings::{Settings, View};
use super::style;
use eframe::egui::{
    self, Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, TextureHandle, Ui, Vec2, pos2, vec2,
};

/// Which part of the pictures is seen; shared by all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Eye {
    /// 1: the whole picture fits its place.
    pub zoom: f32,
    /// The middle, as fractions of width and height.
    pub middle: Pos2,
    /// One pixel of the picture is one of the screen.
    pub actual: bool,
}

impl Default for Eye {
    fn default() -> Self {
        Self { zoom: 1.0, middle: pos2(0.5, 0.5), actual: false }
    }
}

/// Largest magnification.
const MOST: f32 = 40.0;

impl Eye {
    /// Where a picture of `size` lies whose place is `place`.
    fn rect(&self, size: Vec2, place: Rect) -> Rect {
        let drawn = self.fitted(size, place) * self.zoom;
        let corner = place.center() - vec2(self.middle.x * drawn.x, self.middle.y * drawn.y);
        Rect::from_min_size(corner, drawn)
    }

    fn fitted(&self, size: Vec2, place: Rect) -> Vec2 {
        size * (place.width() / size.x).min(place.height() / size.y).max(1e-3)
    }

    /// Magnifies by `factor` so that what is under `at` stays there.
    fn magnify(&mut self, factor: f32, at: Pos2, size: Vec2, place: Rect) {
        let before = self.rect(size, place);
        let point = (at - before.min) / before.size();
        self.zoom = (self.zoom * factor).clamp(1.0, MOST);
        self.actual = false;
        let after = self.rect(size, place);
        self.shift(after.min + point * after.size() - at, size, place);
    }

    /// Moves by so many points of the screen, not beyond the picture's edges.
    fn shift(&mut self, by: Vec2, size: Vec2, place: Rect) {
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

/// Draws the view, and lets it be zoomed, moved and wiped.
pub(super) fn show(ui: &mut Ui, pictures: &Pictures, settings: &mut Settings, eye: &mut Eye) {
    let place = ui.available_rect_before_wrap();
    let Some(blurry) = &pictures.blurry else {
        let font = FontId::proportional(16.0);
        ui.painter().text(place.center(), Align2::CENTER_CENTER, "Starting…", font, style::QUIET);
        return;
    };
    let restored = pictures.restored.as_ref().map(|t| (t, "Restored"));
    let edi = pictures.edi.as_ref().map(|t| (t, "EDI"));
    let shown: Vec<(&TextureHandle, &str)> = match settings.view {
        View::SideBySide => {
            [Some((blurry, "Blurry")), edi, restored].into_iter().flatten().collect()
        }
        View::Wipe | View::Blurry => vec![(blurry, "Blurry")],
        View::Restored => vec![restored.unwrap_or((blurry, "Blurry"))],
        View::Difference => {
            vec![pictures.difference.as_ref().map_or((blurry, "Blurry"), |t| (t, "Difference"))]
        }
    };
    let gap = 6.0;
    let width = (place.width() - gap * (shown.len() as f32 - 1.0)) / shown.len() as f32;
    let size = blurry.size_vec2();
    for (i, (texture, name)) in shown.iter().enumerate() {
        let left = place.left() + i as f32 * (width + gap);
        let cell = Rect::from_min_size(pos2(left, place.top()), vec2(width, place.height()));
        if eye.actual {
            let pixel = size / ui.pixels_per_point();
            eye.zoom = (pixel.x / eye.fitted(size, cell).x).clamp(0.05, MOST);
        }
        let drag = ui.interact(cell, ui.scope_id().with(("picture", i)), Sense::click_and_drag());
        interact(ui, &drag, eye, size, cell);
        let rect = eye.rect(size, cell);
        paint(ui, cell, rect, texture, pictures.events.as_ref());
        let seen = rect.intersect(cell);
        if let Some((over, _)) = restored.filter(|_| settings.view == View::Wipe) {
            let x = seen.left() + settings.divider * seen.width();
            let right = Rect::from_min_max(pos2(x, seen.top()), seen.max);
            paint(ui, right, rect, over, pictures.events.as_ref());
            tag(ui, seen.right_top() - vec2(8.0, -8.0), Align2::RIGHT_TOP, "Restored");
            divider(ui, x, seen, settings);
        }
        tag(ui, seen.left_top() + vec2(8.0, 8.0), Align2::LEFT_TOP, name);
    }
}

fn interact(ui: &Ui, drag: &egui::Response, eye: &mut Eye, size: Vec2, cell: Rect) {
    if drag.dragged() {
        eye.shift(-drag.drag_delta(), size, cell);
    }
    if drag.double_clicked() {
        *eye = Eye::default();
    }
    if let Some(at) = drag.hover_pos() {
        let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
        let factor = pinch * (scroll / 240.0).exp();
        if factor != 1.0 {
            eye.magnify(factor, at, size, cell);
        }
    }
}

fn paint(ui: &Ui, clip: Rect, rect: Rect, texture: &TextureHandle, events: Option<&TextureHandle>) {
    let painter = ui.painter_at(clip);
    let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    for texture in std::iter::once(texture).chain(events) {
        painter.image(texture.id(), rect, whole, Color32::WHITE);
    }
}

/// The line between blurry and restored.
fn divider(ui: &Ui, x: f32, seen: Rect, settings: &mut Settings) {
    let grip = Rect::from_center_size(pos2(x, seen.center().y), vec2(18.0, seen.height()));
    let response = ui.interact(grip, ui.scope_id().with("divider"), Sense::drag());
    if let Some(at) = response.interact_pointer_pos().filter(|_| response.dragged()) {
        settings.divider = ((at.x - seen.left()) / seen.width().max(1.0)).clamp(0.0, 1.0);
    }
    if response.hovered() || response.dragged() {
        ui.set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
    }
    let painter = ui.painter();
    painter.vline(x, seen.y_range(), Stroke::new(1.5, Color32::from_white_alpha(220)));
    let middle = pos2(x, seen.center().y);
    painter.circle(middle, 9.0, Color32::from_black_alpha(150), Stroke::new(1.5, Color32::WHITE));
}

/// The name of a picture in its corner.
fn tag(ui: &Ui, at: Pos2, align: Align2, text: &str) {
    let colour = Color32::from_gray(235);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), FontId::proportional(13.0), colour);
    let box_size = galley.size() + vec2(14.0, 6.0);
    let rect = align.anchor_size(at, box_size);
    ui.painter().rect_filled(rect, 4.0, Color32::from_black_alpha(150));
    ui.painter().galley(rect.min + vec2(7.0, 3.0), galley, colour);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zooming_keeps_what_is_under_the_pointer_and_never_leaves_the_picture() {
        let place = Rect::from_min_size(pos2(100.0, 50.0), vec2(600.0, 400.0));
        let (size, at) = (vec2(288.0, 192.0), pos2(250.0, 200.0));
        let mut eye = Eye::default();
        assert_eq!(eye.rect(size, place), place);
        let under = |eye: &Eye| (at - eye.rect(size, place).min) / eye.rect(size, place).size();
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
