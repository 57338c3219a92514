//! The central area: pictures side by side or combined by a wipe, with a common zoom.

use super::pan_zoom::{MOST, PanZoom};
use crate::gui::gpu::{Look, Mode, snapped};
use crate::gui::pictures::{Kind, Pictures};
use crate::gui::settings::{Settings, View};
use crate::gui::theme;
use eframe::egui::{
    self, Align2, Color32, FontId, Pos2, Rect, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2,
    vec2,
};

/// Gap between two pictures, in points.
const GAP: f32 = 6.0;
/// Magnification, in screen pixels per picture pixel, above which pixels are drawn as squares.
const SQUARE: f32 = 6.0;

/// Contents and size of the labels on the pictures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Labels {
    /// PSNR of blurry and restored in dB.
    pub psnr_db: Option<(f64, f64)>,
    /// Font size, in points.
    pub letters: f32,
}

/// Draws the view and handles zoom, pan and the wipe's divider.
pub(crate) fn show(
    ui: &mut Ui,
    pictures: &mut Pictures,
    settings: &mut Settings,
    eye: &mut PanZoom,
    labels: Labels,
) {
    let place = ui.available_rect_before_wrap();
    let Some(size) = pictures.size() else { return };
    let size = vec2(size.width as f32, size.height as f32);
    let restored = if pictures.has(Kind::Restored) { Kind::Restored } else { Kind::Blurry };
    let kinds = match settings.view {
        View::SideBySide => {
            let optional = [(Kind::Edi, settings.edi), (Kind::Truth, settings.truth)];
            let enabled = |kind: Kind| optional.iter().all(|(k, on)| *k != kind || *on);
            let all = [Kind::Blurry, Kind::Edi, Kind::Restored, Kind::Truth];
            all.into_iter().filter(|k| pictures.has(*k) && enabled(*k)).collect()
        }
        View::Wipe | View::Difference | View::Blurry => vec![Kind::Blurry],
        View::Restored => vec![restored],
    };
    for (slot, cell) in cells(kinds.len(), size, place).into_iter().enumerate() {
        let Some(kind) = kinds.get(slot).copied() else { continue };
        let cell = snapped(cell, ui.pixels_per_point());
        if eye.actual {
            let pixel = size / ui.pixels_per_point();
            eye.zoom = (pixel.x / eye.fitted(size, cell).x).clamp(0.05, MOST);
        }
        let drag =
            ui.interact(cell, ui.scope_id().with(("picture", slot)), Sense::click_and_drag());
        drag.widget_info(|| WidgetInfo::labeled(Role::Image, true, kind.name()));
        interact(ui, &drag, eye, size, cell);
        let whole = snapped_corner(eye.rect(size, cell), ui.pixels_per_point());
        let visible = snapped(whole.intersect(cell), ui.pixels_per_point());
        let divider = visible.left() + settings.divider * visible.width();
        let pair = pictures.has(Kind::Restored);
        let (mode, second) = match settings.view {
            View::Wipe if pair => (Mode::Wipe, Kind::Restored),
            View::Difference if pair => (Mode::Difference, Kind::Restored),
            _ => (Mode::Single, kind),
        };
        let look = Look {
            mode,
            gain: settings.gain,
            divider,
            nearest: !settings.smooth || (whole.width() * ui.pixels_per_point() / size.x >= SQUARE),
            clipping: settings.clipping,
        };
        if let Some((gpu, plates, events)) = pictures.plates([kind, second]) {
            let shape =
                gpu.draw(slot, [visible, whole], ui.pixels_per_point(), plates, events, look);
            ui.painter().add(shape);
        }
        let name = if mode == Mode::Difference {
            "Restored - blurry".to_owned()
        } else {
            label(kind, labels)
        };
        tag(ui, visible.left_top() + vec2(8.0, 8.0), Align2::LEFT_TOP, labels.letters, &name);
        if mode == Mode::Wipe {
            let name = label(second, labels);
            tag(
                ui,
                visible.right_top() - vec2(8.0, -8.0),
                Align2::RIGHT_TOP,
                labels.letters,
                &name,
            );
            handle(ui, divider, visible, settings);
        }
        let shown = whole.width() * ui.pixels_per_point() / size.x;
        if slot == 0 && (eye.zoom != 1.0 || eye.actual) {
            let at = visible.left_bottom() + vec2(8.0, -8.0);
            tag(ui, at, Align2::LEFT_BOTTOM, labels.letters, &format!("{:.0} %", shown * 100.0));
        }
    }
}

/// Name of a picture, with its PSNR if known.
fn label(kind: Kind, labels: Labels) -> String {
    match (kind, labels.psnr_db) {
        (Kind::Blurry, Some((db, _))) | (Kind::Restored, Some((_, db))) if db.is_finite() => {
            format!("{}   {db:.1} dB", kind.name())
        }
        _ => kind.name().to_owned(),
    }
}

