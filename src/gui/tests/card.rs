//! Pixel-exact tests of the shader, on Vulkan and on OpenGL, with a GPU or a software renderer.

use super::*;
use crate::gui::settings::View;
use eframe::egui_wgpu::{RenderState, WgpuSetup};
use eframe::wgpu;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};
use image::RgbaImage;

/// The kinds of drivers that the window may run on. A computer without Vulkan, DirectX 12 or
/// Metal has OpenGL.
const DRIVERS: [(&str, wgpu::Backends); 2] =
    [("Vulkan", wgpu::Backends::PRIMARY), ("OpenGL", wgpu::Backends::GL)];

/// A new renderer on the first driver; none if there is no driver.
pub(super) fn state() -> Option<RenderState> {
    let state = DRIVERS.into_iter().find_map(|(_, backends)| state_on(backends));
    if state.is_none() {
        println!("skipped: no graphics driver (install mesa-vulkan-drivers)");
    }
    state
}

fn state_on(backends: wgpu::Backends) -> Option<RenderState> {
    let WgpuSetup::CreateNew(mut setup) = default_wgpu_setup() else { return None };
    // As chosen here, independent of the environment.
    setup.instance_descriptor.backends = backends;
    let setup = WgpuSetup::CreateNew(setup);
    let adapters =
        pollster::block_on(async { setup.new_instance().await.enumerate_adapters(backends).await });
    let options = eframe::egui_wgpu::RendererOptions::PREDICTABLE;
    (!adapters.is_empty()).then(|| create_render_state(setup, options))
}

/// Renders the window with every kind of driver, and gives `check` the image and the rectangles of
/// the views.
fn render(script: &Script, settings: impl Fn(&mut App), check: impl Fn(&RgbaImage, &[egui::Rect])) {
    for (name, backends) in DRIVERS {
        let Some(state) = state_on(backends) else {
            println!("skipped: no {name} (install mesa-vulkan-drivers and libegl1)");
            continue;
        };
        println!("with {name}: {}", state.adapter.get_info().name);
        let w = window(script);
        let mut window = App::new(w.session, None, Some(&state), Arc::new(|| ()));
        window.panels.image_view.pan_zoom.one_to_one = true;
        settings(&mut window);
        let mut harness = Harness::builder()
            .with_size(egui::vec2(1000.0, 400.0))
            .renderer(WgpuTestRenderer::from_render_state(state))
            .build_ui_state(|ui, app: &mut App| crate::gui::window::show(app, ui), window);
        theme::apply(&harness.ctx);
        let restored = |w: &App| w.player.latest.as_ref().is_some_and(|o| !o.restored.is_empty());
        until(&mut harness, "a picture", restored);
        harness.run_steps(3);
        let images: Vec<egui::Rect> =
            harness.get_all_by_role(egui::Role::Image).map(|n| n.rect()).collect();
        check(&harness.render().unwrap(), &images);
    }
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
    render(
        &Script::default(),
        |_| (),
        |image, cells| {
            assert_eq!(cells.len(), 2);
            assert_eq!(row(image, cells[0]), ramp(0));
            assert_eq!(row(image, cells[1]), ramp(50));
        },
    );
}

#[test]
fn gray_pictures_are_shown_like_coloured_ones() {
    render(
        &Script { gray: true, ..Script::default() },
        |_| (),
        |image, cells| {
            assert_eq!(row(image, cells[0]), ramp(0));
            assert_eq!(row(image, cells[1]), ramp(50));
        },
    );
}

#[test]
fn pixels_can_be_shown_as_squares() {
    let settings = |w: &mut App| {
        (w.settings.smooth, w.settings.view) = (false, View::Blurry);
    };
    render(&Script::default(), settings, |image, cells| {
        assert_eq!(row(image, cells[0]), ramp(0));
    });
}

#[test]
fn the_wipe_is_blurry_left_and_restored_right_of_the_divider() {
    let settings = |w: &mut App| {
        w.settings.view = View::Wipe;
        w.settings.divider = 0.25;
    };
    render(&Script::default(), settings, |image, cells| {
        let row = row(image, cells[0]);
        // The divider itself is three pixels wide.
        assert_eq!(row[..14], ramp(0)[..14]);
        assert_eq!(row[19..], ramp(50)[19..]);
    });
}

