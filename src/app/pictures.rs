//! The pictures of one exposure as textures.

use super::settings::Settings;
use crate::event::Span;
use crate::frame::Picture;
use crate::pipeline::Outcome;
use eframe::egui::{Color32, ColorImage, Context, TextureHandle, TextureOptions};

/// Everything that can be drawn.
#[derive(Default)]
pub(super) struct Pictures {
    pub blurry: Option<TextureHandle>,
    pub restored: Option<TextureHandle>,
    pub edi: Option<TextureHandle>,
    pub difference: Option<TextureHandle>,
    pub events: Option<TextureHandle>,
}

impl Pictures {
    /// Takes instant number `index` of an outcome; draws only what the settings show.
    pub(super) fn set(
        &mut self,
        context: &Context,
        outcome: &Outcome,
        index: usize,
        settings: &Settings,
    ) {
        let smooth = TextureOptions::LINEAR;
        let blurry = &outcome.captured.picture;
        let restored = outcome.restored.get(index);
        let put =
            |slot: &mut Option<TextureHandle>, name: &str, image: ColorImage, options| match slot {
                Some(texture) => texture.set(image, options),
                None => *slot = Some(context.load_texture(name, image, options)),
            };
        put(&mut self.blurry, "blurry", image(blurry), smooth);
        match restored {
            Some(picture) => put(&mut self.restored, "restored", image(picture), smooth),
            None => self.restored = None,
        }
        match outcome.edi.get(index).filter(|_| settings.edi) {
            Some(picture) => put(&mut self.edi, "edi", image(picture), smooth),
            None => self.edi = None,
        }
        match restored.filter(|_| settings.view == super::settings::View::Difference) {
            Some(r) => put(&mut self.difference, "difference", difference(blurry, r), smooth),
            None => self.difference = None,
        }
        if settings.events {
            put(&mut self.events, "events", events(outcome), TextureOptions::NEAREST);
        } else {
            self.events = None;
        }
    }
}

fn image(picture: &Picture) -> ColorImage {
    let size = [picture.size().width, picture.size().height];
    let colour = |((r, g), b): ((&u8, &u8), &u8)| Color32::from_rgb(*r, *g, *b);
    let (b, g, r) = (picture.plane(0), picture.plane(1), picture.plane(2));
    ColorImage::new(size, r.iter().zip(g).zip(b).map(colour).collect())
}

/// Restored minus blurry, twice as strong, on gray.
fn difference(blurry: &Picture, restored: &Picture) -> ColorImage {
    let size = [blurry.size().width, blurry.size().height];
    let step = |a: u8, b: u8| (128 + 2 * (i32::from(a) - i32::from(b))).clamp(0, 255) as u8;
    let plane = |c: usize| restored.plane(c).iter().zip(blurry.plane(c)).map(|(a, b)| step(*a, *b));
    let pixels = plane(2).zip(plane(1)).zip(plane(0));
    ColorImage::new(size, pixels.map(|((r, g), b)| Color32::from_rgb(r, g, b)).collect())
}

/// The exposure's events at the sensor's size: red brighter, blue darker, clear where none.
fn events(outcome: &Outcome) -> ColorImage {
    let exposure = &outcome.captured.exposure;
    let (sensor, Span { start_us, end_us }) = (exposure.sensor, exposure.span);
    let mut counts = vec![[0_u8; 2]; sensor.area()];
    for e in exposure.events.iter().filter(|e| (start_us..end_us).contains(&(e.t_us as f64))) {
        let at = usize::from(e.y) * sensor.width + usize::from(e.x);
        if let Some([off, on]) = counts.get_mut(at) {
            let count = if e.on { on } else { off };
            *count = count.saturating_add(1);
        }
    }
    let colour = |[off, on]: &[u8; 2]| {
        let alpha = off.saturating_add(*on).saturating_mul(45).min(200);
        let [strong, weak] = [255, 60];
        let (r, b) = if on >= off { (strong, weak) } else { (weak, strong) };
        Color32::from_rgba_unmultiplied(r, 70, b, alpha)
    };
    ColorImage::new([sensor.width, sensor.height], counts.iter().map(colour).collect())
}