/// Rectangles of `count` pictures in rows and columns, as large as possible and centred in
/// `place`. A single picture gets the whole place, so that it can be magnified into all of it.
fn cells(count: usize, size: Vec2, place: Rect) -> Vec<Rect> {
    if count == 1 {
        return vec![place];
    }
    let scale = |columns: usize| {
        let rows = count.div_ceil(columns);
        let room = |whole: f32, n: usize| (whole - GAP * (n as f32 - 1.0)) / n as f32;
        (room(place.width(), columns) / size.x).min(room(place.height(), rows) / size.y)
    };
    let best = (1..=count.max(1)).max_by(|a, b| scale(*a).total_cmp(&scale(*b))).unwrap_or(1);
    let cell = (size * scale(best)).max(vec2(1.0, 1.0));
    let extent = |n: usize, one: f32| n as f32 * (one + GAP) - GAP;
    let rows = count.div_ceil(best);
    let top = place.center().y - extent(rows, cell.y) / 2.0;
    (0..count)
        .map(|i| {
            let (row, column) = (i / best, i % best);
            // The last row may be shorter.
            let in_row = best.min(count - row * best);
            let left = place.center().x - extent(in_row, cell.x) / 2.0;
            let at = vec2(column as f32 * (cell.x + GAP), row as f32 * (cell.y + GAP));
            Rect::from_min_size(pos2(left, top) + at, cell)
        })
        .collect()
}

fn snapped_corner(rect: Rect, pixels_per_point: f32) -> Rect {
    let round = |v: f32| (v * pixels_per_point).round() / pixels_per_point;
    Rect::from_min_size(pos2(round(rect.left()), round(rect.top())), rect.size())
}

fn interact(ui: &Ui, drag: &egui::Response, eye: &mut PanZoom, size: Vec2, cell: Rect) {
    if drag.dragged() {
        eye.shift(-drag.drag_delta(), size, cell);
    }
    if drag.double_clicked() {
        *eye = PanZoom::default();
    }
    if let Some(at) = drag.hover_pos() {
        let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
        let factor = pinch * (scroll / 240.0).exp();
        if factor != 1.0 {
            eye.magnify(factor, at, size, cell);
        }
    }
}

/// Draws the divider between blurry and restored with its handle, and moves it when dragged.
fn handle(ui: &Ui, x: f32, visible: Rect, settings: &mut Settings) {
    let grip = Rect::from_center_size(pos2(x, visible.center().y), vec2(22.0, visible.height()));
    let response = ui.interact(grip, ui.scope_id().with("divider"), Sense::drag());
    response.widget_info(|| {
        WidgetInfo::slider(true, f64::from(settings.divider), "Divider of the wipe")
    });
    if let Some(at) = response.interact_pointer_pos().filter(|_| response.dragged()) {
        settings.divider = ((at.x - visible.left()) / visible.width().max(1.0)).clamp(0.0, 1.0);
    }
    let hot = response.hovered() || response.dragged();
    if hot {
        ui.set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
    }
    let painter = ui.painter();
    let dark = Color32::from_black_alpha(120);
    painter.vline(x, visible.y_range(), Stroke::new(3.0, dark));
    painter.vline(x, visible.y_range(), Stroke::new(1.0, Color32::WHITE));
    let middle = pos2(x, visible.center().y);
    let fill = if hot { theme::ACCENT } else { Color32::from_gray(245) };
    painter.circle(middle, 12.0, fill, Stroke::new(1.5, dark));
    let ink = if hot { Color32::WHITE } else { Color32::from_gray(40) };
    for side in [-1.0, 1.0] {
        let tip = middle + vec2(side * 7.0, 0.0);
        let back = side * 3.5;
        let points = vec![tip, tip - vec2(back, 3.5), tip - vec2(back, -3.5)];
        painter.add(egui::Shape::convex_polygon(points, ink, Stroke::NONE));
    }
}

/// Draws a label in a corner of a picture.
fn tag(ui: &Ui, at: Pos2, align: Align2, letters: f32, text: &str) {
    let colour = Color32::from_gray(240);
    let galley =
        ui.painter().layout_no_wrap(text.to_owned(), FontId::proportional(letters), colour);
    let room = vec2(letters * 0.54, letters * 0.23);
    let box_size = galley.size() + room * 2.0;
    let rect = align.anchor_size(at, box_size);
    ui.painter().rect_filled(rect, 4.0, Color32::from_black_alpha(165));
    ui.painter().galley(rect.min + room, galley, colour);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_arranged_as_large_as_possible() {
        let size = vec2(300.0, 200.0);
        let wide = Rect::from_min_size(Pos2::ZERO, vec2(1240.0, 460.0));
        let two = cells(2, size, wide);
        assert_eq!((two.len(), two[0].top()), (2, two[1].top()), "side by side");
        let tall = Rect::from_min_size(Pos2::ZERO, vec2(500.0, 900.0));
        let two = cells(2, size, tall);
        assert_eq!(two[0].left(), two[1].left(), "one above the other");
        let four = cells(4, size, Rect::from_min_size(Pos2::ZERO, vec2(900.0, 600.0)));
        assert_eq!(four[3].min, pos2(453.0, 303.0));
        let three = cells(3, size, Rect::from_min_size(Pos2::ZERO, vec2(970.0, 700.0)));
        assert_eq!(three[0].top(), three[1].top());
        assert!((three[1].left() - three[0].right() - GAP).abs() < 0.01, "close together");
        assert!((three[2].center().x - 485.0).abs() < 0.01, "the last one in the middle");
        assert_eq!(cells(1, size, tall), [tall]);
        for (i, a) in four.iter().enumerate() {
            for b in four.iter().skip(i + 1) {
                assert!(!a.shrink(0.1).intersects(*b), "{a:?} {b:?}");
            }
        }
    }
}
