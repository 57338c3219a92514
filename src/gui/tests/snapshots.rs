//! How the window looks, compared with pictures in `tests/snapshots`: what was meant to change is
//! stored anew with `UPDATE_SNAPSHOTS=1 cargo test --lib snapshots`, and looked at.

use super::{card, *};
use crate::gui::settings::{Tab, View};
use egui_kittest::wgpu::WgpuTestRenderer;
use egui_kittest::{SnapshotOptions, try_image_snapshot_options};
use image::{Rgba, RgbaImage};
use std::path::Path;

const WIDTH: f32 = 960.0;
const HEIGHT: f32 = 600.0;
/// Pixels that may differ: another version of the driver rounds some edges otherwise. When dialogs
/// got twelve pixels more margin, 18 728 and 27 983 differed.
const TOLERATED: usize = 300;

/// A window that holds one picture, set up by `settings`, and what of it is not compared.
struct Still {
    shown: Shown,
    hidden: Vec<egui::Rect>,
}

impl Still {
    /// None where nothing can draw.
    fn new(settings: impl Fn(&mut Window)) -> Option<Self> {
        let state = card::state()?;
        let script = Script { no_truth: true, ..Script::default() };
        let w = window(&script);
        let mut window = Window::new(w.session, None, Some(&state), Arc::new(|| ()));
        settings(&mut window);
        let mut shown = Harness::builder()
            .with_size(egui::vec2(WIDTH, HEIGHT))
            .renderer(WgpuTestRenderer::from_render_state(state))
            .build_ui_state(|ui, window: &mut Window| window.show(ui), window);
        theme::apply(&shown.ctx);
        let restored = |w: &Window| w.latest.as_ref().is_some_and(|o| !o.restored.is_empty());
        until(&mut shown, "a picture", restored);
        Some(Self { shown, hidden: Vec::new() })
    }

    /// Leaves out what has this text: it is another one every time.
    fn hide(&mut self, text: &str) {
        let nodes = self.shown.query_all_by_label_contains(text);
        let rects: Vec<egui::Rect> = nodes.map(|n| n.rect()).collect();
        assert!(!rects.is_empty(), "nothing says {text}");
        self.hidden.extend(rects);
    }

    /// Compares it with the stored picture of this name.
    fn compare(mut self, name: &str) {
        // Where the pointer rests there is nothing.
        self.shown.hover_at(egui::pos2(3.0, HEIGHT / 2.0));
        self.shown.run_steps(20);
        // Rates and times, at the right of the lower bar.
        let bar = self.shown.get_by_label("Slow motion").rect();
        let rates = egui::Rect::from_min_max(
            egui::pos2(bar.right() + 8.0, bar.top() - 4.0),
            egui::pos2(WIDTH, HEIGHT),
        );
        let mut image = self.shown.render().unwrap();
        for rect in self.hidden.iter().chain([&rates]) {
            cover(&mut image, *rect);
        }
        let options = SnapshotOptions::new().max_failed_pixels(TOLERATED);
        if let Err(e) = try_image_snapshot_options(&image, name, &options) {
            panic!("{e}");
        }
    }
}

fn cover(image: &mut RgbaImage, rect: egui::Rect) {
    let (right, bottom) = (image.width(), image.height());
    for y in rect.top().max(0.0) as u32..(rect.bottom().ceil() as u32).min(bottom) {
        for x in rect.left().max(0.0) as u32..(rect.right().ceil() as u32).min(right) {
            image.put_pixel(x, y, Rgba([60, 60, 60, 255]));
        }
    }
}

#[test]
fn snapshot_of_the_start() {
    let Some(still) = Still::new(|_| ()) else { return };
    still.compare("start");
}

#[test]
fn snapshot_of_the_wipe() {
    let settings = |w: &mut Window| {
        w.settings.view = View::Wipe;
        w.settings.divider = 0.4;
        w.settings.events = true;
    };
    let Some(still) = Still::new(settings) else { return };
    still.compare("wipe");
}

#[test]
fn snapshot_of_the_library() {
    let folder = tempfile::tempdir().unwrap();
    for (i, name) in ["desk", "street"].into_iter().enumerate() {
        store(&folder.path().join(name), 2 + i as i64);
    }
    let settings = |w: &mut Window| {
        w.settings.folder = Some(folder.path().to_owned());
        (w.settings.side, w.settings.tab) = (true, Tab::Library);
    };
    let Some(mut still) = Still::new(settings) else { return };
    until(&mut still.shown, "the thumbnails", |w| w.library.complete(2));
    still.shown.run_steps(3);
    click(&mut still.shown, "Recording desk");
    click(&mut still.shown, "Choose street");
    still.hide(&folder.path().display().to_string());
    still.compare("library");
}

#[test]
fn snapshot_of_the_wizard() {
    let Some(mut still) = Still::new(|_| ()) else { return };
    press(&mut still.shown, Key::A);
    still.compare("wizard");
}

#[test]
fn snapshot_of_the_help() {
    let Some(mut still) = Still::new(|_| ()) else { return };
    press(&mut still.shown, Key::H);
    still.compare("help");
}

/// A recording whose pictures are always the same.
fn store(folder: &Path, pairs: i64) {
    for i in 0..pairs {
        pair(&captured(0).picture, i).write(&folder.join(format!("pair_{i:05}.npz"))).unwrap();
    }
}
