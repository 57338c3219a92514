//! The central area: pictures side by side or combined by a wipe, with a common zoom.

use crate::gui::action::Action;
use crate::gui::gpu::{DrawOptions, Mode, snapped};
use crate::gui::pictures::{PictureKind, Pictures};
use crate::gui::player::Player;
use crate::gui::settings::{Settings, View};
use crate::gui::settings_change::Setting;
use crate::gui::theme;
use crate::gui::widgets::pan_zoom::{MAX_ZOOM, PanZoom};
use eframe::egui::{
    self, Align2, Color32, FontId, Pos2, Rect, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2,
    vec2,
};
use eframe::egui_wgpu::RenderState;

/// Gap between two pictures, in points.
const GAP: f32 = 6.0;
/// Magnification, in screen pixels per picture pixel, above which pixels are drawn as squares.
const SQUARE: f32 = 6.0;

/// Contents and size of the labels on the pictures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Labels {
    /// PSNR of blurry and restored in dB.
    pub psnr_db: Option<(f64, f64)>,
    /// In points.
    pub font_size: f32,
}

/// The central area.
pub(crate) struct ImageView {
    /// Zoom and pan, common to all pictures.
    pub pan_zoom: PanZoom,
    pictures: Pictures,
    /// [`Player::revision`] of the pictures, and whether the event overlay is among them.
    uploaded: Option<(u64, bool)>,
}

impl ImageView {
    /// Pictures are drawn with the GPU of `render`; without one, only their labels are.
    pub(crate) fn new(render: Option<&RenderState>) -> Self {
        let pan_zoom = PanZoom::default();
        Self { pan_zoom, pictures: Pictures::new(render), uploaded: None }
    }

    /// Draws the pictures of the shown frame, and handles zoom, pan and the wipe's divider.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        player: &Player,
        settings: &Settings,
        labels: Labels,
    ) -> Option<Action> {
        let frame = player.latest.as_ref()?;
        let current = (player.revision(), settings.events);
        if self.uploaded.replace(current) != Some(current) {
            self.pictures.set(frame, player.index, settings.events);
        }
        let size = frame.captured.picture.size();
        let size = vec2(size.width as f32, size.height as f32);
        let kinds = self.kinds(settings);
        let place = ui.available_rect_before_wrap();
        let mut action = None;
        for (slot, (cell, kind)) in
            cells(kinds.len(), size, place).into_iter().zip(kinds).enumerate()
        {
            let cell = snapped(cell, ui.pixels_per_point());
            action = self.picture(ui, (slot, kind), cell, size, settings, labels).or(action);
        }
        action
    }

    /// The pictures side by side, or the one below the wipe or the difference.
    fn kinds(&self, settings: &Settings) -> Vec<PictureKind> {
        match settings.view {
            View::SideBySide => {
                let optional =
                    [(PictureKind::Edi, settings.edi), (PictureKind::Truth, settings.truth)];
                let enabled = |kind: PictureKind| optional.iter().all(|(k, on)| *k != kind || *on);
                let all = [
                    PictureKind::Blurry,
                    PictureKind::Edi,
                    PictureKind::Restored,
                    PictureKind::Truth,
                ];
                all.into_iter().filter(|k| self.pictures.has(*k) && enabled(*k)).collect()
            }
            View::Wipe | View::Difference | View::Blurry => vec![PictureKind::Blurry],
            View::Restored if self.pictures.has(PictureKind::Restored) => {
                vec![PictureKind::Restored]
            }
            View::Restored => vec![PictureKind::Blurry],
        }
    }

    /// Draws one picture, of `size` pixels, with its labels.
    fn picture(
        &mut self,
        ui: &mut Ui,
        (slot, kind): (usize, PictureKind),
        cell: Rect,
        size: Vec2,
        settings: &Settings,
        labels: Labels,
    ) -> Option<Action> {
        let scale = ui.pixels_per_point();
        if self.pan_zoom.one_to_one {
            let pixel = size / scale;
            let fitted = self.pan_zoom.fitted(size, cell);
            self.pan_zoom.zoom = (pixel.x / fitted.x).clamp(0.05, MAX_ZOOM);
        }
        let drag =
            ui.interact(cell, ui.scope_id().with(("picture", slot)), Sense::click_and_drag());
        drag.widget_info(|| WidgetInfo::labeled(Role::Image, true, kind.name()));
        interact(ui, &drag, &mut self.pan_zoom, size, cell);
        let whole = snapped_corner(self.pan_zoom.rect(size, cell), scale);
        let visible = snapped(whole.intersect(cell), scale);
        let divider = visible.left() + settings.divider * visible.width();
        let (mode, second) = match settings.view {
            View::Wipe if self.pictures.has(PictureKind::Restored) => {
                (Mode::Wipe, PictureKind::Restored)
            }
            View::Difference if self.pictures.has(PictureKind::Restored) => {
                (Mode::Difference, PictureKind::Restored)
            }
            _ => (Mode::Single, kind),
        };
        // Screen pixels per pixel of the picture.
        let magnification = whole.width() * scale / size.x;
        let options = DrawOptions {
            mode,
            gain: settings.gain,
            divider,
            nearest: !settings.smooth || magnification >= SQUARE,
            clipping: settings.clipping,
        };
        if let Some((gpu, images, events)) = self.pictures.on_gpu([kind, second]) {
            let shape = gpu.draw(slot, [visible, whole], scale, images, events, options);
            ui.painter().add(shape);
        }
        let name = if mode == Mode::Difference {
            "Restored - blurry".to_owned()
        } else {
            label(kind, labels)
        };
        let font_size = labels.font_size;
        tag(ui, visible.left_top() + vec2(8.0, 8.0), Align2::LEFT_TOP, font_size, &name);
        let mut action = None;
        if mode == Mode::Wipe {
            let at = visible.right_top() - vec2(8.0, -8.0);
            tag(ui, at, Align2::RIGHT_TOP, font_size, &label(second, labels));
            action = handle(ui, divider, visible, settings.divider);
        }
        if slot == 0 && (self.pan_zoom.zoom != 1.0 || self.pan_zoom.one_to_one) {
            let at = visible.left_bottom() + vec2(8.0, -8.0);
            let percent = format!("{:.0} %", magnification * 100.0);
            tag(ui, at, Align2::LEFT_BOTTOM, font_size, &percent);
        }
        action
    }
}