#[test]
fn the_difference_is_gray_where_nothing_changed() {
    let settings = |w: &mut App| {
        w.settings.view = View::Difference;
        w.settings.gain = 1.0;
    };
    render(&Script::default(), settings, |image, cells| {
        // Restored is brighter by 50 everywhere: 127.5 + 50.
        for pixel in row(image, cells[0]) {
            assert!(pixel.iter().all(|v| v.abs_diff(178) <= 1), "{pixel:?}");
        }
    });
}

#[test]
fn events_are_drawn_at_their_pixels() {
    let settings = |w: &mut App| {
        w.settings.view = View::Blurry;
        w.settings.events = true;
    };
    render(&Script::default(), settings, |image, cells| {
        let left = (cells[0].center().x - SIZE.width as f32 / 2.0).round() as u32;
        let top = (cells[0].center().y - SIZE.height as f32 / 2.0).round() as u32;
        let reddish = |x: u32, y: u32| {
            let p = image.get_pixel(left + x, top + y).0;
            p[0] > p[1] + 10 && p[0] > p[2] + 10
        };
        // Pixel 16, 20 of the sensor covers 2 x 2 of the frame.
        assert!(reddish(32, 40) && reddish(33, 41), "the event is red");
        assert!(!reddish(31, 40) && !reddish(34, 40) && !reddish(32, 42), "and nothing else is");
    });
}

/// With the wgpu engine on the window's device: what is drawn from the engine's texture is the
/// picture that is copied from it.
#[cfg(feature = "wgpu")]
#[test]
fn a_picture_that_stays_on_the_device_is_drawn_as_it_is() {
    use crate::engine::Choice;
    use crate::gui::shared_device;
    use crate::live::Compute;
    let WgpuSetup::CreateNew(mut setup) = default_wgpu_setup() else { return };
    setup.instance_descriptor.backends = wgpu::Backends::PRIMARY;
    let mut setup = WgpuSetup::CreateNew(setup);
    shared_device::prepare(&mut setup);
    let found = pollster::block_on(async {
        setup.new_instance().await.enumerate_adapters(wgpu::Backends::PRIMARY).await
    });
    if found.is_empty() {
        return println!("skipped: no Vulkan (install mesa-vulkan-drivers)");
    }
    let state = create_render_state(setup, eframe::egui_wgpu::RendererOptions::PREDICTABLE);
    let compute = Compute { choice: Choice::Wgpu, ..Compute::default() };
    let recipe = Recipe {
        restorer: recipe::restoring(Some(compute), shared_device::of(Some(&state))),
        ..recipe(recipe::opener(Default::default()))
    };
    // Without ground truth, with which every picture would be compared in memory.
    let w = window_with(&Script { no_truth: true, ..Script::default() }, recipe);
    let mut window = App::new(w.session, None, Some(&state), Arc::new(|| ()));
    window.panels.image_view.pan_zoom.one_to_one = true;
    window.settings.view = View::Restored;
    let mut harness = Harness::builder()
        .with_size(egui::vec2(1000.0, 400.0))
        .renderer(WgpuTestRenderer::from_render_state(state))
        .build_ui_state(|ui, app: &mut App| crate::gui::window::show(app, ui), window);
    theme::apply(&harness.ctx);
    until(&mut harness, "a picture on the device alone", |w| {
        w.player.latest.as_ref().is_some_and(|o| o.on_device.is_some() && o.restored.is_empty())
    });
    assert!(harness.state().session.engine().contains("shared with the window"));
    harness.run_steps(3);
    let cell = harness.get_all_by_role(egui::Role::Image).map(|n| n.rect()).next().unwrap();
    let drawn = row(&harness.render().unwrap(), cell);
    // All exposures of the fake source are the same.
    let latest = harness.state().player.latest.as_ref().unwrap();
    let copy = latest.on_device.as_ref().unwrap().read().unwrap();
    let at = |channel: usize, x: usize| copy.plane(channel)[40 * SIZE.width + x];
    let expected: Vec<[u8; 3]> = (0..SIZE.width).map(|x| [at(2, x), at(1, x), at(0, x)]).collect();
    assert_eq!(drawn, expected);
    // A picture that is looked at for longer is copied to memory, too.
    press(&mut harness, Key::Space);
    until(&mut harness, "a copy of the held picture", |w| {
        w.player.paused && w.player.latest.as_ref().is_some_and(|o| !o.restored.is_empty())
    });
}
