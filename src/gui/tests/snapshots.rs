//! Compares the window with the pictures in `tests/snapshots`. After an intended change,
//! regenerate them with `UPDATE_SNAPSHOTS=1 cargo test --lib snapshots` and inspect them.

use super::{card, *};
use crate::gui::settings::{Tab, View};
use egui_kittest::wgpu::WgpuTestRenderer;
use egui_kittest::{SnapshotOptions, try_image_snapshot_options};
use image::{Rgba, RgbaImage};
use std::path::Path;

const WIDTH: f32 = 960.0;
const HEIGHT: f32 = 600.0;
/// Pixels that may differ: other driver versions round some edges differently. For comparison,
/// twelve pixels more margin in dialogs changed 18 728 and 27 983 pixels.
const TOLERATED: usize = 300;

/// A window with one picture, set up by `settings`, and the areas that are not compared.
struct Still {
    shown: Shown,
    hidden: Vec<egui::Rect>,
}

impl Still {
    /// None if there is no renderer.
    fn new(settings: impl Fn(&mut App)) -> Option<Self> {
        let state = card::state()?;
        let script = Script { no_truth: true, ..Script::default() };
        let w = window(&script);
        let mut window = App::new(w.session, None, Some(&state), Arc::new(|| ()));
        settings(&mut window);
        let mut shown = Harness::builder()
            .with_size(egui::vec2(WIDTH, HEIGHT))
            .renderer(WgpuTestRenderer::from_render_state(state))
            .build_ui_state(|ui, app: &mut App| crate::gui::window::show(app, ui), window);
        theme::apply(&shown.ctx);
        let restored = |w: &App| w.player.latest.as_ref().is_some_and(|o| !o.restored.is_empty());
        until(&mut shown, "a picture", restored);
        Some(Self { shown, hidden: Vec::new() })
    }

    /// Excludes text that differs between runs from the comparison.
    fn hide(&mut self, text: &str) {
        let nodes = self.shown.query_all_by_label_contains(text);
        let rects: Vec<egui::Rect> = nodes.map(|n| n.rect()).collect();
        assert!(!rects.is_empty(), "the text {text} is not on the screen");
        self.hidden.extend(rects);
    }

    /// Compares the window with the stored picture of this name.
    fn compare(mut self, name: &str) {
        // Move the pointer to a place without widgets.
        self.shown.hover_at(egui::pos2(3.0, HEIGHT / 2.0));
        self.shown.run_steps(20);
        // Rates and times at the right of the bottom bar differ between runs.
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
    let settings = |w: &mut App| {
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
    let settings = |w: &mut App| {
        w.settings.folder = Some(folder.path().to_owned());
        (w.settings.side, w.settings.tab) = (true, Tab::Recordings);
    };
    let Some(mut still) = Still::new(settings) else { return };
    until(&mut still.shown, "the thumbnails", |w| w.panels.recordings.list.is_complete(2));
    still.shown.run_steps(3);
    click(&mut still.shown, "Recording desk");
    click(&mut still.shown, "Select street");
    still.hide(&folder.path().display().to_string());
    still.compare("library");
}

#[test]
fn snapshot_of_the_alignment() {
    let Some(mut still) = Still::new(|_| ()) else { return };
    press(&mut still.shown, Key::A);
    still.compare("alignment");
}

#[test]
fn snapshot_of_the_help() {
    let Some(mut still) = Still::new(|_| ()) else { return };
    press(&mut still.shown, Key::H);
    still.compare("help");
}

/// Writes a recording with fixed pictures.
fn store(folder: &Path, pairs: i64) {
    for i in 0..pairs {
        pair(&captured(0).picture, i).write(&folder.join(format!("pair_{i:05}.npz"))).unwrap();
    }
}