/// Name of a picture, with its PSNR if known.
fn label(kind: PictureKind, labels: Labels) -> String {
    match (kind, labels.psnr_db) {
        (PictureKind::Blurry, Some((db, _))) | (PictureKind::Restored, Some((_, db)))
            if db.is_finite() =>
        {
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

fn interact(ui: &Ui, drag: &egui::Response, view: &mut PanZoom, size: Vec2, cell: Rect) {
    if drag.dragged() {
        view.shift(-drag.drag_delta(), size, cell);
    }
    if drag.double_clicked() {
        *view = PanZoom::default();
    }
    if let Some(at) = drag.hover_pos() {
        let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
        let factor = pinch * (scroll / 240.0).exp();
        if factor != 1.0 {
            view.magnify(factor, at, size, cell);
        }
    }
}

/// Draws the divider between blurry and restored with its handle, and moves it when dragged.
/// Returns the action that moves it.
fn handle(ui: &Ui, x: f32, visible: Rect, divider: f32) -> Option<Action> {
    let grip = Rect::from_center_size(pos2(x, visible.center().y), vec2(22.0, visible.height()));
    let response = ui.interact(grip, ui.scope_id().with("divider"), Sense::drag());
    response.widget_info(|| WidgetInfo::slider(true, f64::from(divider), "Divider of the wipe"));
    let pointer = response.interact_pointer_pos().filter(|_| response.dragged());
    let action = pointer.map(|at| {
        let divider = ((at.x - visible.left()) / visible.width().max(1.0)).clamp(0.0, 1.0);
        Action::Set(Setting::Divider(divider))
    });
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
    action
}

/// Draws a label in a corner of a picture.
fn tag(ui: &Ui, at: Pos2, align: Align2, font_size: f32, text: &str) {
    let colour = Color32::from_gray(240);
    let galley =
        ui.painter().layout_no_wrap(text.to_owned(), FontId::proportional(font_size), colour);
    let room = vec2(font_size * 0.54, font_size * 0.23);
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
