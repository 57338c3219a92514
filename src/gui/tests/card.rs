//! Pixel-exact tests of the shader, on a GPU or a software renderer.

use super::*;
use crate::gui::settings::View;
use eframe::egui_wgpu::RenderState;
use eframe::wgpu;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};
use image::RgbaImage;

/// A new renderer; none if there is no Vulkan device.
pub(super) fn state() -> Option<RenderState> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.request_adapter(&Default::default()));
    if adapter.is_err() {
        println!(
            "skipped: no Vulkan device, not even a software renderer (install mesa-vulkan-drivers)"
        );
        return None;
    }
    let options = eframe::egui_wgpu::RendererOptions::PREDICTABLE;
    Some(create_render_state(default_wgpu_setup(), options))
}

/// Renders the window; returns the image and the rectangles of the views.
fn render(settings: impl Fn(&mut Window)) -> Option<(RgbaImage, Vec<egui::Rect>)> {
    let state = state()?;
    let w = window(&Script::default());
    let mut window = Window::new(w.session, None, Some(&state), Arc::new(|| ()));
    window.eye.actual = true;
    settings(&mut window);
    let mut harness = Harness::builder()
        .with_size(egui::vec2(1000.0, 400.0))
        .renderer(WgpuTestRenderer::from_render_state(state))
        .build_ui_state(|ui, window: &mut Window| window.show(ui), window);
    theme::apply(&harness.ctx);
    until(&mut harness, "a picture", |w| w.latest.as_ref().is_some_and(|o| !o.restored.is_empty()));
    harness.run_steps(3);
    let images = harness.get_all_by_role(egui::Role::Image).map(|n| n.rect()).collect();
    Some((harness.render().unwrap(), images))
}

/// Row 40 of the picture in the centre of a view, left to right.
fn row(image: &RgbaImage, cell: egui::Rect) -> Vec<[u8; 3]> {
    let left = (cell.center().x - SIZE.width as f32 / 2.0).round() as u32;
    let top = (cell.center().y - SIZE.height as f32 / 2.0).round() as u32;
    (0..SIZE.width as u32)
        .map(|x| {
            let p = image.get_pixel(left + x, top + 40).0;
            [p[0], p[1], p[2]]
        })
        .collect()
}

/// The gray ramp of the fake source, plus `offset`.
fn ramp(offset: u8) -> Vec<[u8; 3]> {
    (0..SIZE.width as u8).map(|x| [x + 40 + offset; 3]).collect()
}

#[test]
fn one_to_one_shows_every_pixel_as_it_is() {
    let Some((image, cells)) = render(|_| ()) else { return };
    assert_eq!(cells.len(), 2);
    assert_eq!(row(&image, cells[0]), ramp(0));
    assert_eq!(row(&image, cells[1]), ramp(50));
}

#[test]
fn the_wipe_is_blurry_left_and_restored_right_of_the_divider() {
    let settings = |w: &mut Window| {
        w.settings.view = View::Wipe;
        w.settings.divider = 0.25;
    };
    let Some((image, cells)) = render(settings) else { return };
    let row = row(&image, cells[0]);
    // The divider itself is three pixels wide.
    assert_eq!(row[..14], ramp(0)[..14]);
    assert_eq!(row[19..], ramp(50)[19..]);
}

#[test]
fn the_difference_is_gray_where_nothing_changed() {
    let settings = |w: &mut Window| {
        w.settings.view = View::Difference;
        w.settings.gain = 1.0;
    };
    let Some((image, cells)) = render(settings) else { return };
    // Restored is brighter by 50 everywhere: 127.5 + 50.
    for pixel in row(&image, cells[0]) {
        assert!(pixel.iter().all(|v| v.abs_diff(178) <= 1), "{pixel:?}");
    }
}

#[test]
fn events_are_drawn_at_their_pixels() {
    let settings = |w: &mut Window| {
        w.settings.view = View::Blurry;
        w.settings.events = true;
    };
    let Some((image, cells)) = render(settings) else { return };
    let left = (cells[0].center().x - SIZE.width as f32 / 2.0).round() as u32;
    let top = (cells[0].center().y - SIZE.height as f32 / 2.0).round() as u32;
    let reddish = |x: u32, y: u32| {
        let p = image.get_pixel(left + x, top + y).0;
        p[0] > p[1] + 10 && p[0] > p[2] + 10
    };
    // Pixel 16, 20 of the sensor covers 2 x 2 of the frame.
    assert!(reddish(32, 40) && reddish(33, 41), "the event is red");
    assert!(!reddish(31, 40) && !reddish(34, 40) && !reddish(32, 42), "and nothing else is");
}
