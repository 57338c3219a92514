//! Icons drawn as shapes, so that no font has to contain them.

use eframe::egui::{Color32, CornerRadius, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

/// Icon of a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Play,
    Pause,
    Back,
    Forward,
    Record,
    Stop,
    /// Opens a list below.
    Down,
}

/// Side of the square that an icon fills, in points.
pub(crate) const SIDE: f32 = 12.0;

/// Draws an icon centred at `middle`.
pub(crate) fn draw(painter: &Painter, icon: Icon, middle: Pos2, ink: Color32) {
    let half = SIDE / 2.0;
    let triangle = |x: f32, towards: f32| {
        let tip = pos2(middle.x + x + towards * half * 0.75, middle.y);
        let back = middle.x + x - towards * half * 0.75;
        let points = vec![tip, pos2(back, middle.y - half), pos2(back, middle.y + half)];
        painter.add(Shape::convex_polygon(points, ink, Stroke::NONE));
    };
    let bar = |x: f32, width: f32| {
        let rect = Rect::from_center_size(middle + vec2(x, 0.0), vec2(width, SIDE));
        painter.rect_filled(rect, CornerRadius::same(1), ink);
    };
    match icon {
        Icon::Play => triangle(0.5, 1.0),
        Icon::Pause => {
            bar(-3.0, 3.5);
            bar(3.0, 3.5);
        }
        Icon::Back => {
            bar(-5.0, 2.5);
            triangle(1.5, -1.0);
        }
        Icon::Forward => {
            triangle(-1.5, 1.0);
            bar(5.0, 2.5);
        }
        Icon::Record => {
            painter.circle_filled(middle, half - 0.5, ink);
        }
        Icon::Stop => {
            let rect = Rect::from_center_size(middle, vec2(SIDE - 2.0, SIDE - 2.0));
            painter.rect_filled(rect, CornerRadius::same(1), ink);
        }
        Icon::Down => {
            let (w, h) = (4.0, 2.5);
            let points = vec![middle + vec2(-w, -h), middle + vec2(w, -h), middle + vec2(0.0, h)];
            painter.add(Shape::convex_polygon(points, ink, Stroke::NONE));
        }
    }
}
